/* Language models that judge, as rewards (reward/judge/judge.h).
 *
 * Pointwise: the judge's score of each answer; an answer it says nothing about gets the lowest.
 * Pairwise: all answers of a group are compared with one another, in both orders; an answer's
 * score is the mean over the others of P(it wins) + P(tie) / 2; no verdict counts as a tie, and
 * a group of one scores 1/2. Two values an answer: its score, and the share of its cases
 * without a verdict.
 *
 * A judge travels with its template's text: a path means nothing elsewhere, and one that came
 * over the wire is never opened. The spec is read once a configuration, by `read_judge`, which
 * writes all of it, defaults included, into what travels; the rewarder reads that again for
 * each ticket. Cases go to the model AT_ONCE at a time, so that a large group needs no more
 * memory than a small one. */

#include "base/mem.h"
#include "lm/file/model_files.h"
#include "lm/text/encode.h"
#include "reward/batch.h"
#include "reward/entry.h"
#include "reward/judge/judge.h"
#include "reward/judge/transcript.h"
#include "reward/reward.h"
#include "reward/reward_kind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CASES_MAX = 1 << 16, AT_ONCE = 32 };

/* The question as a person would read it: a dialogue's messages, or the text as it is. */
static char *question_of(const struct reward_item *item)
{
    json_t *meta = json_loads(item->meta, 0, NULL);
    const json_t *messages = json_object_get(meta, "prompt");
    char *text = json_is_array(messages) ? transcript_of(messages) : NULL;

    json_decref(meta);
    return text ? text : mem_text(item->prompt_text);
}

struct kind_judge {
    struct judge *judge;
    struct reward_batch *batch;
    char **question; /* [n_item] */
};

/* Each answer by itself. Silence is the lowest score: else a policy could gain by what its
 * judge cannot speak about. */
static enum err each(struct kind_judge *a)
{
    struct reward_batch *batch = a->batch;
    enum err err = OK;

    for (uint32_t i = 0; i < batch->n_item && !err; i++) {
        const struct judge_case ask = {a->question[i], batch->item[i].text, NULL};
        struct judge_result result;
        err = judge_run(a->judge, &ask, 1, &result);
        if (err)
            break;
        const bool heard = !isnan(result.score);
        batch->value[2 * i] = (float)(heard ? result.score : judge_lowest(a->judge));
        batch->value[2 * i + 1] = heard ? 0 : 1;
    }
    return err;
}

/* Cases (i, j), i < j, of the group from number `from`; their number up to AT_ONCE. */
static int window(const struct kind_judge *a, uint32_t *i, uint32_t *j, struct judge_case *ask,
                  uint32_t (*who)[2])
{
    const struct reward_batch *batch = a->batch;
    int n = 0;

    for (; *i + 1 < batch->n_item && n < AT_ONCE; ++*i, *j = *i + 1)
        for (; *j < batch->n_item; ++*j) {
            if (n == AT_ONCE)
                return n;
            who[n][0] = *i;
            who[n][1] = *j;
            ask[n++] = (struct judge_case){a->question[*i], batch->item[*i].text,
                                           batch->item[*j].text};
        }
    return n;
}

static enum err among(struct kind_judge *a)
{
    struct reward_batch *batch = a->batch;
    const double others = batch->n_item > 1 ? batch->n_item - 1 : 1;
    double(*sum)[2] = mem_new(batch->n_item, sizeof *sum); /* won, unheard */
    uint32_t i = 0, j = 1, who[AT_ONCE][2];
    struct judge_case ask[AT_ONCE];
    struct judge_result result[AT_ONCE];
    enum err err = OK;
    int n;

