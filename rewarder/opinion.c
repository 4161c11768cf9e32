#include "rewarder/opinion.h"

#include "base/mem.h"
#include "lm/file/model_files.h"
#include "lm/text/encode.h"
#include "reward/judge/judge.h"
#include "reward/judge/transcript.h"
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
        const bool heard = !isnan(result.score);
        work->value[2 * i] = (float)(heard ? result.score : judge_lowest(o->judge));
        work->value[2 * i + 1] = heard ? 0 : 1;
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
    const double others = work->items > 1 ? work->items - 1 : 1;
    double(*sum)[2] = mem_new(work->items, sizeof *sum); /* won, unheard */
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
            sum[who[k][0]][0] += p;
            sum[who[k][1]][0] += 1 - p;
            sum[who[k][0]][1] += !heard;
            sum[who[k][1]][1] += !heard;
        }
    }
    if (work->items == 1)
        sum[0][0] = 0.5;
    for (uint32_t k = 0; k < work->items && !err; k++)
        for (uint32_t v = 0; v < 2; v++)
            work->value[2 * k + v] = (float)(sum[k][v] / others);
    free(sum);
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
        work->each[i] = 2;
        o->question[i] = question_of(&work->item[i]);
    }
    work->values = 2 * work->items;
    err = work->group ? among(o) : each(o);
    for (uint32_t i = 0; i < work->items; i++)
        free(o->question[i]);
    free(o->question);
    return err;
}

enum err opinion_give(struct work *work, const struct model *model,
                      const struct model_files *files)
{
    const struct encode encode = {files->tokenizer, files->chat, files->chat_error, NULL};
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
        judge_free(o.judge);
        judge_spec_fini(&spec);
    }
    json_decref(entry);
    return err;
}
