/* Ends and tail of the template are known with the policy's files; then the
 * prompts are read against the narrowest context; then sizes: of the largest message, of the
 * learner's memory. Each is refused in words that name what would fit. */

#include "learner/context/run_plan.h"

#include "base/mem.h"
#include "learner/context/run_people.h"
#include "learner/iteration/iteration.h"
#include "learner/run/advice.h"
#include "learner/run/memory_plan.h"
#include "lm/model/packed.h"
#include "lm/text/reading.h"
#include "proto/wire.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static enum err take_stops(struct run_context *c)
{
    const struct model_files *policy = c->models->policy;
    const char *end = chat_end(policy->chat);
    const int id = end ? tokenizer_id(policy->tokenizer, end) : -1;
    bool there = false;

    if (c->plan.stop_id >= policy->shape.vocab)
        return err_set(ERR_RANGE, "stop_token_id: %d is not below the vocabulary's %d",
                       c->plan.stop_id, policy->shape.vocab);
    if (c->plan.stop_id >= 0)
        c->stop[c->decoding.n_stop++] = c->plan.stop_id;
    for (int i = 0; c->plan.stop_eos && i < policy->shape.eos_count; i++) {
        there = there || policy->shape.eos[i] == id;
        c->stop[c->decoding.n_stop++] = policy->shape.eos[i];
    }
    /* a conversation ends with its template's own token, named as an end token or not */
    if (c->plan.stop_eos && id >= 0 && !there && c->decoding.n_stop < SHAPE_STOPS)
        c->stop[c->decoding.n_stop++] = id;
    if (c->plan.stop_eos && !c->decoding.n_stop)
        return err_set(ERR_RANGE, "stop_token: the model names no end token: give "
                                  "stop_token_id, or stop_token=none");
    return OK;
}

/* What the template writes behind an answer: a scorer of conversations reads it, the policy
 * does not write it. */
static enum err take_tail(struct run_context *c)
{
    const struct model_files *policy = c->models->policy;
    const struct encode encode = {policy->tokenizer, policy->chat, NULL, NULL};
    size_t n = 0;
    const enum err err = reading_tail(&encode, &c->tail, &n);

    c->n_tail = err ? 0 : (uint32_t)n;
    return err;
}

/* Bytes of the largest SAMPLE: it must fit into one message. */
static enum err take_size(struct run_context *c)
{
    const uint64_t n = (uint64_t)c->keys->response_length;
    /* a token is an id and a log-probability, a bit of the mask, what the reference says of it, and
     * its text where scorers read that; then each score with who gave it, and the head */
    const uint64_t each =
        8 + 1 + (c->plan.rewards.reference ? 4u : 0) + (c->plan.rewards.text ? 8u : 0);

    c->body_max = 4096 + n * each + 640 * (uint64_t)c->plan.rewards.n;
    if (c->body_max > WIRE_BODY_MAX)
        return err_set(ERR_RANGE,
                       "%s: an answer of %d tokens may take %" PRIu64
                       " bytes, a message carries %d: %" PRIu64 " tokens at most",
                       fleet_keys_response(c->plan.method), c->keys->response_length,
                       c->body_max, WIRE_BODY_MAX,
                       (WIRE_BODY_MAX - (c->body_max - n * each)) / each);
    return OK;
}

/* That no ratio is exactly 1 would be a fault elsewhere. */
static void tell_generation(const struct run_context *c)
{
    if (c->plan.answers_int8)
        fprintf(stderr,
                "plan: answers are written in int8 and learnt in %s: their ratios are not 1; "
                "importance: %s\n",
                precision_name(c->plan.shared.compute),
                importance_names[c->plan.iteration.stale.mode]);
}

static enum err take_memory(struct run_context *c)
{
    const struct keys *k = &c->keys->keys;
    struct iteration_conf *iteration = &c->plan.iteration;
    const struct shape *policy = &c->models->policy->shape;
    struct shape critic = *policy;
    struct memory_plan memory = {
        .policy = *policy,
        .critic = iteration->critic ? &critic : NULL,
        .options = iteration->training,
        .lora = iteration->lora,
        /* the versions that tasks may name, the newest, and one in the making */
        .n_images = c->plan.lag + 2 + (iteration->follow.every > 0),
        /* the longest prompt with the longest answer, as often as a micro-batch may hold them */
        .tokens = (c->train->longest + (size_t)c->keys->response_length) *
                  (size_t)k->per_device_train_batch_size};
    char words[ADVICE_WORDS], kept[MEMORY_PLAN_WORDS], needed[ADVICE_SIZE], given[ADVICE_SIZE];

    critic.head = HEAD_SCALAR; /* the policy's trunk, if it has to be made */
    memory_plan_keep(&memory, &c->plan.shared, kept);
    iteration->training = memory.options;
    fprintf(
        stderr,
        "plan: %" PRIu64 " iterations of %" PRIu64
        " answers, %d passes of %d optimiser steps each; %zu prompts, up to %zu + %d tokens; "
        "%s of %s memory\n",
        c->plan.iterations, c->plan.batch * c->plan.samples, c->plan.iteration.epochs,
        c->plan.iteration.mini_batches, c->train->n, c->train->longest,
        c->keys->response_length, advice_size(needed, memory_plan_size(&memory)),
        advice_size(given, c->plan.shared.memory_bytes));
    if (*kept)
        fprintf(stderr, "plan: %s\n", kept);
    prompts_tell(c->train);
    run_people_plan(c);
    tell_generation(c);
    advice_rate(words, k->learning_rate, iteration->lora != NULL);
    if (*words)
        fprintf(stderr, "plan: %s\n", words);
    return memory_plan_check(&memory, k, &c->plan.shared, fleet_keys_response(c->plan.method));
}

enum err run_plan_decoding(struct run_context *c)
{
    enum err err;

    c->decoding = (struct decoding){.temperature = (float)c->keys->iteration.temperature,
                                    .top_p = c->plan.top_p,
                                    .min_p = c->plan.min_p,
                                    .top_k = c->plan.top_k,
                                    .max_new = (uint32_t)c->keys->response_length,
                                    .stop = c->stop};
    err = take_stops(c);

    return err ? err : take_tail(c);
}

enum err run_plan(struct run_context *c)
{
    const struct keys *k = &c->keys->keys;
    enum err err = fleet_keys_length(&c->plan, c->keys, c->train->n);
    const struct tasks_plan plan = {
        .seed = (uint64_t)(conf_has_int(k->data_seed) ? k->data_seed : k->seed),
        .rows = c->train->n,
        .shuffle = c->plan.shared.order != ORDER_SEQUENTIAL,
        .eval = c->eval ? c->eval->n : 0,
        .batch = c->plan.batch,
        .samples = c->plan.samples,
        .iterations = c->plan.iterations,
        .most = c->plan.most,
        .lag = c->plan.lag,
        .free = c->plan.free};

    if (!err)
        err = take_size(c);
    if (!err)
        err = take_memory(c);
    if (!err && c->plan.rewards.normalize)
        err = samples_log_scale_check(&plan);
    return err ? err : tasks_new(&c->tasks, &plan);
}
