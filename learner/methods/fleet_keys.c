/* How it works: fleet_keys_check reads the words in order: what every run has (keys_check),
 * rewards, overlap, ends, stale answers; then the method's plan; then what depends on it: who
 * computes the reference, rewards that compare answers. The number of records is not known yet:
 * fleet_keys_length follows when it is, and gives iterations and learning rates. */
#include "learner/methods/fleet_keys.h"

#include "base/log.h"
#include "base/mem.h"
#include "learner/methods/staleness.h"
#include "learner/run/peft.h"
#include "reward/functions.h"
#include "reward/reward_kind.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const proximals[] = {"recomputed", "interpolated", NULL};
static const char *const references[] = {"rewarder", "learner", NULL};

const struct conf_key fleet_keys_table[] = {
    {"model_name_or_path", CONF_TEXT_, offsetof(struct keys, model_name_or_path), NULL, 0, 0,
     "start model and reference: Hugging Face folder, .gguf file, run folder or owner/name on "
     "the "
     "hub",
     "model", NULL},
    {"reward_model_path", CONF_TEXT_, offsetof(struct fleet_keys, reward_model_path), NULL, 0,
     0, "short for a first reward {name: rm, model}", "reward_model_name_or_path", NULL},
    CONF_TREE(
        fleet_keys, rewards,
        "list of {name, model | rule | judge | worker, weight, normalize}; worker: a name, or "
        "{run: a command that is started here}; of a process "
        "reward model steps: dense, potential or worst (credited where steps end: ppo, "
        "grpo, reinforce++) or min, product, last, mean (one number)"),
    CONF_INT(fleet_keys, max_prompt_length, "", 1, 1 << 20,
             "longer prompts are left out and counted; unset: none is"),
    CONF_TEXT(fleet_keys, stop_token, "eos",
              "eos: an answer ends at the model's end tokens; none: it does not"),
    CONF_INT(fleet_keys, stop_token_id, "", 0, INT_MAX, "the token that ends an answer"),
    CONF_REAL_AT(fleet_keys, iteration.temperature, "temperature", "1.0", 1e-3, 1e3,
                 "in all three log-probability passes"),
    CONF_REAL_AT(fleet_keys, iteration.missing_eos_penalty, "missing_eos_penalty", "0", 0, 1e6,
                 "taken off the score of an answer that did not end"),
    CONF_TREE(
        fleet_keys, overlap,
        "none, {lag: k}: answers are k versions old, or {free: k}: up to k, weights change "
        "between tokens"),
    CONF_BOOL(fleet_keys, earlier_answers, "true",
              "actors guess by answers of earlier epochs: sooner, and no bit is another"),
    CONF_TEXT(
        fleet_keys, generation, NULL,
        "int8, with compute: bfloat16: answers are written in int8, faster, and learnt as "
        "those of another policy (importance); unset: in what compute says"),
    CONF_TEXT(fleet_keys, on_stale, "wait", "wait: no step outruns answers on their way"),
    {"importance", CONF_WORD_, offsetof(struct fleet_keys, importance), NULL, 0, 0,
     "weights of stale answers: none, plain, token_truncate, token_mask, sequence_truncate, "
     "sequence_mask",
     "vllm_importance_sampling_mode", importance_names},
    {"importance_max", CONF_REAL_, offsetof(struct fleet_keys, iteration.stale.high), "3.0", 0,
     1e9, "their upper bound", "vllm_importance_sampling_clip_max", NULL},
    {"importance_min", CONF_REAL_, offsetof(struct fleet_keys, iteration.stale.low), "0", 0,
     1e9, "their lower bound", "vllm_importance_sampling_clip_min", NULL},
    CONF_WORD(fleet_keys, proximal, proximals, "recomputed",
              "the policy a stale ratio is taken to: recomputed or interpolated"),
    CONF_TREE(fleet_keys, stop_if, "{metric: \"> 30\"}: ends the run when it holds"),
    CONF_TEXT(fleet_keys, eval_dataset, NULL, "prompts answered before and after: JSONL file"),
    CONF_INT(fleet_keys, eval_prompts, "32", 0, 1 << 20,
             "how many; held out of dataset_name when there is no other source"),
    CONF_WORD(fleet_keys, reference, references, NULL,
              "who gives reference log-probabilities: rewarder, or learner"),
    CONF_REAL(keys, lora_dropout, "0", 0, 1, "only 0: the first ratio must be 1"),
    CONF_REAL(keys, save_steps, "50", 0, INT_MAX, "iterations between checkpoints"),
    CONF_TREE(
        fleet_keys, people,
        "people are asked about pairs of answers of the run, and what they say is learnt: "
        "{per_iteration: 8, min: 64, max_age: 4}, or true for these; `drover annotate` brings "
        "them"),
    CONF_TREE(fleet_keys, fleet,
              "the supervisor's: {actors, rewarders, slots, actor_threads, host, port, key, "
              "force}"),
    CONF_TEXT(fleet_keys, broker, NULL, "tcp://host:port of the fleet's broker"),
    {"broker_key", CONF_TEXT_, offsetof(struct fleet_keys, broker_key), NULL, 0, 0,
     "key file of the fleet", "key", NULL},
    CONF_INT(fleet_keys, broker_wait, "30", 1, 1 << 20, "seconds to wait for it at the start"),
    CONF_INT(fleet_keys, parent_fd, "-1", -1, 1 << 20, "a pipe of the supervisor's"),
    CONF_REFUSED("world_size", "follows from the fleet"),
    CONF_REFUSED("batch_size",
                 "is per_device_train_batch_size x gradient_accumulation_steps: set those"),
    CONF_END};

