/* Forward passes over answers in their own order, per_device_train_batch_size at a time. They run
 * before the first optimiser step of an iteration (proximal policy, reference, values, answers to
 * be compared), and for a self-reference once behind the last. Policy and reference share the
 * policy's activations: a reference that moves is a second set of weights, not a second model in
 * training. */
#include "learner/iteration/iteration_figures.h"

#include "base/mem.h"
#include "learner/iteration/iteration_own.h"
#include "learner/iteration/iteration_pack.h"

#include <inttypes.h>
#include <stdlib.h>

enum err iteration_figures_stopped(const struct iteration_state *state)
{
    if (state->conf.stop && atomic_load(state->conf.stop))
        return err_set(ERR_STATE, "stopped in iteration %" PRId64, state->iteration + 1);
    return OK;
}

struct micro_batch_pass iteration_figures_critic(const struct iteration_state *state)
{
    return (struct micro_batch_pass){.objective = state->conf.critic,
                                     .conf = state->conf.loss,
                                     .temperature = 1,
                                     .ahead = true};
}

/* The packed micro-batch, whose figures come to lie in *x. */
static enum err pass(struct iteration_state *state, enum iteration_figures whose, float **x)
{
    struct micro_batch *const b = &state->batch;
    const struct micro_batch_pass critic = iteration_figures_critic(state);
    const struct model *const model = whose == ITERATION_OF_REFERENCE
                                          ? ref_model_model(state->reference)
                                          : trainable_model(state->policy);

    *x = whose == ITERATION_OF_CRITIC ? b->value : b->logprob;
    if (whose == ITERATION_OF_CRITIC)
        return micro_batch_forward(b, &critic, state->critic);
    return trainable_score(state->policy, model, &b->batch, (float)state->conf.temperature, *x);
}

enum err iteration_figures(struct iteration_state *state, const struct iteration_batch *batch,
                           const uint32_t *list, size_t n, enum iteration_figures whose,
                           float *out)
{
    const size_t each = (size_t)state->conf.per_device_train_batch_size;
    uint32_t *order = mem_new(n, sizeof(*order));
    enum err err = OK;

    for (size_t i = 0; i < n; i++)
        order[i] = list ? list[i] : (uint32_t)i;
    for (size_t i = 0; i < n && !err; i += each) {
        float *x = NULL;
        err = iteration_figures_stopped(state);
        if (!err)
            err = iteration_pack(batch, order + i, n - i < each ? n - i : each, &state->batch);
        if (!err)
            err = pass(state, whose, &x);
        if (!err)
            iteration_pack_spread(&state->batch, x, batch, order + i, out);
    }
    free(order);
    return err;
}
