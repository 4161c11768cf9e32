#include "learner/journal/rewards.h"

#include "base/conf.h"
#include "base/mem.h"
#include "proto/digest.h"
#include "reward/judge/judge.h"
#include "reward/rule/rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {"name",   "weight",  "normalize", "model",
                                   "worker", "timeout", "steps",     "step_separator"};
static const struct hash no_hash;

static const char *text_at(const json_t *entry, const char *key)
{
    return json_string_value(json_object_get(entry, key));
}

static enum err number(double *out, const json_t *entry, const char *key)
{
    const char *text = text_at(entry, key);
    char *end = NULL;
    double value;

    if (!json_object_get(entry, key))
        return OK;
    value = text ? strtod(text, &end) : NAN;
    if (!text || end == text || *end || !isfinite(value))
        return err_set(ERR_PARSE, "%s: not a number", key);
    *out = value;
    return OK;
}

static enum err known_keys(const json_t *entry)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)entry, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            known = known || !strcmp(key, keys[i]);
        for (int i = 0; i < JUDGE_KEYS; i++)
            known = known || !strcmp(key, judge_keys[i]);
        for (int i = 0; i < RULE_KEYS; i++)
            known = known || !strcmp(key, rule_keys[i]);
        if (!known)
            return err_set(
                ERR_PARSE,
                "'%s': no such key of a reward; known are name, weight, model, rule, "
                "judge, worker, normalize, timeout, and a rule's or a judge's own",
                key);
    }
    return OK;
}

/* A rule travels as JSON with sorted keys: the same rule, the same scorer. It is made here once
 * to see whether it can be: a pattern that is none must not wait for the first answer. */
static enum err read_rule(struct reward *to, const json_t *entry)
{
    const char *column = text_at(entry, "column");
    json_t *spec = json_object();
    struct rule *rule;
    enum err err;

    for (size_t i = 0; i < RULE_KEYS; i++)
        if (json_object_get(entry, rule_keys[i]))
            json_object_set(spec, rule_keys[i], json_object_get(entry, rule_keys[i]));
    to->kind = SCORER_RULE;
    to->spec = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS);
    to->column = column ? mem_text(column) : NULL;
    json_decref(spec);
    err = rule_new(&rule, to->spec);
    rule_free(rule);
    return err;
}

/* A judge travels with its template's text: paths mean nothing elsewhere. The name is for the
 * rewarder's log. */
static enum err read_judge(struct reward *to, const json_t *entry, const char *model)
{
    struct judge_spec spec;
    json_t *wire;
    enum err err = judge_spec_read(&spec, entry);

    if (err)
        return err;
    wire = judge_spec_write(&spec);
    json_object_set_new(wire, "name", json_string(to->name));
    to->kind = SCORER_JUDGE;
    to->model = mem_text(model);
    to->group = spec.mode == JUDGE_PAIRWISE;
    to->spec = json_dumps(wire, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(wire);
    judge_spec_fini(&spec);
    return OK;
}

static enum err read_steps(struct reward *to, const json_t *entry)
{
    static const char *const names[REWARDS_NO_STEPS] = {"min",   "product",   "last", "mean",
                                                        "dense", "potential", "worst"};
    const char *word = text_at(entry, "steps"), *separator = text_at(entry, "step_separator");
    json_t *spec;

    if (!word)
        return separator ? err_set(ERR_PARSE, "step_separator: goes with steps") : OK;
    for (int i = 0; i < REWARDS_NO_STEPS; i++) {
        if (strcmp(word, names[i]) != 0)
            continue;
        to->steps = (enum rewards_steps)i;
        spec = json_pack("{s:s,s:i}", "separator", separator ? separator : "\n", "max_prompt",
                         512);
        to->spec = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS);
        json_decref(spec);
        return OK;
    }
    return err_set(ERR_RANGE,
                   "steps: '%s': expected min, product, last, mean, dense, potential or worst",
                   word);
}

static enum err goes_with(const json_t *entry, const char *const *key, int n, const char *what)
{
    for (int i = 0; i < n; i++)
        if (json_object_get(entry, key[i]))
            return err_set(ERR_PARSE, "%s: goes with %s", key[i], what);
    return OK;
}

