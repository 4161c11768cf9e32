#include "learner/round/round_state.h"

#include "learner/run/adapt.h"
#include "learner/run/checkpoint.h"

#include <stdlib.h>

/* The numbers that stand beside the weights in a checkpoint. */
struct counts {
    int64_t iteration, episodes, num_tokens, policy, critic;
    double beta, entropy_coef, entropy_last;
};

enum { BLOCKS = 8 };

static int blocks(struct checkpoint_block *block, const struct round *round,
                  struct counts *counts)
{
    static const char *const name[2][3] = {{"policy", "policy_m", "policy_v"},
                                           {"critic", "critic_m", "critic_v"}};
    struct step *const model[2] = {round->policy, round->critic};
    int n = 0;

    for (int i = 0; i < (round->critic ? 2 : 1); i++) {
        const struct step_state state = step_state(model[i]);
        float *const data[3] = {state.params, state.m, state.v};
        for (int k = 0; k < 3; k++)
            block[n++] =
                (struct checkpoint_block){name[i][k], data[k], state.count * sizeof(float)};
    }
    if (round->reference) {
        size_t floats;
        float *const weights = follow_weights(round->reference, &floats);
        block[n++] = (struct checkpoint_block){"reference", weights, floats * sizeof *weights};
    }
    block[n++] = (struct checkpoint_block){"counts", counts, sizeof(*counts)};
    return n;
}

enum err round_state_write(struct round *round, const char *folder, const json_t *meta)
{
    struct counts counts = {.iteration = round->iteration,
                            .episodes = round->episodes,
                            .num_tokens = round->num_tokens,
                            .policy = step_count(round->policy),
                            .critic = round->critic ? step_count(round->critic) : 0,
                            .beta = round->kl.beta,
                            .entropy_coef = round->entropy.coef,
                            .entropy_last = round->entropy.last};
    char *path = checkpoint_path(folder, round->iteration);
    struct checkpoint_block block[BLOCKS];
    json_t *head = json_object();
    int n;
    enum err err;

    if (meta)
        json_object_set(head, "meta", (json_t *)(uintptr_t)meta);
    adapt_put_base(head, round->policy);
    n = blocks(block, round, &counts);
    err = checkpoint_write(path, head, block, n);
    json_decref(head);
    free(path);
    return err;
}

enum err round_state_read(struct round *round, const char *folder, int64_t iteration,
                          json_t **meta)
{
    char *path = checkpoint_path(folder, iteration);
    struct checkpoint_block block[BLOCKS];
    struct counts counts;
    json_t *head = NULL;
    int n;
    enum err err = checkpoint_peek(path, &head);

    n = blocks(block, round, &counts);
    if (!err)
        err = adapt_check_base(head, round->policy);
    if (!err)
        err = checkpoint_read(path, block, n);
    free(path);
    if (!err) {
        round->iteration = counts.iteration;
        round->episodes = counts.episodes;
        round->num_tokens = counts.num_tokens;
        round->kl.beta = counts.beta;
        round->entropy.coef = counts.entropy_coef;
        round->entropy.last = counts.entropy_last;
        step_restored(round->policy, counts.policy);
        if (round->critic)
            step_restored(round->critic, counts.critic);
        if (meta)
            *meta = json_incref(json_object_get(head, "meta"));
    }
    json_decref(head);
    return err;
}

enum err round_state_critic(struct params **critic, const struct params *policy,
                            const struct round_conf *conf)
{
    const struct shape *a = &policy->shape;

    if (a->head != HEAD_LM)
        return err_set(ERR_RANGE, "the policy has no language head");
    if (!conf->critic)
        return *critic ? err_set(ERR_RANGE, "this method has no critic") : OK;
    if (!*critic)
        return params_reheaded(critic, policy, HEAD_SCALAR, conf->seed, true);
    if ((*critic)->shape.head != HEAD_SCALAR)
        return err_set(ERR_RANGE, "the critic has no scalar head");
    if ((*critic)->shape.vocab < a->vocab)
        return err_set(ERR_RANGE, "the critic knows %d tokens, the policy %d",
                       (*critic)->shape.vocab, a->vocab);
    return OK;
}
