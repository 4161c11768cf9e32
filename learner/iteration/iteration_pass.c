#include "learner/iteration/iteration_pass.h"

#include "base/mem.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ARRAYS = 12 };

void iteration_pass_free(struct iteration_pass *pass)
{
    free(pass->token);
    free(pass->seq);
    free(pass->stem);
    free(pass->answer);
    free(pass->learn);
    free(pass->role);
    free(pass->block);
    *pass = (struct iteration_pass){0};
}

static enum err room(struct iteration_pass *pass, size_t tokens, size_t n)
{
    enum err err;

    if (tokens > INT_MAX)
        return err_set(ERR_RANGE, "a micro-batch of %zu tokens", tokens);
    if (tokens <= pass->room && n <= pass->seq_room)
        return OK;
    iteration_pass_free(pass);
    pass->seq = mem_new(n + 1, sizeof(*pass->seq));
    pass->stem = mem_new(n, sizeof(*pass->stem));
    pass->answer = mem_new(n, sizeof(*pass->answer));
    pass->role = mem_new(n, 1);
    err = mem_big(&pass->token, tokens, sizeof(*pass->token), "a micro-batch");
    if (!err)
        err = mem_big(&pass->learn, tokens, 1, "a micro-batch");
    if (!err)
        err = mem_big(&pass->block, ARRAYS * tokens, sizeof(float), "a micro-batch");
    if (err)
        return err;
    float **const array[ARRAYS] = {&pass->behaviour,  &pass->proximal,  &pass->reference,
                                   &pass->importance, &pass->advantage, &pass->returns,
                                   &pass->old_value,  &pass->logprob,   &pass->entropy,
                                   &pass->value,      &pass->slope[0],  &pass->slope[1]};
    for (size_t i = 0; i < ARRAYS; i++)
        *array[i] = pass->block + i * tokens;
    pass->room = tokens;
    pass->seq_room = n;
    return OK;
}

/* A demonstration has no behaviour; without a reference nobody reads one. */
static void copy(float *to, const float *from, size_t n)
{
    if (from)
        memcpy(to, from, n * sizeof *to);
    else
        memset(to, 0, n * sizeof *to);
}

static bool same_prompt(const struct iteration_rollout *a, const struct iteration_rollout *b)
{
    return a->prompts == b->prompts &&
           (a->prompt == b->prompt ||
            !memcmp(a->prompt, b->prompt, (size_t)a->prompts * sizeof(int)));
}

/* Rollout i from token `at` on, without the first `stem` tokens of its prompt: none, or all. */
static int put(struct iteration_pass *pass, const struct iteration_batch *source, size_t i,
               int at, int stem)
{
    const struct iteration_rollout *r = &source->rollout[i];
    const size_t from = source->at[i], n = (size_t)r->tokens;
    const size_t own = (size_t)(r->prompts - stem), prompt = (size_t)at, to = prompt + own;
    const float *const proximal = source->has_proximal ? source->proximal + from : r->behaviour;
    const float *const reference =
        source->conf->self_reference ? proximal : iteration_batch_reference(source, i);
    float *const array[] = {pass->behaviour,  pass->proximal, pass->reference, pass->advantage,
                            pass->importance, pass->returns,  pass->old_value};
    const float *const value[] = {r->behaviour,
                                  proximal,
                                  reference,
                                  source->advantage + from,
                                  source->importance + from,
                                  source->returns + from,
                                  source->value + from};

    memcpy(pass->token + prompt, r->prompt, own * sizeof(int));
    memcpy(pass->token + to, r->token, n * sizeof(int));
    memset(pass->learn + prompt, 0, own);
    memcpy(pass->learn + to, source->learn + from, n);
    for (size_t k = 0; k < sizeof(array) / sizeof(array[0]); k++) {
        memset(array[k] + prompt, 0, own * sizeof(float));
        copy(array[k] + to, value[k], n);
    }
    return (int)(to + n);
}

