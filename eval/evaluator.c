/* An entry is read by the one parser of rewards (reward_alone), and answers are scored by the
 * kind's own code: what is done here is to open the model from disk and to bring records into
 * the form that a rewarder would have got. Three ways lead there: a reward model gets the
 * tokens of prompt and answer as it was trained to read them; a judge and a process reward
 * model are asked directly, since evaluation wants more of them than a score (verdicts,
 * steps); any other kind gets texts, as a ticket has them. The demo's world is the one thing
 * that no run can be rewarded by.
 *
 * Callers open one, ask in windows of some tens of answers, and close it; the counts of
 * failures and swaps are of all windows so far. */

#include "eval/evaluator.h"

#include "base/log.h"
#include "base/mem.h"
#include "data/dialogue.h"
#include "examples/world/world.h"
#include "lm/file/open_model.h"
#include "lm/text/reading.h"
#include "reward/batch.h"
#include "reward/judge/transcript.h"
#include "reward/prm.h"
#include "reward/reward.h"
#include "reward/reward_kind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct evaluator {
    char *name;
    struct reward reward;           /* nothing in it: the world */
    const struct reward_kind *kind; /* NULL: the world */
    struct open_model loaded;       /* of a kind that needs a model */
    struct prm_rule steps;          /* of a process reward model; the texts are the json's */
    json_t *steps_spec;
    struct judge_spec spec;
    struct judge *judge;
    bool silent; /* no verdict stays none */
    bool warned; /* it was said that a column can make no answer right */
    long failures, swapped, too_long;
};

/* ---- opening */

static bool is_prm(const struct evaluator *e)
{
    return e->kind && e->kind->number == SCORER_REWARD_MODEL &&
           model_shape(e->loaded.model)->head == HEAD_STEP;
}

static enum err open_reward_model(struct evaluator *e, bool steps)
{
    const char *path = e->reward.model;
    enum err err =
        open_model_all(&e->loaded, path, HEAD_STEP, precision_name(e->reward.compute));

    if (err)
        return err;
    e->name = mem_print("%sreward model %s", is_prm(e) ? "process " : "", path);
    if (steps && !is_prm(e))
        return err_set(ERR_RANGE,
                       "%s: a reward model that reads no steps: `steps` is for "
                       "those that `drover prm` trains",
                       path);
    return prm_spec(&e->steps, &e->steps_spec, e->reward.spec);
}

/* A judge is a language model and a template; what it says is read strictly. */
static enum err open_judge(struct evaluator *e)
{
    json_t *spec = json_loads(e->reward.spec, 0, NULL);
    enum err err = judge_spec_read(&e->spec, spec);

    json_decref(spec);
    if (!err)
        err = open_model_all(&e->loaded, e->reward.model, HEAD_LM,
                             precision_name(e->reward.compute));
    return err ? err : judge_new(&e->judge, &e->spec, e->loaded.model, &e->loaded.encode);
}

static enum err open_reward(struct evaluator *e, const json_t *entry)
{
    enum err err = reward_alone(&e->reward, entry);

    if (err)
        return err;
    e->kind = reward_kind_of(e->reward.kind);
    if (e->reward.kind == SCORER_REWARD_MODEL)
        return open_reward_model(e, json_object_get(entry, "steps") ||
                                        json_object_get(entry, "step_separator"));
    e->name = mem_print("%s %s", e->kind->word,
                        json_string_value(json_object_get(entry, e->kind->word)));
    if (e->reward.kind == SCORER_JUDGE)
        return open_judge(e);
    return e->kind->model ? err_set(ERR_RANGE, "%s: scores in a run only", e->name) : OK;
}

/* The demo's hidden utility (examples/world): the one gold standard that is exact. */
static enum err open_world(struct evaluator *e, const char *which)
{
    e->name = mem_text("the world's hidden utility");
    return strcmp(which, "demo") ? err_set(ERR_RANGE, "world: '%s': expected demo", which) : OK;
}

static enum err open_path(struct evaluator *e, const char *path)
{
    json_t *entry = json_pack("{s:s}", "model", path);
    const enum err err = open_reward(e, entry);

    json_decref(entry);
    return err;
}

static enum err open_entry(struct evaluator *e, const json_t *entry)
{
    const char *world = json_string_value(json_object_get(entry, "world"));
    int given;

    if (json_is_string(entry) && json_string_length(entry))
        return open_path(e, json_string_value(entry));
    (void)reward_kind_named(entry, true, &given);
    if (given + (world != NULL) != 1)
        return err_set(ERR_PARSE,
                       "expected the path of a reward model, or exactly one of "
                       "{model: PATH, ...}, {rule: NAME, ...}, {judge: MODEL, template: "
                       "FILE, ...}, {world: demo}");
    return world ? open_world(e, world) : open_reward(e, entry);
}

/* What a best-of-n or a filter needs is a number for each answer alone. */
static enum err no_scores(const char *name)
{
    return err_set(ERR_RANGE,
                   "%s compares answers: a score each needs mode: pointwise, a "
                   "reward model or a rule",
                   name);
}

