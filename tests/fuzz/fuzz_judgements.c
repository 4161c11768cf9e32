/* fuzz_judgements: any lines as judgements, and every figure of what was read.
 *
 * A line that is refused is left out, so that the ones behind it are tried too. The first byte
 * chooses the level. What is told must be JSON: no figure may be NaN, and no interval may lie beside
 * its value. */
#include "ratings/alternative.h"
#include "ratings/matrix.h"
#include "ratings/raters.h"
#include "ratings/reasons.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { LINES = 60 };

static void look(json_t *told)
{
    char *text = told ? json_dumps(told, 0) : NULL;

    if (!text)
        abort();
    free(text);
    json_decref(told);
}

static void figure(const struct agreement_figure *f)
{
    if (isinf(f->value) || (!isnan(f->low) && !(f->low < f->high)))
        abort();
    if (isnan(f->value) && !f->why)
        abort();
}

static void figures(struct judgements *all)
{
    const struct agreement_conf conf = {.resamples = 20, .seed = 1};
    struct agreement agreement;
    struct matrix matrix;
    struct raters raters;
    struct reasons reasons;
    struct alternative alternative;

    if (all->annotator.n &&
        !alternative_run(&alternative, all, all->annotator.text[0], .2, .05)) {
        look(alternative_json(&alternative, all));
        alternative_fini(&alternative);
    }
    if (!agreement_run(&agreement, all, &conf)) {
        for (size_t b = 0; b < agreement.blocks; b++) {
            figure(&agreement.block[b].percent);
            figure(&agreement.block[b].alpha);
            figure(&agreement.block[b].fleiss);
        }
        look(agreement_tell_json(&agreement, all));
        agreement_fini(&agreement);
    }
    if (!matrix_run(&matrix, all, &conf))
        look(matrix_json(&matrix, all));
    matrix_fini(&matrix);
    if (!raters_run(&raters, all, &conf)) {
        look(raters_tell_json(&raters, all));
        raters_fini(&raters);
    }
    reasons_run(&reasons, all, &conf);
    look(reasons_json(&reasons, all));
    reasons_fini(&reasons);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct judgements *all =
        judgements_new((enum judgements_level)(n ? bytes[0] % (JUDGEMENTS_PAIRS + 1) : 0));
    const char *at = (const char *)bytes + (n > 0), *end = (const char *)bytes + n;

    for (int i = 0; i < LINES && at < end; i++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        json_t *row = json_loadb(at, (size_t)((stop ? stop : end) - at), 0, NULL);
        if (json_is_object(row) && judgements_read_row(all, row) == ERR_STATE)
            abort();
        json_decref(row);
        at = stop ? stop + 1 : end;
    }
    if (!judgements_end(all))
        figures(all);
    judgements_free(all);
    return 0;
}
