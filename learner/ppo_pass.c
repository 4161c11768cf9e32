#include "learner/ppo_pass.h"

#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { ARRAYS = 9 };

void ppo_pass_free(struct ppo_pass *pass)
{
    free(pass->token);
    free(pass->seq);
    free(pass->learn);
    free(pass->block);
    *pass = (struct ppo_pass){0};
}

static enum err room(struct ppo_pass *pass, size_t tokens, size_t n)
{
    enum err err;

    if (tokens > INT_MAX)
        return err_set(ERR_RANGE, "a micro-batch of %zu tokens", tokens);
    if (tokens <= pass->room && n <= pass->seq_room)
        return OK;
    ppo_pass_free(pass);
    pass->seq = mem_new(n + 1, sizeof(*pass->seq));
    err = mem_big(&pass->token, tokens, sizeof(*pass->token), "a micro-batch");
    if (!err)
        err = mem_big(&pass->learn, tokens, 1, "a micro-batch");
    if (!err)
        err = mem_big(&pass->block, ARRAYS * tokens, sizeof(float), "a micro-batch");
    if (err)
        return err;
    float **const array[ARRAYS] = {&pass->behaviour, &pass->advantage, &pass->returns,
                                   &pass->old_value, &pass->logprob,   &pass->entropy,
                                   &pass->value,     &pass->slope[0],  &pass->slope[1]};
    for (size_t i = 0; i < ARRAYS; i++)
        *array[i] = pass->block + i * tokens;
    pass->room = tokens;
    pass->seq_room = n;
    return OK;
}

/* Rollout i from token `at` on. */
static int put(struct ppo_pass *pass, const struct ppo_batch *source, size_t i, int at)
{
    const struct ppo_rollout *r = &source->rollout[i];
    const size_t from = source->at[i], n = (size_t)r->tokens, bytes = n * sizeof(float);
    const size_t prompt = (size_t)at, to = prompt + (size_t)r->prompts;
    float *const array[] = {pass->behaviour, pass->advantage, pass->returns, pass->old_value};
    const float *const value[] = {r->behaviour, source->advantage + from,
                                  source->returns + from, source->value + from};

    memcpy(pass->token + prompt, r->prompt, (size_t)r->prompts * sizeof(int));
    memcpy(pass->token + to, r->token, n * sizeof(int));
    memset(pass->learn + prompt, 0, (size_t)r->prompts);
    memcpy(pass->learn + to, source->learn + from, n);
    for (size_t k = 0; k < sizeof(array) / sizeof(array[0]); k++) {
        memset(array[k] + prompt, 0, (size_t)r->prompts * sizeof(float));
        memcpy(array[k] + to, value[k], bytes);
    }
    return (int)(to + n);
}

enum err ppo_pass_pack(struct ppo_pass *pass, const struct ppo_batch *source,
                       const uint32_t *order, size_t n)
{
    size_t tokens = 0;
    enum err err;
    int at = 0;

    for (size_t k = 0; k < n; k++) {
        const struct ppo_rollout *r = &source->rollout[order[k]];
        tokens += (size_t)r->prompts + (size_t)r->tokens;
    }
    err = room(pass, tokens, n);
    if (err)
        return err;
    pass->source = source;
    for (size_t k = 0; k < n; k++) {
        pass->seq[k] = at;
        at = put(pass, source, order[k], at);
    }
    pass->seq[n] = at;
    pass->batch =
        (struct batch){.n = at, .n_seq = (int)n, .token = pass->token, .seq = pass->seq};
    return OK;
}

/* The critic's outputs, moved to the tokens that they are about. */
static enum err values(struct ppo_pass *pass, struct step *critic)
{
    const int n = pass->batch.n;
    const enum err err =
        step_forward(critic, &pass->batch, 1.0f, NULL, NULL, pass->value, NULL);

    if (err)
        return err;
    memmove(pass->value + 1, pass->value, (size_t)(n - 1) * sizeof(float));
    return OK;
}

enum err ppo_pass_values(struct ppo_pass *pass, struct step *critic, const uint32_t *order,
                         size_t n, float *value)
{
    const enum err err = values(pass, critic);

    for (size_t k = 0; k < n && !err; k++) {
        const struct ppo_rollout *r = &pass->source->rollout[order[k]];
        memcpy(value + pass->source->at[order[k]], pass->value + pass->seq[k] + r->prompts,
               (size_t)r->tokens * sizeof(float));
    }
    return err;
}

static struct objective_in arrays(const struct ppo_pass *pass, double normaliser)
{
    return (struct objective_in){.n = pass->batch.n,
                                 .n_seq = pass->batch.n_seq,
                                 .seq = pass->seq,
                                 .learn = pass->learn,
                                 .logprob = pass->logprob,
                                 .behaviour = pass->behaviour,
                                 .value = pass->value,
                                 .old_value = pass->old_value,
                                 .returns = pass->returns,
                                 .advantage = pass->advantage,
                                 .entropy = pass->entropy,
                                 .normaliser = normaliser};
}

enum err ppo_pass_forward(struct ppo_pass *pass, struct step *policy, double temperature)
{
    return step_forward(policy, &pass->batch, (float)temperature, pass->logprob, pass->entropy,
                        NULL, NULL);
}

void ppo_pass_policy(struct ppo_pass *pass, struct step *policy,
                     const struct objective_ppo_conf *conf, double normaliser,
                     struct objective_out *out)
{
    const struct objective_in in = arrays(pass, normaliser);
    const bool entropy = conf->entropy_coef != 0;

    *out = (struct objective_out){.dlogprob = pass->slope[0],
                                  .dentropy = entropy ? pass->slope[1] : NULL};
    objective_ppo.run(conf, &in, out);
    step_backward(policy, out->dlogprob, out->dentropy, NULL);
}

enum err ppo_pass_critic(struct ppo_pass *pass, struct step *critic,
                         const struct objective_ppo_conf *conf, double normaliser,
                         struct objective_out *out)
{
    const struct objective_in in = arrays(pass, normaliser);
    const size_t n = (size_t)pass->batch.n;
    const enum err err = values(pass, critic);
    float *slope = pass->slope[0];

    if (err)
        return err;
    *out = (struct objective_out){.dvalue = slope};
    objective_ppo_value.run(conf, &in, out);
    memmove(slope, slope + 1, (n - 1) * sizeof(float));
    slope[n - 1] = 0; /* nothing follows the last token */
    step_backward(critic, NULL, NULL, slope);
    return OK;
}