/* Keys of another kind would count for nothing. */
static enum err no_strangers(const json_t *entry)
{
    static const char *const steps[] = {"steps", "step_separator"};
    enum err err = OK;

    if (!json_object_get(entry, "rule"))
        err = goes_with(entry, rule_keys, RULE_KEYS, "a rule");
    if (!err && !json_object_get(entry, "judge"))
        err = goes_with(entry, judge_keys, JUDGE_KEYS, "a judge");
    if (!err && !json_object_get(entry, "model"))
        err = goes_with(entry, steps, 2, "a model");
    return err;
}

/* The name that a worker registers under: the text itself, or of a map {run, name} the name,
 * else the reward's. `run` is the supervisor's, which starts it. */
static const char *worker_name(const json_t *entry)
{
    const json_t *worker = json_object_get(entry, "worker");
    const char *name = text_at(worker, "name");

    if (!json_is_object(worker))
        return json_string_value(worker);
    if (!name)
        name = text_at(entry, "name");
    return name ? name : "worker";
}

static enum err check_worker(const json_t *worker)
{
    const char *key;
    json_t *value;

    if (!json_is_object(worker))
        return OK;
    json_object_foreach((json_t *)(uintptr_t)worker, key, value)
    {
        if ((strcmp(key, "run") && strcmp(key, "name")) || !json_is_string(value) ||
            !*json_string_value(value))
            return err_set(ERR_PARSE,
                           "worker: '%s': expected a name, or {run: a command, "
                           "name: what it registers as}",
                           key);
    }
    return text_at(worker, "run") ? OK : err_set(ERR_PARSE, "worker: run is missing");
}

static enum err read_kind(struct reward *to, const json_t *entry)
{
    const char *model = text_at(entry, "model"), *worker = worker_name(entry);
    const char *judge = text_at(entry, "judge");
    const int kinds =
        (model != NULL) + (worker != NULL) + (judge != NULL) + (text_at(entry, "rule") != NULL);

    if (kinds != 1)
        return err_set(ERR_PARSE, "expected exactly one of model, rule, judge, worker");
    if (no_strangers(entry))
        return ERR_PARSE;
    if (judge)
        return read_judge(to, entry, judge);
    if (model) {
        to->kind = SCORER_REWARD_MODEL;
        to->model = mem_text(model);
        return read_steps(to, entry);
    }
    if (worker) {
        to->kind = SCORER_WORKER;
        to->worker = mem_text(worker);
        return check_worker(json_object_get(entry, "worker"));
    }
    return read_rule(to, entry);
}

static enum err read_rest(struct reward *to, const json_t *entry)
{
    const char *normalize = text_at(entry, "normalize"), *timeout = text_at(entry, "timeout");
    long ms = 0;
    enum err err = number(&to->weight, entry, "weight");

    if (!err && normalize && strcmp(normalize, "true") && strcmp(normalize, "false"))
        err = err_set(ERR_PARSE, "normalize: '%s': expected true or false", normalize);
    to->normalize = normalize && !strcmp(normalize, "true");
    if (!err && timeout)
        err = conf_duration_ms(&ms, timeout);
    if (!err && (ms < 0 || ms > 86400000))
        err = err_set(ERR_RANGE, "timeout: at most a day");
    to->timeout_ms = (uint32_t)ms;
    return err;
}

/* A worker answers once for each rollout: two rewards cannot be from the same. */
static enum err alone(const struct rewards *r, const struct reward *to)
{
    for (const struct reward *other = r->reward; other < to && to->worker; other++)
        if (other->worker && !strcmp(other->worker, to->worker))
            return err_set(ERR_PARSE,
                           "two rewards are from the worker '%s': it answers once; add the "
                           "weights up, or let it register under two names",
                           to->worker);
    return OK;
}

static enum err read_entry(struct rewards *r, const json_t *entry)
{
    struct reward *to = &r->reward[r->n];
    const char *name = text_at(entry, "name");
    enum err err;

