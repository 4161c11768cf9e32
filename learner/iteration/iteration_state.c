/* Blocks of a checkpoint: weights and moments of policy and critic (of an adapter: its own), a
 * reference that moves, and the counters as one struct of integers and doubles in the machine's
 * own order. The critic of a first start is made here, too: the policy's trunk under a head of
 * zeros, so that it begins by expecting nothing. */
#include "learner/iteration/iteration_state.h"

#include "learner/iteration/iteration_own.h"
#include "learner/run/checkpoint.h"
#include "learner/run/peft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The numbers that stand beside the weights in a checkpoint. */
struct iteration_counts {
    int64_t iteration, episodes, num_tokens, policy, critic;
    double beta, entropy_coef, entropy_last;
};

enum { MODELS = 2, BLOCKS = MODELS * TRAINABLE_BLOCKS + 2, NAME = 24 };

struct iteration_blocks {
    struct checkpoint_block block[BLOCKS];
    char name[MODELS * TRAINABLE_BLOCKS][NAME];
    int n;
};

/* policy, policy_m, policy_v: what is one block of floats has the model's own name. */
static void model_blocks(struct iteration_blocks *b, struct trainable *model, const char *whose)
{
    const struct trainable_state inner = trainable_state(model);

    for (int i = 0; i < inner.n; i++, b->n++) {
        if (!strcmp(inner.block[i].name, "params"))
            snprintf(b->name[b->n], NAME, "%s", whose);
        else
            snprintf(b->name[b->n], NAME, "%s_%s", whose, inner.block[i].name);
        b->block[b->n] =
            (struct checkpoint_block){b->name[b->n], inner.block[i].bytes, inner.block[i].n};
    }
}

/* The same list for writing and reading: what one has the other asks for, in shapes that
 * this state has. */
static void blocks(struct iteration_blocks *b, const struct iteration_state *state,
                   struct iteration_counts *counts)
{
    b->n = 0;
    model_blocks(b, state->policy, "policy");
    if (state->critic)
        model_blocks(b, state->critic, "critic");
    if (state->reference) {
        size_t floats;
        float *const weights = ref_model_weights(state->reference, &floats);
        b->block[b->n++] =
            (struct checkpoint_block){"reference", weights, floats * sizeof *weights};
    }
    b->block[b->n++] = (struct checkpoint_block){"counts", counts, sizeof(*counts)};
}

enum err iteration_state_write(struct iteration_state *state, const char *folder,
                               const json_t *meta)
{
    struct iteration_counts counts = {.iteration = state->iteration,
                                      .episodes = state->episodes,
                                      .num_tokens = state->num_tokens,
                                      .policy = trainable_count(state->policy),
                                      .critic =
                                          state->critic ? trainable_count(state->critic) : 0,
                                      .beta = state->kl.beta,
                                      .entropy_coef = state->entropy.coef,
                                      .entropy_last = state->entropy.last};
    char *path = checkpoint_path(folder, state->iteration);
    json_t *head = json_object();
    struct iteration_blocks b;
    enum err err;

    if (meta)
        json_object_set(head, "meta", (json_t *)(uintptr_t)meta);
    peft_put_base(head, state->policy);
    blocks(&b, state, &counts);
    err = checkpoint_write(path, head, b.block, b.n);
    json_decref(head);
    free(path);
    return err;
}

enum err iteration_state_read(struct iteration_state *state, const char *folder,
                              int64_t iteration, json_t **meta)
{
    char *path = checkpoint_path(folder, iteration);
    struct iteration_counts counts;
    struct iteration_blocks b;
    json_t *head = NULL;
    enum err err = checkpoint_peek(path, &head);

    blocks(&b, state, &counts);
    /* Before any block is filled: the state must stand as it was on an error. */
    if (!err)
        err = peft_check_base(head, state->policy);
    if (!err)
        err = checkpoint_read(path, b.block, b.n);
    free(path);
    if (!err) {
        state->iteration = counts.iteration;
        state->episodes = counts.episodes;
        state->num_tokens = counts.num_tokens;
        state->kl.beta = counts.beta;
        state->entropy.coef = counts.entropy_coef;
        state->entropy.last = counts.entropy_last;
        trainable_restored(state->policy, counts.policy);
        if (state->critic)
            trainable_restored(state->critic, counts.critic);
        if (meta)
            *meta = json_incref(json_object_get(head, "meta"));
    }
    json_decref(head);
    return err;
}

enum err iteration_state_critic(struct params **critic, const struct params *policy,
                                const struct iteration_conf *conf)
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
