#include "eval/evaluator.h"

#include "base/mem.h"
#include "data/dialogue.h"
#include "eval/stepwise.h"
#include "examples/world/world.h"
#include "lm/file/open_model.h"
#include "lm/text/reading.h"
#include "reward/judge/transcript.h"
#include "reward/rule/rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct evaluator {
    char *name;
    struct open_model loaded; /* a reward model or a judge */
    struct stepwise stepwise; /* of a process reward model */
    char *separator;
    struct judge_spec spec;
    struct judge *judge;
    struct rule *rule;
    bool world, silent; /* silent: no verdict stays none */
    long failures, swapped, too_long;
};

/* ---- opening */

/* What else an entry with a model may say is about the steps of a process reward model. */
static enum err read_steps(struct evaluator *m, const json_t *entry)
{
    static const char *const known[] = {"model", "steps", "step_separator", "max_prompt_length",
                                        "name"};
    const char *how = json_string_value(json_object_get(entry, "steps"));
    const char *separator = json_string_value(json_object_get(entry, "step_separator"));
    const char *most = json_string_value(json_object_get(entry, "max_prompt_length")), *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)entry, key, value)
    {
        bool found = false;
        for (int i = 0; i < 5; i++)
            found = found || !strcmp(key, known[i]);
        if (!found)
            return err_set(ERR_PARSE,
                           "'%s': no such key of a model; known are steps, step_separator, "
                           "max_prompt_length",
                           key);
    }
    m->separator = mem_text(separator ? separator : "\n");
    m->stepwise.separator = m->separator;
    m->stepwise.max_prompt = most ? (int)strtol(most, NULL, 10) : 512;
    if (!*m->separator || m->stepwise.max_prompt < 1)
        return err_set(ERR_RANGE, "step_separator may not be empty, nor max_prompt_length 0");
    return steps_how(&m->stepwise.how, how ? how : "min") ? err_add("steps") : OK;
}

static enum err open_model(struct evaluator *m, const json_t *entry, const char *path)
{
    const bool steps = json_is_object(entry) && (json_object_get(entry, "steps") ||
                                                 json_object_get(entry, "step_separator"));
    enum err err = read_steps(m, json_is_object(entry) ? entry : NULL);
    bool process;

    if (!err)
        err = open_model_all(&m->loaded, path, HEAD_STEP);
    if (err)
        return err;
    process = model_shape(m->loaded.model)->head == HEAD_STEP;
    m->name = mem_print("%sreward model %s", process ? "process " : "", path);
    if (steps && !process)
        return err_set(ERR_RANGE,
                       "%s: a reward model that reads no steps: `steps` is for "
                       "those that `drover prm` trains",
                       path);
    return OK;
}

static enum err open_rule(struct evaluator *m, const json_t *entry, const char *rule)
{
    char *spec = json_dumps(entry, JSON_COMPACT | JSON_SORT_KEYS);
    const enum err err = rule_parse(&m->rule, spec);

    m->name = mem_print("rule %s", rule);
    free(spec);
    return err;
}

static enum err known_keys(const json_t *entry)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)entry, key, value)
    {
        bool known = !strcmp(key, "name");
        for (int i = 0; i < JUDGE_KEYS; i++)
            known = known || !strcmp(key, judge_keys[i]);
        if (!known)
            return err_set(ERR_PARSE,
                           "'%s': no such key of a judge; known are template, mode, verdict, "
                           "rubric, swap, tie_margin, max_new_tokens",
                           key);
    }
    return OK;
}

static enum err open_judge(struct evaluator *m, const json_t *entry, const char *path)
{
    enum err err = known_keys(entry);

    m->name = mem_print("judge %s", path);
    if (!err)
        err = judge_spec_read(&m->spec, entry);
    if (!err)
        err = open_model_all(&m->loaded, path, HEAD_LM);
    return err ? err : judge_new(&m->judge, &m->spec, m->loaded.model, &m->loaded.encode);
}

static enum err open_world(struct evaluator *m, const char *which)
{
    m->name = mem_text("the world's hidden utility");
    m->world = true;
    return strcmp(which, "demo") ? err_set(ERR_RANGE, "world: '%s': expected demo", which) : OK;
}

