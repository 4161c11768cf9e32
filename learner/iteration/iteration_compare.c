/* Answers that say they were written by the present weights are asked for their
 * log-probabilities again: every one must come out bit for bit. The first mini-batch of an
 * iteration is a pass that has to be made anyway, and is looked at by iteration.c; this file passes
 * the others, forward only, before the first optimiser step moves the weights. What assign has
 * muted or not chosen is compared, too: it had a say in the group's mean. False answers are
 * gathered, not just the first, so that all of them can be asked for again at once. */
#include "learner/iteration/iteration_compare.h"

#include "base/mem.h"
#include "learner/iteration/iteration_figures.h"
#include "learner/iteration/iteration_own.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void iteration_compare_note(struct iteration_state *state, const struct iteration_batch *batch,
                            size_t i, int t, float found)
{
    const struct iteration_rollout *const r = &batch->rollout[i];
    /* Kept in the rollouts' order, each once: micro-batches come in the order of an epoch. */
    size_t at = state->n_lie;

    while (at > 0 &&
           (state->lie[at - 1].task > r->task ||
            (state->lie[at - 1].task == r->task && state->lie[at - 1].sample > r->sample)))
        at--;
    if (at > 0 && state->lie[at - 1].task == r->task && state->lie[at - 1].sample == r->sample)
        return;
    if (state->n_lie == state->room_lie) {
        state->room_lie = 2 * state->room_lie + 8;
        state->lie = mem_grow(state->lie, state->room_lie, sizeof *state->lie);
    }
    memmove(state->lie + at + 1, state->lie + at, (state->n_lie - at) * sizeof *state->lie);
    state->lie[at] = (struct iteration_false){r->task, r->sample, t, r->behaviour[t], found};
    state->n_lie++;
}

static void judge(struct iteration_state *state, const struct iteration_batch *batch, size_t i,
                  const float *logprob)
{
    const struct iteration_rollout *const r = &batch->rollout[i];

    for (int t = 0; t < r->n_token; t++)
        if (batch->learn[batch->at[i] + (size_t)t] && logprob[t] != r->behaviour[t]) {
            iteration_compare_note(state, batch, i, t, logprob[t]);
            return;
        }
}

/* Answers list[0..n) of a batch whose advantages no method assigned. */
static enum err compare(struct iteration_state *state, const struct iteration_batch *batch,
                        const uint32_t *list, size_t n)
{
    float *logprob = NULL;
    enum err err =
        mem_big(&logprob, (size_t)batch->tokens + 1, sizeof *logprob, "answers to compare");

    if (!err)
        err = iteration_figures(state, batch, list, n, ITERATION_OF_POLICY, logprob);
    for (size_t k = 0; k < n && !err; k++)
        judge(state, batch, list[k], logprob + batch->at[list[k]]);
    free(logprob);
    return err;
}

enum err iteration_compare_rest(struct iteration_state *state,
                                const struct iteration_batch *batch, const uint32_t *order,
                                size_t n)
{
    struct iteration_batch plain = {.n = 0};
    uint8_t *seen = mem_new(batch->all, 1);
    uint32_t *list = mem_new(batch->n, sizeof *list);
    size_t lists = 0;
    enum err err = OK;

    /* Muted answers are in the mini-batch but not looked at there: none of their tokens is
     * learnt. */
    for (size_t k = 0; k < n; k++)
        seen[order[k]] = batch->learnt[order[k]] > 0;
    for (size_t i = 0; i < batch->n; i++)
        if (!seen[i] && batch->rollout[i].behaviour)
            list[lists++] = (uint32_t)i;
    if (lists)
        err = iteration_batch_init(&plain, &state->conf, batch->rollout, batch->n, 0);
    plain.iteration = state->iteration;
    if (lists && !err)
        err = compare(state, &plain, list, lists);
    iteration_batch_fini(&plain);
    free(list);
    free(seen);
    return err;
}

/* All that is false of the iteration is known, and nothing of it was kept. */
static enum err found(struct iteration_state *state)
{
    const struct iteration_false *const f = state->lie;

    trainable_discard(state->policy);
    if (state->critic)
        trainable_discard(state->critic);
    return err_set(ERR_STATE,
                   "%zu answers are false, the first: task %" PRIu64 " sample %" PRIu32
                   " token %d: log-probability %.9g, %.9g where it was written: not the same "
                   "weights, or not the same bits",
                   state->n_lie, f->task, f->sample, f->token, (double)f->found,
                   (double)f->said);
}

enum err iteration_compare_told(struct iteration_state *state,
                                const struct iteration_batch *batch, bool untrained)
{
    enum err err = OK;

    if (state->conf.strict && untrained && !state->n_lie)
        err = iteration_compare_rest(state, batch, NULL, 0); /* assign chose no answer */
    return !err && state->n_lie ? found(state) : err;
}

enum err iteration_compare(struct iteration_state *state,
                           const struct iteration_rollout *rollout, size_t n)
{
    struct iteration_batch batch = {.n = 0};
    enum err err = iteration_batch_init(&batch, &state->conf, rollout, n, 0);

    state->n_lie = 0;
    batch.iteration = state->iteration;
    if (!err)
        err = iteration_compare_rest(state, &batch, NULL, 0);
    iteration_batch_fini(&batch);
    return err;
}

const struct iteration_false *iteration_compare_falses(const struct iteration_state *state,
                                                       size_t *n)
{
    *n = state->n_lie;
    return state->lie;
}
