/* Answers that say they were written by the present weights are asked for their
 * log-probabilities again: every one must come out bit for bit. The first mini-batch of an
 * iteration is a pass that has to be made anyway, and is looked at by round.c; this file passes
 * the others, forward only, before the first optimiser step moves the weights. What credit has
 * muted or not chosen is compared, too: it had a say in the group's mean. False answers are
 * gathered, not just the first, so that all of them can be asked for again at once. */

#include "base/mem.h"
#include "learner/round/round_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void round_compare_note(struct round *round, const struct round_batch *batch, size_t i, int t,
                        float found)
{
    const struct round_rollout *const r = &batch->rollout[i];
    size_t at = round->lies;

    while (at > 0 &&
           (round->lie[at - 1].task > r->task ||
            (round->lie[at - 1].task == r->task && round->lie[at - 1].sample > r->sample)))
        at--;
    if (at > 0 && round->lie[at - 1].task == r->task && round->lie[at - 1].sample == r->sample)
        return;
    if (round->lies == round->lie_room) {
        round->lie_room = 2 * round->lie_room + 8;
        round->lie = mem_grow(round->lie, round->lie_room, sizeof *round->lie);
    }
    memmove(round->lie + at + 1, round->lie + at, (round->lies - at) * sizeof *round->lie);
    round->lie[at] = (struct round_false){r->task, r->sample, t, r->behaviour[t], found};
    round->lies++;
}

static void judge(struct round *round, const struct round_batch *batch, size_t i,
                  const float *logprob)
{
    const struct round_rollout *const r = &batch->rollout[i];

    for (int t = 0; t < r->tokens; t++)
        if (batch->learn[batch->at[i] + (size_t)t] && logprob[t] != r->behaviour[t]) {
            round_compare_note(round, batch, i, t, logprob[t]);
            return;
        }
}

enum err round_compare_pass(struct round *round, const struct round_batch *batch,
                            const uint32_t *list, size_t n)
{
    const size_t each = (size_t)round->conf.per_device_train_batch_size;
    float *logprob = NULL;
    enum err err =
        mem_big(&logprob, (size_t)batch->tokens + 1, sizeof *logprob, "answers to compare");

    for (size_t k = 0; k < n && !err; k += each) {
        const size_t count = n - k < each ? n - k : each;
        if (round->conf.stop && round->conf.stop())
            err = err_set(ERR_STATE, "stopped while answers were compared");
        if (!err)
            err = round_pass_pack(&round->pass, batch, list + k, count);
        if (!err)
            err = round_pass_logprobs(&round->pass, round->policy, step_model(round->policy),
                                      list + k, count, logprob);
    }
    for (size_t k = 0; k < n && !err; k++)
        judge(round, batch, list[k], logprob + batch->at[list[k]]);
    free(logprob);
    return err;
}

enum err round_compare_rest(struct round *round, const struct round_batch *batch,
                            const uint32_t *order, size_t n)
{
    struct round_batch plain = {.n = 0};
    uint8_t *seen = mem_new(batch->n, 1);
    uint32_t *list = mem_new(batch->n, sizeof *list);
    size_t lists = 0;
    enum err err = OK;

    for (size_t k = 0; k < n; k++)
        seen[order[k]] = batch->learnt[order[k]] > 0;
    for (size_t i = 0; i < batch->n; i++)
        if (!seen[i] && batch->rollout[i].behaviour)
            list[lists++] = (uint32_t)i;
    if (lists)
        err = round_batch_init(&plain, &round->conf, batch->rollout, batch->n);
    plain.iteration = round->iteration;
    if (lists && !err)
        err = round_compare_pass(round, &plain, list, lists);
    round_batch_fini(&plain);
    free(list);
    free(seen);
    return err;
}

/* All that is false of the iteration is known, and nothing of it was kept. */
static enum err found(struct round *round)
{
    const struct round_false *const f = round->lie;

    step_discard(round->policy);
    if (round->critic)
        step_discard(round->critic);
    return err_set(ERR_STATE,
                   "%zu answers are false, the first: task %" PRIu64 " sample %" PRIu32
                   " token %d: log-probability %.9g, %.9g where it was written: not the same "
                   "weights, or not the same bits",
                   round->lies, f->task, f->sample, f->token, (double)f->found,
                   (double)f->said);
}

enum err round_compare_told(struct round *round, const struct round_batch *batch,
                            bool untrained)
{
    enum err err = OK;

    if (round->conf.strict && untrained && !round->lies)
        err = round_compare_rest(round, batch, NULL, 0); /* credit chose no answer */
    return !err && round->lies ? found(round) : err;
}

enum err round_compare(struct round *round, const struct round_rollout *rollout, size_t n)
{
    struct round_batch batch = {.n = 0};
    enum err err = round_batch_init(&batch, &round->conf, rollout, n);

    round->lies = 0;
    batch.iteration = round->iteration;
    if (!err)
        err = round_compare_rest(round, &batch, NULL, 0);
    round_batch_fini(&batch);
    return err;
}

const struct round_false *round_compare_falses(const struct round *round, size_t *n)
{
    *n = round->lies;
    return round->lie;
}