static enum err open_entry(struct evaluator *m, const json_t *entry)
{
    static const char *const kinds[] = {"model", "rule", "judge", "world"};
    const char *value[4];
    int kind = -1, given = 0;

    if (json_is_string(entry) && json_string_length(entry))
        return open_model(m, entry, json_string_value(entry));
    for (int i = 0; i < 4; i++) {
        value[i] = json_string_value(json_object_get(entry, kinds[i]));
        kind = value[i] ? i : kind;
        given += value[i] != NULL;
    }
    if (given != 1)
        return err_set(ERR_PARSE,
                       "expected the path of a reward model, or exactly one of "
                       "{model: PATH, ...}, {rule: NAME, ...}, {judge: MODEL, template: "
                       "FILE, ...}, {world: demo}");
    return kind == 0   ? open_model(m, entry, value[0])
           : kind == 1 ? open_rule(m, entry, value[1])
           : kind == 2 ? open_judge(m, entry, value[2])
                       : open_world(m, value[3]);
}

static enum err no_scores(const char *name)
{
    return err_set(ERR_RANGE,
                   "%s compares answers: a score each needs mode: pointwise, a "
                   "reward model or a rule",
                   name);
}

enum err evaluator_check(const json_t *entry, const char *name, bool scores)
{
    struct evaluator m = {0};
    const char *rule = json_string_value(json_object_get(entry, "rule"));
    enum err err = OK;

    if (json_string_value(json_object_get(entry, "judge"))) {
        err = known_keys(entry);
        if (!err)
            err = judge_spec_read(&m.spec, entry);
        if (!err && scores && m.spec.mode == JUDGE_PAIRWISE)
            err = no_scores("a judge");
        if (m.spec.template)
            judge_spec_fini(&m.spec);
    } else if (rule) {
        err = open_rule(&m, entry, rule);
        rule_free(m.rule);
        free(m.name);
    }
    return err ? err_add("%s", name) : OK;
}

enum err evaluator_open(struct evaluator **out, const json_t *entry, const char *name)
{
    struct evaluator *m = mem_new(1, sizeof *m);
    enum err err = open_entry(m, entry);

    *out = m;
    if (!err)
        return OK;
    evaluator_close(m);
    *out = NULL;
    return err_add("%s", name);
}

void evaluator_close(struct evaluator *m)
{
    if (!m)
        return;
    judge_free(m->judge);
    if (m->spec.template)
        judge_spec_fini(&m->spec);
    rule_free(m->rule);
    open_model_close(&m->loaded);
    free(m->separator);
    free(m->name);
    free(m);
}

bool evaluator_judges(const struct evaluator *m)
{
    return m->judge != NULL;
}

bool evaluator_compares(const struct evaluator *m)
{
    return m->judge && m->spec.mode == JUDGE_PAIRWISE;
}

bool evaluator_binary(const struct evaluator *m)
{
    return m->rule && rule_binary(m->rule);
}

const char *evaluator_name(const struct evaluator *m)
{
    return m->name;
}

void evaluator_silence(struct evaluator *m)
{
    m->silent = true;
}

long evaluator_failures(const struct evaluator *m)
{
    return m->failures;
}

long evaluator_swapped(const struct evaluator *m)
{
    return m->swapped;
}