    while (!err && (n = window(a, &i, &j, ask, who)) > 0) {
        err = judge_run(a->judge, ask, n, result);
        for (int k = 0; k < n && !err; k++) {
            const bool heard = !isnan(result[k].p_a);
            const double p = heard ? result[k].p_a : 0.5;
            sum[who[k][0]][0] += p;
            sum[who[k][1]][0] += 1 - p;
            sum[who[k][0]][1] += !heard;
            sum[who[k][1]][1] += !heard;
        }
    }
    if (batch->n_item == 1)
        sum[0][0] = 0.5;
    for (uint32_t k = 0; k < batch->n_item && !err; k++)
        for (uint32_t v = 0; v < 2; v++)
            batch->value[2 * k + v] = (float)(sum[k][v] / others);
    free(sum);
    return err;
}

/* Pairs grow with the square of the group: beyond CASES_MAX a ticket would outlive its
 * deadline. */
static enum err run(struct kind_judge *a)
{
    struct reward_batch *batch = a->batch;
    const uint64_t n = batch->n_item;
    enum err err;

    if (batch->group && n * (n - 1) / 2 > CASES_MAX)
        return err_set(ERR_RANGE, "a group of %u is too large to compare", batch->n_item);
    a->question = mem_new(batch->n_item, sizeof *a->question);
    for (uint32_t i = 0; i < batch->n_item; i++) {
        batch->each[i] = 2;
        a->question[i] = question_of(&batch->item[i]);
    }
    batch->n_value = 2 * batch->n_item;
    err = batch->group ? among(a) : each(a);
    for (uint32_t i = 0; i < batch->n_item; i++)
        free(a->question[i]);
    free(a->question);
    return err;
}

static enum err score(struct reward_batch *batch, const struct reward_model *with)
{
    const struct model_files *files = with->files;
    const struct encode encode = {files->tokenizer, files->chat, files->chat_error, NULL};
    struct kind_judge a = {.batch = batch};
    struct judge_spec spec;
    json_t *entry = json_loads(batch->spec, JSON_REJECT_DUPLICATES, NULL);
    enum err err;

    if (json_object_get(entry, "template"))
        err = err_set(ERR_PARSE, "a judge's template travels as text, not as a path");
    else
        err = judge_spec_read(&spec, entry);
    if (!err) {
        err = judge_new(&a.judge, &spec, with->model, &encode);
        if (!err)
            err = run(&a);
        judge_free(a.judge);
        judge_spec_fini(&spec);
    }
    json_decref(entry);
    return err;
}

/* ---- its entry */

static bool knows(const char *key, bool alone)
{
    bool known = false;

    (void)alone;
    for (int i = 0; i < JUDGE_KEYS; i++)
        known = known || !strcmp(key, judge_keys[i]);
    return known;
}

static const char *name(const json_t *entry)
{
    return entry_text(entry, "judge") ? "judge" : NULL;
}

/* The name is for the rewarder's log. */
static enum err read_judge(struct reward *to, const json_t *entry, bool alone)
{
    struct judge_spec spec;
    json_t *wire;
    enum err err = judge_spec_read(&spec, entry);

    (void)alone;
    if (err)
        return err;
    wire = judge_spec_write(&spec);
    json_object_set_new(wire, "name", json_string(to->name));
    to->model = mem_text(entry_text(entry, "judge"));
    to->group = spec.mode == JUDGE_PAIRWISE;
    to->spec = json_dumps(wire, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(wire);
    judge_spec_fini(&spec);
    return OK;
}

/* It reads text, so its tokens are its own; but it has to be asked in its own manner. */
static enum err fits(const struct reward *reward, const struct model_files *files,
                     const struct tokenizer *policy)
{
    (void)policy;
    if (files->shape.head != HEAD_LM)
        return err_set(ERR_RANGE, "%s is a reward model: a judge is a language model",
                       reward->model);
    return files->chat_error ? err_set(ERR_RANGE, "%s: %s", reward->model, files->chat_error)
                             : OK;
}

const struct reward_kind kind_judge = {
    .number = SCORER_JUDGE,
    .word = "judge",
    .whose = "a judge",
    .known = "template, mode, verdict, rubric, swap, tie_margin, max_new_tokens, compute",
    .model = true,
    .text = true,
    .question = true,
    .knows = knows,
    .name = name,
    .read = read_judge,
    .fits = fits,
    .score = score};