enum err evaluator_check(const json_t *entry, const char *name, bool scores)
{
    struct reward reward;
    int given;
    const struct reward_kind *kind = reward_kind_named(entry, true, &given);
    enum err err;

    if (!kind)
        return OK; /* a path, the world, or what evaluator_open refuses */
    err = reward_alone(&reward, entry);
    if (!err && scores && reward.group)
        err = no_scores(kind->whose);
    reward_fini(&reward);
    return err ? err_add("%s", name) : OK;
}

enum err evaluator_open(struct evaluator **out, const json_t *entry, const char *name)
{
    struct evaluator *e = mem_new(1, sizeof *e);
    enum err err = open_entry(e, entry);

    *out = e;
    if (!err)
        return OK;
    evaluator_close(e);
    *out = NULL;
    return err_add("%s", name);
}

void evaluator_close(struct evaluator *e)
{
    if (!e)
        return;
    judge_free(e->judge);
    if (e->spec.template)
        judge_spec_fini(&e->spec);
    open_model_close(&e->loaded);
    reward_fini(&e->reward);
    json_decref(e->steps_spec);
    free(e->name);
    free(e);
}

bool evaluator_judges(const struct evaluator *e)
{
    return e->judge != NULL;
}

bool evaluator_compares(const struct evaluator *e)
{
    return e->judge && e->spec.mode == JUDGE_PAIRWISE;
}

bool evaluator_binary(const struct evaluator *e)
{
    return e->kind && e->kind->binary && e->kind->binary(e->reward.spec);
}

const char *evaluator_name(const struct evaluator *e)
{
    return e->name;
}

void evaluator_silence(struct evaluator *e)
{
    e->silent = true;
}

long evaluator_failures(const struct evaluator *e)
{
    return e->failures;
}

long evaluator_swapped(const struct evaluator *e)
{
    return e->swapped;
}

long evaluator_too_long(const struct evaluator *e)
{
    return e->too_long;
}

/* ---- scores */

int evaluator_words(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += !strchr(" \t\r\n", *text) && (!text[1] || strchr(" \t\r\n", text[1]));
    return n;
}

/* Prompt and answer as one string or list of messages. */
static json_t *whole(const struct evaluator_item *item)
{
    json_t *all, *answer = NULL;

    if (item->completion)
        return dialogue_join(item->prompt, item->completion);
    answer = json_is_string(item->prompt)
                 ? json_string(item->answer)
                 : json_pack("[{s:s,s:s}]", "role", "assistant", "content", item->answer);
    all = dialogue_join(item->prompt, answer);
    json_decref(answer);
    return all;
}

/* ---- a reward model: tokens, as it was trained to read them */

static enum err read_tokens(const struct evaluator *e, const struct evaluator_item *item,
                            struct reward_item *to)
{
    const struct shape *shape = model_shape(e->loaded.model);
    json_t *all = whole(item);
    struct encoded encoded = {0};
    enum err err =
        all ? reading_answer(&e->loaded.encode, e->loaded.eos, all, item->tools, item->finished,
                             &encoded)
            : err_set(ERR_PARSE, "prompt and answer: both strings or both lists of messages");

    json_decref(all);
    if (!err && encoded.n > shape->context)
        err = err_set(ERR_RANGE, "%d tokens do not fit the reward model's context of %d",
                      encoded.n, shape->context);
    if (err) {
        encoded_free(&encoded);
        return err;
    }
    to->token = encoded.ids; /* the item's now */
    to->n_answer = encoded.n;
    return OK;
}

/* ---- other kinds: texts, as a ticket has them */

/* Said once: a score of 0 for all answers to a record looks like bad answers. */
static void check_column(struct evaluator *e, const json_t *meta)
{
    const char *lacks;

    if (e->warned || reward_column_check(&e->reward, meta, &lacks) || !lacks)
        return;
    e->warned = true;
    log_warn("column",
             "by=\"%s\" reason=\"column '%s' of a record holds %s: every answer to "
             "such a record scores 0\"",
             e->name, e->reward.column, lacks);
}

static void read_texts(struct evaluator *e, const struct evaluator_item *item,
                       struct reward_item *to)
{
    to->n_answer = item->tokens;
    to->prompt_text = item->prompt ? transcript_of(item->prompt) : NULL;
    if (!to->prompt_text)
        to->prompt_text = mem_text("");
    to->text = mem_text(item->answer);
    to->meta = item->meta ? json_dumps(item->meta, JSON_COMPACT) : mem_text("{}");
    check_column(e, item->meta);
}