const char *fleet_keys_response(const struct method *method)
{
    for (const struct conf_key *const *t = method->tables; *t; t++)
        for (const struct conf_key *k = *t; k->name; k++)
            if (k->type == CONF_INT_ &&
                k->offset == offsetof(struct fleet_keys, response_length))
                return k->name;
    return "response_length";
}

enum err fleet_keys_number(double *out, const json_t *value, const char *key)
{
    const char *text = json_string_value(value);
    char *end = NULL;

    *out = text ? strtod(text, &end) : json_is_number(value) ? json_number_value(value) : NAN;
    if (!isfinite(*out) || (text && (end == text || *end)))
        return err_set(ERR_PARSE, "%s: '%s' is not a number", key, text ? text : "");
    return OK;
}

static enum err take_stop(struct fleet_plan *out, const struct fleet_keys *k)
{
    out->stop_id = -1;
    if (conf_has_int(k->stop_token_id))
        out->stop_id = k->stop_token_id;
    else if (k->stop_token && !strcmp(k->stop_token, "eos"))
        out->stop_eos = true;
    else if (k->stop_token && *k->stop_token && strcmp(k->stop_token, "none"))
        return err_set(ERR_RANGE,
                       "stop_token: '%s': expected eos or none, or give "
                       "stop_token_id",
                       k->stop_token);
    if (k->iteration.missing_eos_penalty > 0 && !out->stop_eos && out->stop_id < 0)
        return err_set(ERR_RANGE, "missing_eos_penalty: without a stop token no answer ends");
    return OK;
}

static enum err take_conditions(struct fleet_plan *out, const json_t *tree)
{
    const char *metric;
    json_t *value;

    if (tree && !json_is_object(tree))
        return err_set(ERR_PARSE, "stop_if: expected {metric: \"> number\"}");
    json_object_foreach((json_t *)(uintptr_t)tree, metric, value)
    {
        const char *text = json_string_value(value);
        char *end = NULL;
        struct fleet_keys_condition *c = &out->stop_if[out->conditions];
        if (out->conditions == FLEET_KEYS_CONDITIONS)
            return err_set(ERR_RANGE, "stop_if: at most %d conditions", FLEET_KEYS_CONDITIONS);
        if (!text || (*text != '<' && *text != '>'))
            return err_set(ERR_PARSE, "stop_if: %s: expected \"> number\" or \"< number\"",
                           metric);
        c->metric = metric;
        c->below = *text == '<';
        c->limit = strtod(text + 1, &end);
        if (end == text + 1 || *end || !isfinite(c->limit))
            return err_set(ERR_PARSE, "stop_if: %s: '%s' holds no number", metric, text);
        out->conditions++;
    }
    return OK;
}

/* Who computes the reference: as told, or the learner in a fleet without rewarders. */
static enum err take_reference(struct fleet_plan *out, const struct fleet_keys *k)
{
    const char *rewarders = json_string_value(json_object_get(k->fleet, "rewarders"));