long evaluator_too_long(const struct evaluator *m)
{
    return m->too_long;
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

static enum err reading(const struct evaluator *m, const struct evaluator_item *item,
                        struct encoded *out)
{
    const struct shape *shape = model_shape(m->loaded.model);
    json_t *all = whole(item);
    enum err err =
        all ? reading_answer(&m->loaded.encode, m->loaded.eos, all, item->tools, item->finished,
                             out)
            : err_set(ERR_PARSE, "prompt and answer: both strings or both lists of messages");

    if (!err && out->n > shape->context)
        err = err_set(ERR_RANGE, "%d tokens do not fit the reward model's context of %d",
                      out->n, shape->context);
    json_decref(all);
    return err;
}

static enum err by_model(struct evaluator *m, const struct evaluator_item *item, int n,
                         double *score, int *bad)
{
    int *seq = mem_new((size_t)n + 1, sizeof *seq), *token = NULL;
    float *value = NULL;
    enum err err = OK;

    for (*bad = 0; *bad < n && !err; ++*bad) {
        struct encoded e = {0};
        err = reading(m, &item[*bad], &e);
        if (!err) {
            const int at = seq[*bad];
            token = mem_grow(token, (size_t)(at + e.n), sizeof *token);
            memcpy(token + at, e.ids, (size_t)e.n * sizeof *token);
            seq[*bad + 1] = at + e.n;
        }
        encoded_free(&e);
    }
    if (err)
        --*bad;
    if (!err)
        err = mem_big(&value, (size_t)seq[n] + 1, sizeof *value, "scores");
    if (!err)
        err = forward_score(m->loaded.model, token, seq, n, 1.0f, NULL, NULL, value);
    for (int i = 0; i < n && !err; i++)
        score[i] = (double)value[reading_at(seq, i)];
    free(value);
    free(token);
    free(seq);
    return err;
}

/* A process reward model reads the steps that the record lists, else those of the text. */
static enum err by_steps(const struct evaluator *m, const struct evaluator_item *item,
                         double *score)
{
    json_t *text = item->steps ? NULL : json_string(item->answer);
    double *p = NULL;
    int n = 0;
    const enum err err = stepwise_run(&p, &n, &m->loaded, &m->stepwise, item->prompt,
                                      item->steps ? item->steps : text);

    *score = steps_sum(m->stepwise.how, p, n);
    free(p);
    json_decref(text);
    return err;
}

static enum err by_rule(const struct evaluator *m, const struct evaluator_item *item,
                        double *score)
{
    char *meta = item->meta ? json_dumps(item->meta, JSON_COMPACT) : mem_text("{}");
    float value = 0;
    const enum err err = rule_score(m->rule, item->answer, (size_t)item->tokens, meta, &value);

    *score = (double)value;
    free(meta);
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

static enum err ask_judge(struct evaluator *m, const struct evaluator_item *a,
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
        err = judge_run(m->judge, ask, n, result);
    for (int i = 0; i < n; i++) {
        free((char *)(uintptr_t)ask[i].prompt);
        if (!err) {
            m->failures += result[i].verdict == JUDGE_NONE;
            m->swapped += result[i].swapped;
            m->too_long += result[i].too_long;
        }
    }
    free(ask);
    return err;
}

static enum err by_judge(struct evaluator *m, const struct evaluator_item *item, int n,
                         double *score)
{
    struct judge_result *result = mem_new((size_t)n, sizeof *result);
    const enum err err = ask_judge(m, item, NULL, n, result);

    for (int i = 0; i < n && !err; i++)
        score[i] =
            isnan(result[i].score) && !m->silent ? judge_lowest(m->judge) : result[i].score;
    free(result);
    return err;
}

enum err evaluator_score(struct evaluator *m, const struct evaluator_item *item, int n,
                         double *score, int *bad)
{
    enum err err = OK;

    *bad = 0;
    if (evaluator_compares(m))
        return no_scores(m->name);
    if (m->judge)
        return by_judge(m, item, n, score);
    if (!m->rule && !m->world && model_shape(m->loaded.model)->head == HEAD_SCALAR)
        return by_model(m, item, n, score, bad);
    for (*bad = 0; *bad < n && !err; ++*bad)
        err = m->rule    ? by_rule(m, &item[*bad], &score[*bad])
              : m->world ? by_world(&item[*bad], &score[*bad])
                         : by_steps(m, &item[*bad], &score[*bad]);
    if (err)
        --*bad;
    return err;
}

enum err evaluator_compare(struct evaluator *m, const struct evaluator_item *a,
                           const struct evaluator_item *b, int n, struct judge_result *result,
                           double *score, int *bad)
{
    double *both;
    enum err err;

    *bad = 0;
    if (evaluator_compares(m))
        return ask_judge(m, a, b, n, result);
    both = mem_new(2 * (size_t)n, sizeof *both);
    err = evaluator_score(m, a, n, both, bad);
    if (!err)
        err = evaluator_score(m, b, n, both + n, bad);
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