enum err iteration_pass_pack(struct iteration_pass *pass, const struct iteration_batch *source,
                             const uint32_t *order, size_t n)
{
    static const uint8_t pair[2] = {OBJECTIVE_CHOSEN, OBJECTIVE_REJECTED};
    const struct iteration_rollout *trunk = NULL; /* whose prompt is there */
    size_t tokens = 0;
    enum err err;
    int at = 0;

    for (size_t k = 0; k < n; k++) {
        const struct iteration_rollout *r = &source->rollout[order[k]];
        tokens += (size_t)r->prompts + (size_t)r->tokens;
    }
    err = room(pass, tokens, n);
    if (err)
        return err;
    pass->source = source;
    for (size_t k = 0; k < n; k++) {
        const struct iteration_rollout *r = &source->rollout[order[k]];
        const bool shared = !source->conf->critic && trunk && same_prompt(trunk, r);
        pass->stem[k] = shared ? r->prompts : 0;
        pass->seq[k] = at;
        pass->answer[k] = at + r->prompts - pass->stem[k];
        pass->role[k] = source->conf->unit == 2 ? pair[k % 2] : OBJECTIVE_ALONE;
        at = put(pass, source, order[k], at, pass->stem[k]);
        trunk = shared ? trunk : r;
    }
    pass->seq[n] = at;
    pass->batch = (struct batch){.n = at,
                                 .n_seq = (int)n,
                                 .token = pass->token,
                                 .seq = pass->seq,
                                 .n_prefix = pass->stem,
                                 .wanted = pass->learn};
    return OK;
}

/* The critic's outputs, moved to the tokens that they are about. */
static enum err values(struct iteration_pass *pass, struct trainable *critic)
{
    const int n = pass->batch.n;
    const enum err err =
        trainable_forward(critic, &pass->batch, 1.0f, NULL, NULL, pass->value, NULL);

    if (err)
        return err;
    memmove(pass->value + 1, pass->value, (size_t)(n - 1) * sizeof(float));
    return OK;
}

/* The packed answers' part of x, to where their source keeps it. */
static void unpack(const struct iteration_pass *pass, const float *x, const uint32_t *order,
                   size_t n, float *out)
{
    for (size_t k = 0; k < n; k++) {
        const struct iteration_rollout *r = &pass->source->rollout[order[k]];
        memcpy(out + pass->source->at[order[k]], x + pass->answer[k],
               (size_t)r->tokens * sizeof(float));
    }
}

enum err iteration_pass_values(struct iteration_pass *pass, struct trainable *critic,
                               const uint32_t *order, size_t n, float *value)
{
    const enum err err = values(pass, critic);

    if (!err)
        unpack(pass, pass->value, order, n, value);
    return err;
}

enum err iteration_pass_logprobs(struct iteration_pass *pass, struct trainable *policy,
                                 const struct model *model, const uint32_t *order, size_t n,
                                 float *logprob)
{
    const enum err err = trainable_score(policy, model, &pass->batch,
                                         (float)pass->source->conf->temperature, pass->logprob);

    if (!err)
        unpack(pass, pass->logprob, order, n, logprob);
    return err;
}

static struct objective_in arrays(const struct iteration_pass *pass,
                                  const struct iteration_pass_whole *whole)
{
    const struct iteration_conf *const conf = pass->source->conf;
    const bool stale = conf->stale.mode != IMPORTANCE_NONE;

    return (struct objective_in){.n = pass->batch.n,
                                 .n_seq = pass->batch.n_seq,
                                 .seq = pass->seq,
                                 .learn = pass->learn,
                                 .logprob = pass->logprob,
                                 .behaviour = pass->behaviour,
                                 .proximal = stale ? pass->proximal : NULL,
                                 .reference = conf->reference ? pass->reference : NULL,
                                 .importance = stale ? pass->importance : NULL,
                                 .value = pass->value,
                                 .old_value = pass->old_value,
                                 .returns = pass->returns,
                                 .advantage = pass->advantage,
                                 .entropy = pass->entropy,
                                 .seq_role = pass->role,
                                 .normaliser = whole->normaliser,
                                 .step_tokens = whole->tokens,
                                 .entropy_coef = whole->entropy_coef};
}