    out->reference_here = rewarders && !strcmp(rewarders, "0");
    if (k->reference >= 0)
        out->reference_here = k->reference == 1;
    if (out->iteration.follow.every) {
        if (k->reference == 0)
            return err_set(ERR_RANGE,
                           "reference: with sync_ref_model the learner has it, as it "
                           "follows the policy");
        out->reference_here = true;
    }
    out->rewards.reference =
        out->iteration.reference && !out->iteration.self_reference && !out->reference_here;
    for (int i = 0; rewarders && !strcmp(rewarders, "0") && i < out->rewards.n; i++)
        if (reward_kind_of(out->rewards.reward[i].kind)->score)
            log_warn("rewarders",
                     "reward=%s reason=\"fleet.rewarders is 0: this reward waits for "
                     "a rewarder that joins from elsewhere\"",
                     out->rewards.reward[i].name);
    return OK;
}

/* true or {per_iteration, min, max_age}. */
static enum err take_people(struct fleet_plan *out, const struct fleet_keys *k)
{
    const struct {
        const char *name;
        uint32_t *to, unset;
    } rows[] = {{"per_iteration", &out->people.per_iteration, FLEET_KEYS_PAIRS},
                {"min", &out->people.min, FLEET_KEYS_MIN},
                {"max_age", &out->people.max_age, FLEET_KEYS_AGE}};
    const char *const word = json_string_value(k->people);
    size_t known = 0;

    if (!k->people || (word && !strcmp(word, "false")))
        return OK;
    if (word ? strcmp(word, "true") != 0 : !json_is_object(k->people))
        return err_set(ERR_PARSE,
                       "people: expected true, or {per_iteration: %d, min: %d, max_age: %d}",
                       FLEET_KEYS_PAIRS, FLEET_KEYS_MIN, FLEET_KEYS_AGE);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const json_t *const given = json_object_get(k->people, rows[i].name);
        char name[32];
        double x = rows[i].unset;
        enum err err = OK;

        snprintf(name, sizeof name, "people.%s", rows[i].name);
        known += given != NULL;
        if (given)
            err = fleet_keys_number(&x, given, name);
        if (!err && !(x >= 1 && x <= FLEET_KEYS_MOST && x == floor(x)))
            err = err_set(ERR_RANGE, "%s: %g is not a whole number from 1 to %d", name, x,
                          FLEET_KEYS_MOST);
        if (err)
            return err;
        *rows[i].to = (uint32_t)x;
    }
    return known == json_object_size(k->people)
               ? OK
               : err_set(ERR_PARSE, "people: has per_iteration, min and max_age alone");
}

/* A reward model that people teach is another scorer after each refresh: no answer may be under way
 * then. */
static enum err check_refreshes(struct fleet_plan *plan)
{
    int n = 0;

    for (int i = 0; i < plan->rewards.n; i++) {
        n += plan->rewards.reward[i].people;
        if (plan->rewards.reward[i].people && plan->rewards.reward[i].normalize)
            return err_set(ERR_RANGE, "rewards: people: true: its scale changes: no normalize");
    }
    plan->people.refreshes = n > 0;
    if (n && !plan->people.per_iteration)
        return err_set(ERR_RANGE,
                       "rewards: people: true goes with the key people, which asks them");
    if (n > 1)
        return err_set(ERR_RANGE, "rewards: people: true: one reward model of a run");
    if (n && (plan->lag || plan->free))
        return err_set(ERR_RANGE,
                       "rewards: people: true: a reward model is refreshed between two "
                       "iterations, so answers may not be older: overlap: none");
    return OK;
}

/* Once the method is known to learn what people say, and to write answers that can be compared. */
static enum err check_people(struct fleet_plan *plan, const struct fleet_keys *k)
{
    const bool said = json_object_get(k->people, "per_iteration") != NULL;
    const enum err err = check_refreshes(plan);

    if (err || !plan->people.per_iteration)
        return err;
    if (!plan->judged && !plan->people.refreshes)
        return err_set(ERR_RANGE,
                       "people: %s learns no pairs that people judge (online-dpo does), and no "
                       "reward model says people: true",
                       plan->method->name);
    if (plan->samples < 2)
        return err_set(ERR_RANGE, "people: %s writes one answer to a prompt: there is no pair",
                       plan->method->name);
    if (plan->people.per_iteration > plan->batch && !said)
        plan->people.per_iteration = (uint32_t)plan->batch;
    if (plan->people.per_iteration > plan->batch)
        return err_set(ERR_RANGE,
                       "people.per_iteration: %u pairs of %llu prompts an iteration: one a "
                       "prompt at most",
                       plan->people.per_iteration, (unsigned long long)plan->batch);
    return OK;
}