    if (r->n == REWARDS_MAX)
        return err_set(ERR_RANGE, "at most %d rewards", REWARDS_MAX);
    *to = (struct reward){.weight = 1, .std = 1, .steps = REWARDS_NO_STEPS};
    r->n++;
    if (!json_is_object(entry))
        return err_set(ERR_PARSE, "expected {name: ..., weight: ..., model|rule|worker: ...}");
    err = known_keys(entry);
    if (err)
        return err;
    if (!name)
        name = text_at(entry, "rule")    ? text_at(entry, "rule")
               : text_at(entry, "judge") ? "judge"
               : worker_name(entry)      ? worker_name(entry)
                                         : "rm";
    if (strlen(name) >= REWARDS_NAME || !*name)
        return err_set(ERR_RANGE, "name: 1 to %d characters", REWARDS_NAME - 1);
    memcpy(to->name, name, strlen(name) + 1);
    for (int i = 0; i < r->n - 1; i++)
        if (!strcmp(r->reward[i].name, name))
            return err_set(ERR_PARSE, "two rewards are called '%s': give each a name", name);
    err = read_kind(to, entry);
    if (!err)
        err = alone(r, to);
    return err ? err : read_rest(to, entry);
}

enum err rewards_read(struct rewards *out, const json_t *list, const char *model, bool none)
{
    const json_t *entry;
    size_t i;
    enum err err = OK;

    memset(out, 0, sizeof *out);
    if (model) {
        json_t *first = json_pack("{s:s, s:s}", "name", "rm", "model", model);
        err = read_entry(out, first);
        json_decref(first);
    }
    if (!err && list && !json_is_array(list))
        err = err_set(ERR_PARSE, "rewards: expected a list");
    json_array_foreach((json_t *)(uintptr_t)list, i, entry)
    {
        if (err)
            break;
        err = read_entry(out, entry);
        if (err)
            err = err_add("rewards[%zu]", i);
    }
    if (!err && !out->n && !none)
        err = err_set(ERR_PARSE, "no reward: give reward_model_path or a rewards list");
    for (int k = 0; k < out->n; k++) {
        out->text = out->text || out->reward[k].kind != SCORER_REWARD_MODEL;
        out->judge = out->judge || out->reward[k].kind == SCORER_JUDGE;
        out->normalize = out->normalize || out->reward[k].normalize;
    }
    if (err)
        rewards_fini(out);
    return err;
}

void rewards_fini(struct rewards *rewards)
{
    for (int i = 0; i < rewards->n; i++) {
        free(rewards->reward[i].model);
        free(rewards->reward[i].worker);
        free(rewards->reward[i].spec);
        free(rewards->reward[i].column);
    }
    memset(rewards, 0, sizeof *rewards);
}

static enum err add_function(json_t *out, const char *name, bool *overlong)
{
    if (!name)
        return err_set(ERR_PARSE, "reward_funcs: expected names");
    if (!strcmp(name, "get_soft_overlong_punishment"))
        *overlong = true;
    else if (!strcmp(name, "think_format_reward"))
        json_array_append_new(out, json_pack("{s:s, s:s, s:s}", "name", name, "rule", "regex",
                                             "pattern",
                                             "(?s)\\A<think>(?!.*<think>)(.*?)</think>.*"));
    else if (!strcmp(name, "accuracy_reward") || !strcmp(name, "reasoning_accuracy_reward"))
        json_array_append_new(out, json_pack("{s:s, s:s, s:s}", "name", name, "rule", "number",
                                             "column", "solution"));
    else
        return err_set(ERR_RANGE,
                       "reward_funcs: '%s' is Python: run it as a worker and name it under "
                       "rewards: [{name: mine, worker: %s}]",
                       name, name);
    return OK;
}

enum err rewards_functions(json_t **out, const json_t *list, const json_t *functions,
                           bool *overlong)
{
    const json_t *entry;
    size_t i;
    enum err err = OK;

    *overlong = false;
    *out = list ? json_copy((json_t *)(uintptr_t)list) : json_array();
    if (json_is_string(functions))
        return add_function(*out, json_string_value(functions), overlong);
    json_array_foreach((json_t *)(uintptr_t)functions, i, entry)
    {
        if (!err)
            err = add_function(*out, json_string_value(entry), overlong);
    }
    return err;
}