enum err iteration_pass_forward(struct iteration_pass *pass, struct trainable *policy)
{
    return trainable_forward(policy, &pass->batch, (float)pass->source->conf->temperature,
                             pass->logprob, pass->entropy, NULL, NULL);
}

/* How many versions ago token t of an answer was written. */
static double age_of(const struct iteration_batch *batch, const struct iteration_rollout *r,
                     int t)
{
    uint64_t version = (uint64_t)batch->iteration;

    for (uint32_t k = 0; k < r->spans && (int)r->span[k].start <= t; k++)
        version = r->span[k].version.number;
    return (double)batch->iteration - (double)version;
}

/* log proximal = (1 - a) log behaviour + a log policy, a = age / (age + 1): what was between
 * the writer and the policy that is one step ahead. */
static void interpolate(struct iteration_pass *pass, const uint32_t *order)
{
    const struct iteration_batch *const source = pass->source;

    for (int s = 0; s < pass->batch.n_seq; s++) {
        const struct iteration_rollout *const r = &source->rollout[order[s]];
        const int at = pass->answer[s];
        for (int t = 0; t < r->tokens; t++) {
            const double age = age_of(source, r, t), a = age / (age + 1);
            const double b = (double)pass->behaviour[at + t];
            pass->proximal[at + t] = (float)(b + a * ((double)pass->logprob[at + t] - b));
        }
        importance_weigh(pass->importance + at, pass->behaviour + at, pass->proximal + at,
                         pass->learn + at, r->tokens, &source->conf->stale);
    }
}

struct iteration_pass_whole iteration_pass_measure(const struct iteration_batch *batch,
                                                   const uint32_t *order, size_t n)
{
    struct objective_in in = {.n_seq = (int)n};
    int *seq = mem_new(n + 1, sizeof *seq);
    uint8_t *learn;

    for (size_t k = 0; k < n; k++)
        seq[k + 1] = seq[k] + batch->rollout[order[k]].tokens;
    in.n = seq[n];
    learn = mem_new((size_t)in.n, 1);
    for (size_t k = 0; k < n; k++)
        memcpy(learn + seq[k], batch->learn + batch->at[order[k]],
               (size_t)batch->rollout[order[k]].tokens);
    in.seq = seq;
    in.learn = learn;
    const struct iteration_pass_whole whole = {fmax(batch->conf->policy->count(&in), 1),
                                               fmax(objective_tokens(&in), 1), 0};
    free(learn);
    free(seq);
    return whole;
}

void iteration_pass_policy(struct iteration_pass *pass, const uint32_t *order,
                           const struct iteration_pass_whole *whole, struct objective_out *out)
{
    const struct iteration_conf *const conf = pass->source->conf;
    const struct objective_in in = arrays(pass, whole);

    if (conf->stale.mode != IMPORTANCE_NONE && conf->stale.interpolated)
        interpolate(pass, order);
    *out = (struct objective_out){
        .dlogprob = pass->slope[0],
        .dentropy = entropy_control_on(&conf->entropy) ? pass->slope[1] : NULL};
    conf->policy->run(conf->loss, &in, out);
}

void iteration_pass_policy_back(struct trainable *policy, const struct objective_out *out)
{
    trainable_backward(policy, out->dlogprob, out->dentropy, NULL);
}

enum err iteration_pass_critic(struct iteration_pass *pass, struct trainable *critic,
                               const struct iteration_pass_whole *whole,
                               struct objective_out *out)
{
    const struct iteration_conf *const conf = pass->source->conf;
    const struct iteration_pass_whole each = {whole->tokens, whole->tokens, 0};
    const struct objective_in in = arrays(pass, &each);
    const size_t n = (size_t)pass->batch.n;
    const enum err err = values(pass, critic);
    float *slope = pass->slope[0];

    if (err)
        return err;
    *out = (struct objective_out){.dvalue = slope};
    conf->critic->run(conf->loss, &in, out);
    memmove(slope, slope + 1, (n - 1) * sizeof(float));
    slope[n - 1] = 0; /* nothing follows the last token */
    trainable_backward(critic, NULL, NULL, slope);
    return OK;
}