/* Words that are checked before the method is asked: it looks at lag and free. */
static enum err take_words(struct fleet_plan *out, const struct fleet_keys *k)
{
    enum err err = staleness_overlap(&out->lag, &out->free, k->overlap);

    if (!err)
        err = staleness_generation(&out->answers_int8, k->generation, out->shared.compute);
    if (!err && out->answers_int8 && k->proximal == 1)
        err = err_set(ERR_RANGE, "proximal: interpolated goes by versions, and with "
                                 "generation: int8 answers of the newest differ, too");
    if (!err)
        err = take_stop(out, k);
    if (!err)
        err = take_conditions(out, k->stop_if);
    if (!err)
        err = take_people(out, k);
    if (!err && strcmp(k->on_stale, "wait"))
        err = err_set(ERR_RANGE, "on_stale: '%s': only wait: dropping prefers short answers",
                      k->on_stale);
    return err;
}

/* Answers of older weights: with none every answer is of the newest. Coarser ones are of a policy that
 * is near, but no step of this one. */
static enum err take_stale(struct fleet_plan *out, const struct fleet_keys *k)
{
    struct importance_conf *const to = &out->iteration.stale;

    to->interpolated = k->proximal == 1;
    if (!(to->low <= to->high))
        return err_set(ERR_RANGE, "importance_min: %g is above importance_max", to->low);
    if (k->importance >= 0)
        to->mode = (enum importance)k->importance;
    else if (out->free || out->answers_int8)
        to->mode = IMPORTANCE_TOKEN_TRUNCATE;
    if (!fleet_keys_stale(out))
        to->mode = IMPORTANCE_NONE;
    return OK;
}

/* What every method's iteration has of the keys; a method says the rest. */
static void take_numbers(struct fleet_plan *out, const struct fleet_keys *k)
{
    struct iteration_conf *const to = &out->iteration;

    to->method = out->self;
    to->unit = to->samples = 1;
    to->per_device_train_batch_size = k->keys.per_device_train_batch_size;
    to->adamw = keys_adamw(&k->keys);
    to->max_grad_norm = k->keys.max_grad_norm;
    to->training = keys_training(&k->keys);
    to->seed = (uint64_t)k->keys.seed;
    to->lora = peft_lora(&out->shared);
    to->strict = !fleet_keys_stale(out);
    to->parts = out->rewards.n;
    out->batch = (uint64_t)k->keys.per_device_train_batch_size *
                 (uint64_t)k->keys.gradient_accumulation_steps;
}

static enum err take_rewards(struct fleet_plan *out, const struct fleet_keys *k)
{
    json_t *all = NULL;
    enum err err = functions_read(&all, k->rewards, k->reward_funcs, &out->overlong);
    const bool none = out->method->demonstrations || out->overlong;

    if (!err)
        err = rewards_read(&out->rewards, all, k->reward_model_path, none);
    json_decref(all);
    return err;
}

/* Judges that compare the answers to a prompt with one another: what they say of one answer, or
 * of all together, is one half. */
static enum err take_groups(struct fleet_plan *out, const struct fleet_keys *k)
{
    int groups = 0;

    out->eval = k->eval_prompts;
    for (int i = 0; i < out->rewards.n; i++) {
        const struct reward *const r = &out->rewards.reward[i];
        groups += r->group;
        if (r->group && out->samples < 2)
            return err_set(ERR_RANGE,
                           "rewards: '%s' compares the answers to a prompt, of which there is "
                           "one: mode: pointwise, or a method with num_generations above 1",
                           r->name);
        if (r->group && r->normalize)
            return err_set(ERR_RANGE,
                           "rewards: '%s' compares answers: it has no scale to normalize",
                           r->name);
    }
    if (groups && groups == out->rewards.n && out->eval) {
        log_warn("eval", "reason=\"no evaluation: rewards only compare answers of one model; "
                         "drover eval win compares two\"");
        out->eval = 0;
    }
    return OK;
}

/* What training from files alone has: a fleet's evaluations are answers that rewards score on
 * their way, and answers come from models without noise. */
