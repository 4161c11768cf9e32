#include "rewarder/opinion.h"

#include "base/log.h"
#include "base/mem.h"
#include "judge/judge.h"
#include "judge/transcript.h"
#include "lm/file/bundle.h"
#include "lm/text/encode.h"
#include "rewarder/score.h"

#include <math.h>
#include <stdlib.h>

enum { CASES_MAX = 1 << 16, AT_ONCE = 32 };

/* The question as a person would read it: a dialogue's messages, or the text as it is. */
static char *question_of(const struct work_item *item)
{
    json_t *meta = json_loads(item->meta, 0, NULL);
    const json_t *messages = json_object_get(meta, "prompt");
    char *text = json_is_array(messages) ? transcript_of(messages) : NULL;

    json_decref(meta);
    return text ? text : mem_text(item->prompt_text);
}

struct opinion {
    struct judge *judge;
    struct work *work;
    char **question; /* [items] */
    struct opinion_count now;
};

static enum err each(struct opinion *o)
{
    struct work *work = o->work;
    enum err err = OK;

    for (uint32_t i = 0; i < work->items && !err; i++) {
        const struct judge_case ask = {o->question[i], work->item[i].text, NULL};
        struct judge_result result;
        err = judge_run(o->judge, &ask, 1, &result);
        if (err)
            break;
        o->now.asked++;
        o->now.unheard += isnan(result.score);
        work->value[i] = (float)(isnan(result.score) ? judge_lowest(o->judge) : result.score);
    }
    return err;
}

/* Cases (i, j), i < j, of the group from number `from`; their number up to AT_ONCE. */
static int window(const struct opinion *o, uint32_t *i, uint32_t *j, struct judge_case *ask,
                  uint32_t (*who)[2])
{
    const struct work *work = o->work;
    int n = 0;

    for (; *i + 1 < work->items && n < AT_ONCE; ++*i, *j = *i + 1)
        for (; *j < work->items; ++*j) {
            if (n == AT_ONCE)
                return n;
            who[n][0] = *i;
            who[n][1] = *j;
            ask[n++] =
                (struct judge_case){o->question[*i], work->item[*i].text, work->item[*j].text};
        }
    return n;
}

static enum err among(struct opinion *o)
{
    struct work *work = o->work;
    double *won = mem_new(work->items, sizeof *won);
    uint32_t i = 0, j = 1, who[AT_ONCE][2];
    struct judge_case ask[AT_ONCE];
    struct judge_result result[AT_ONCE];
    enum err err = OK;
    int n;

    while (!err && (n = window(o, &i, &j, ask, who)) > 0) {
        err = judge_run(o->judge, ask, n, result);
        for (int k = 0; k < n && !err; k++) {
            const bool heard = !isnan(result[k].p_a);
            const double p = heard ? result[k].p_a : 0.5;
            won[who[k][0]] += p;
            won[who[k][1]] += 1 - p;
            o->now.asked++;
            o->now.unheard += !heard;
        }
    }
    for (uint32_t k = 0; k < work->items && !err; k++)
        work->value[k] = work->items > 1 ? (float)(won[k] / (work->items - 1)) : 0.5f;
    free(won);
    return err;
}

static enum err run(struct opinion *o)
{
    struct work *work = o->work;
    const uint64_t n = work->items;
    enum err err;

    if (work->group && n * (n - 1) / 2 > CASES_MAX)
        return err_set(ERR_RANGE, "a group of %u is too large to compare", work->items);
    o->question = mem_new(work->items, sizeof *o->question);
    for (uint32_t i = 0; i < work->items; i++) {
        work->each[i] = 1;
        o->question[i] = question_of(&work->item[i]);
    }
    work->values = work->items;
    err = work->group ? among(o) : each(o);
    for (uint32_t i = 0; i < work->items; i++)
        free(o->question[i]);
    free(o->question);
    return err;
}

static void tell(const struct opinion *o, const json_t *spec, struct opinion_count *count)
{
    const char *name = json_string_value(json_object_get(spec, "name"));

    count->asked += o->now.asked;
    count->unheard += o->now.unheard;
    if (o->now.unheard)
        log_warn("judge", "name=%s without_verdict=%ld of=%ld in_all=%ld of_all=%ld",
                 name ? name : "", o->now.unheard, o->now.asked, count->unheard, count->asked);
}

enum err opinion_give(struct work *work, const struct model *model, const struct bundle *bundle,
                      struct opinion_count *count)
{
    const struct encode encode = {bundle->tokenizer, bundle->chat, bundle->chat_error};
    struct opinion o = {.work = work};
    struct judge_spec spec;
    json_t *entry = json_loads(work->spec, JSON_REJECT_DUPLICATES, NULL);
    enum err err;

    if (json_object_get(entry, "template"))
        err = err_set(ERR_PARSE, "a judge's template travels as text, not as a path");
    else
        err = judge_spec_read(&spec, entry);
    if (!err) {
        err = judge_new(&o.judge, &spec, model, &encode);
        if (!err)
            err = run(&o);
        if (!err)
            tell(&o, entry, count);
        judge_free(o.judge);
        judge_spec_fini(&spec);
    }
    json_decref(entry);
    return err;
}
