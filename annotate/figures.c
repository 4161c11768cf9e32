/* The thread that makes them is the one that takes judgements, and at ten thousand items with
 * intervals they take longer than somebody who pressed a key should wait. So no request makes
 * them: the page gets what there is, with its time. They are made when nothing waits, or, where
 * something always does, when they are a minute old; and never again before a hundred times as long
 * as they took has passed, a thousand times where somebody would feel it: of a hundred judgements at
 * most one waits for them a moment, of a thousand one waits longer. Nobody who looks, no work. */

#include "annotate/figures.h"

#include "annotate/exchange/judgements_of.h"
#include "base/clock.h"
#include "prefs/prefs.h"
#include "ratings/agreement.h"

#include <string.h>

enum { RESAMPLES = 500, LOOKED_MS = 60000, OLD_MS = 60000, SHARE = 100, LONG_MS = 100 };

/* Of items that have two answers to compare; other modes are for `drover agreement`. */
static enum err compute(json_t **out, struct prefs *prefs)
{
    const struct agreement_conf conf = {.overlap = prefs_settings(prefs)->overlap,
                                        .resamples = RESAMPLES};
    struct judgements *all = judgements_new(JUDGEMENTS_PAIRS);
    struct agreement agreement;
    enum err err = judgements_of(all, prefs, NULL);

    if (!err)
        err = judgements_end(all);
    if (!err)
        err = agreement_run(&agreement, all, &conf);
    if (!err) {
        *out = agreement_tell_json(&agreement, all);
        agreement_fini(&agreement);
    }
    judgements_free(all);
    return err;
}

json_t *figures_look(struct figures *f, struct prefs *prefs, int64_t mono_ms)
{
    f->wanted_ms = mono_ms ? mono_ms : 1;
    return json_pack("{s:O?, s:I, s:b}", "agreement", f->told, "at", (json_int_t)f->at_ms,
                     "fresh", f->told && f->changes == prefs_changes(prefs));
}

void figures_tick(struct figures *f, struct prefs *prefs, bool idle, int64_t mono_ms,
                  int64_t wall_ms)
{
    json_t *told = NULL;

    if (!f->wanted_ms || mono_ms - f->wanted_ms > LOOKED_MS || mono_ms < f->next_ms ||
        (f->told && f->changes == prefs_changes(prefs)) ||
        (!idle && f->told && wall_ms - f->at_ms < OLD_MS))
        return;
    f->changes = prefs_changes(prefs);
    if (compute(&told, prefs)) /* what cannot be had has a reason, which is a figure, too */
        told = json_pack("{s:s}", "why", err_text());
    json_decref(f->told);
    f->told = told;
    f->at_ms = wall_ms;
    f->took_ms = clock_mono_ms() - mono_ms;
    f->next_ms = mono_ms + f->took_ms * ((f->took_ms > LONG_MS ? 10 * SHARE : SHARE) + 1);
}

void figures_fini(struct figures *f)
{
    json_decref(f->told);
    memset(f, 0, sizeof *f);
}