static enum err files_only(const struct keys_plan *plan, const struct keys *keys)
{
    if (keys->load_best_model_at_end)
        return err_set(ERR_RANGE,
                       "load_best_model_at_end: not over a fleet; stop_if ends a run "
                       "by its figures, checkpoints are in output_dir");
    if (plan->save == KEYS_BEST)
        return err_set(ERR_RANGE, "save_strategy: best: not over a fleet: no, steps or epoch");
    if (keys->neftune_noise_alpha > 0)
        return err_set(ERR_RANGE,
                       "neftune_noise_alpha: %g: answers come from a fleet that has no noise, "
                       "and the first ratio must be 1: set it to 0",
                       keys->neftune_noise_alpha);
    return OK;
}

enum err fleet_keys_check(struct fleet_plan *out, const struct method *method,
                          struct fleet_keys *k)
{
    enum err err;

    memset(out, 0, sizeof *out);
    out->method = method;
    out->self = k;
    out->iteration = k->iteration;
    out->episodes = NAN;
    out->top_p = 1;
    out->samples = 1;
    err = keys_check(&out->shared, &k->keys);
    if (!err)
        err = peft_check_fleet(&out->shared);
    if (!err)
        err = files_only(&out->shared, &k->keys);
    if (!err)
        err = take_rewards(out, k);
    if (!err)
        err = take_words(out, k);
    if (!err && out->shared.order == ORDER_BY_LENGTH)
        err = err_set(ERR_RANGE, "train_sampling_strategy: random or sequential here");
    if (!err)
        err = take_stale(out, k);
    if (err)
        return err;
    take_numbers(out, k);
    err = method->plan(k, out);
    if (!err)
        err = take_groups(out, k);
    if (!err)
        err = check_people(out, k);
    return err ? err : take_reference(out, k);
}

void fleet_keys_fini(struct fleet_plan *plan)
{
    rewards_fini(&plan->rewards);
}

static enum err lengthen(struct fleet_plan *plan, size_t rows)
{
    const enum err err =
        plan->method->length ? plan->method->length(plan->self, plan, rows) : OK;

    plan->steps_each = (int64_t)plan->iteration.epochs * plan->iteration.mini_batches;
    return err;
}

/* The critic's own iterations, of so many; a run of one has none to spare. */
static enum err take_warmup(struct fleet_plan *plan)
{
    int64_t *const alone = &plan->iteration.critic_warmup;

    if (*alone >= (int64_t)plan->iterations && plan->warmup_said)
        return err_set(ERR_RANGE,
                       "critic_warmup: %d of %d iterations: the policy would never move",
                       (int)*alone, (int)plan->iterations);
    if (*alone >= (int64_t)plan->iterations)
        *alone = 0;
    if (*alone)
        fprintf(stderr,
                "plan: the critic learns alone for %d of %d iterations (critic_warmup)\n",
                (int)*alone, (int)plan->iterations);
    return OK;
}

enum err fleet_keys_length(struct fleet_plan *plan, const struct fleet_keys *k, size_t rows)
{
    enum err err = lengthen(plan, rows);
    const double episodes =
        isnan(plan->episodes) ? ceil(k->keys.num_train_epochs * (double)rows) : plan->episodes;
    const int64_t each = plan->iteration.rate_by_step ? plan->steps_each : 1;
    double iterations = ceil(episodes / (double)plan->batch);
    struct keys_length length = {0};
    const double warmup = k->keys.warmup_steps > 0              ? k->keys.warmup_steps
                          : conf_has_real(k->keys.warmup_ratio) ? k->keys.warmup_ratio
                                                                : 0;

    if (err)
        return err;
    if (k->keys.max_steps > 0 &&
        (plan->iteration.rate_by_step || iterations > k->keys.max_steps))
        iterations = ceil((double)k->keys.max_steps / (double)each);
    if (iterations < 1)
        return err_set(ERR_RANGE, "num_train_epochs: %g gives no iteration",
                       k->keys.num_train_epochs);
    plan->iterations = (uint64_t)iterations;
    length.steps = (int64_t)iterations * each;
    length.warmup =
        warmup < 1 ? (int64_t)ceil(warmup * (double)length.steps) : (int64_t)floor(warmup);
    err = keys_schedule(&plan->iteration.rates, &k->keys, &plan->shared, &length);
    if (!err)
        err = take_warmup(plan);
    return err;
}