size_t rewards_columns(const struct rewards *rewards, const char *out[REWARDS_MAX])
{
    size_t n = 0;

    for (int i = 0; i < rewards->n; i++)
        if (rewards->reward[i].column)
            out[n++] = rewards->reward[i].column;
    return n;
}

void rewards_table(struct rewards *r, const struct hash *card, const struct hash *image,
                   const struct hash *reference_card, const struct hash *reference_image)
{
    struct scorer *s = r->table;

    for (int i = 0; i < r->n; i++, s++) {
        struct reward *const reward = &r->reward[i];
        *s = (struct scorer){.name = reward->worker ? reward->worker : reward->name,
                             .kind = reward->kind,
                             .unit = reward->group ? UNIT_GROUP : UNIT_ROLLOUT,
                             .pure = reward->kind != SCORER_WORKER,
                             .needs_text = reward->kind != SCORER_REWARD_MODEL,
                             .per_token = reward->steps != REWARDS_NO_STEPS,
                             .card = card[i],
                             .image = image[i],
                             .spec = reward->spec ? reward->spec : "",
                             .timeout_ms = reward->timeout_ms};
        s->id = (uint32_t)i;
        s->hash = reward->scorer = digest_scorer(s);
    }
    r->scorers = r->n;
    if (!r->reference)
        return;
    *s = (struct scorer){.id = (uint32_t)r->n,
                         .name = "reference",
                         .kind = SCORER_REFERENCE,
                         .unit = UNIT_ROLLOUT,
                         .pure = true,
                         .per_token = true,
                         .card = reference_card ? *reference_card : no_hash,
                         .image = reference_image ? *reference_image : no_hash,
                         .spec = ""};
    s->hash = digest_scorer(s);
    r->scorers++;
}

double rewards_value(const struct rewards *rewards, int i, const struct record_sample *sample)
{
    const struct reward *const r = &rewards->reward[i];
    uint32_t n;
    const float *const value = record_score(sample, &r->scorer, &n);

    if (r->steps != REWARDS_NO_STEPS)
        return rewards_steps_value(r->steps, value, n);
    return n ? (double)value[0] : 0;
}

double rewards_unheard(const struct rewards *rewards, int i, const struct record_sample *sample)
{
    uint32_t n;
    const float *const value = record_score(sample, &rewards->reward[i].scorer, &n);

    return rewards->reward[i].kind == SCORER_JUDGE && n == 2 ? (double)value[1] : 0;
}

double rewards_score(const struct rewards *rewards, const struct record_sample *sample)
{
    double sum = 0;

    for (int i = 0; i < rewards->n; i++) {
        const struct reward *const r = &rewards->reward[i];
        sum += r->weight * ((rewards_value(rewards, i, sample) - r->mean) / r->std);
    }
    return sum;
}

const float *rewards_reference(const struct rewards *rewards,
                               const struct record_sample *sample)
{
    uint32_t n;

    return rewards->reference ? record_score(sample, &rewards->table[rewards->n].hash, &n)
                              : NULL;
}

void rewards_measure(struct rewards *rewards, const double *value, size_t n)
{
    for (int i = 0; i < rewards->n && n > 1; i++) {
        struct reward *const r = &rewards->reward[i];
        const double *const x = value + (size_t)i * n;
        double mean = 0, var = 0;
        if (!r->normalize)
            continue;
        for (size_t k = 0; k < n; k++)
            mean += x[k];
        mean /= (double)n;
        for (size_t k = 0; k < n; k++)
            var += (x[k] - mean) * (x[k] - mean);
        var /= (double)(n - 1);
        r->mean = mean;
        r->std = var > 0 ? sqrt(var) : 1;
    }
}

double rewards_overlong(int n, int most, int cache)
{
    if (!cache || n <= most - cache)
        return 0;
    return n <= most ? (double)(most - cache - n) / cache : -1;
}