static enum err by_kind(struct evaluator *e, const struct evaluator_item *item, int n,
                        double *score, int *bad)
{
    const struct reward_model with = {e->loaded.model, e->loaded.files};
    struct reward_batch batch = {.spec = e->reward.spec, .n_item = (uint32_t)n};
    const float *value;
    enum err err = OK;

    batch.item = mem_new((size_t)n, sizeof *batch.item);
    for (*bad = 0; *bad < n && !err; ++*bad)
        if (e->kind->text)
            read_texts(e, &item[*bad], &batch.item[*bad]);
        else
            err = read_tokens(e, &item[*bad], &batch.item[*bad]);
    if (err) {
        --*bad;
    } else {
        batch_begin(&batch);
        err = e->kind->score(&batch, e->kind->model ? &with : NULL);
        *bad = (int)batch.bad;
    }
    value = batch.value;
    for (int i = 0; i < n && !err; i++) {
        score[i] = (double)*value;
        value += batch.each[i];
    }
    batch_fini(&batch);
    return err;
}

/* ---- one by one */

/* A process reward model reads the steps that the record lists, else those of the text. */
static enum err by_steps(const struct evaluator *e, const struct evaluator_item *item,
                         double *score)
{
    const enum reward_steps how = e->reward.steps;
    json_t *text = item->steps ? NULL : json_string(item->answer);
    double *p = NULL;
    int n = 0;
    const enum err err = prm_steps(&p, &n, e->loaded.model, &e->loaded.encode, &e->steps,
                                   item->prompt, item->steps ? item->steps : text);

    *score = steps_sum(how == REWARDS_NO_STEPS ? STEPS_MIN : (enum steps_how)how, p, n);
    free(p);
    json_decref(text);
    return err;
}

static enum err by_world(const struct evaluator_item *item, double *score)
{
    const char *prompt = json_string_value(item->prompt);
    const int question = prompt ? world_find(prompt) : -1;

    if (question < 0)
        return err_set(ERR_RANGE, "'%.80s' is not a question of the world",
                       prompt ? prompt : "");
    *score = world_utility(question, item->answer, item->finished);
    return OK;
}

/* ---- a judge */

static enum err ask_judge(struct evaluator *e, const struct evaluator_item *a,
                          const struct evaluator_item *b, int n, struct judge_result *result)
{
    struct judge_case *ask = mem_new((size_t)n, sizeof *ask);
    enum err err = OK;

    for (int i = 0; i < n; i++) {
        ask[i] = (struct judge_case){a[i].prompt ? transcript_of(a[i].prompt) : mem_text(""),
                                     a[i].answer, b ? b[i].answer : NULL};
        if (!ask[i].prompt)
            err = err_set(ERR_PARSE, "prompt: expected a string or a list of messages");
    }
    if (!err)
        err = judge_run(e->judge, ask, n, result);
    for (int i = 0; i < n; i++) {
        free((char *)(uintptr_t)ask[i].prompt);
        if (!err) {
            e->failures += result[i].verdict == JUDGE_NONE;
            e->swapped += result[i].swapped;
            e->too_long += result[i].too_long;
        }
    }
    free(ask);
    return err;
}

static enum err by_judge(struct evaluator *e, const struct evaluator_item *item, int n,
                         double *score)
{
    struct judge_result *result = mem_new((size_t)n, sizeof *result);
    const enum err err = ask_judge(e, item, NULL, n, result);

    for (int i = 0; i < n && !err; i++)
        score[i] =
            isnan(result[i].score) && !e->silent ? judge_lowest(e->judge) : result[i].score;
    free(result);
    return err;
}

enum err evaluator_score(struct evaluator *e, const struct evaluator_item *item, int n,
                         double *score, int *bad)
{
    enum err err = OK;

    *bad = 0;
    if (evaluator_compares(e))
        return no_scores(e->name);
    if (e->judge)
        return by_judge(e, item, n, score);
    if (e->kind && !is_prm(e))
        return by_kind(e, item, n, score, bad);
    for (*bad = 0; *bad < n && !err; ++*bad)
        err = e->kind ? by_steps(e, &item[*bad], &score[*bad])
                      : by_world(&item[*bad], &score[*bad]);
    if (err)
        --*bad;
    return err;
}

enum err evaluator_compare(struct evaluator *e, const struct evaluator_item *a,
                           const struct evaluator_item *b, int n, struct judge_result *result,
                           double *score, int *bad)
{
    double *both;
    enum err err;

    *bad = 0;
    if (evaluator_compares(e))
        return ask_judge(e, a, b, n, result);
    both = mem_new(2 * (size_t)n, sizeof *both);
    err = evaluator_score(e, a, n, both, bad);
    if (!err)
        err = evaluator_score(e, b, n, both + n, bad);
    for (int i = 0; i < n && !err; i++) {
        const double p = both[i] > both[n + i] ? 1 : both[i] < both[n + i] ? 0 : 0.5;
        result[i] = (struct judge_result){.p_a = p,
                                          .first = {NAN, NAN},
                                          .score = NAN,
                                          .verdict = p > 0.5   ? JUDGE_A
                                                     : p < 0.5 ? JUDGE_B
                                                               : JUDGE_TIE};
    }
    if (!err && score)
        memcpy(score, both, 2 * (size_t)n * sizeof *both);
    free(both);
    return err;
}
