/* Why `passing` may be: a policy's log-probabilities are the same bits whichever pass computes
 * them (a strict iteration compares them so, iteration_compare.h), so what the first optimiser
 * step's own passes say is what a pass made for it alone would have said. With one mini-batch,
 * as in most runs, an iteration over older answers then costs what one over new ones does. Of
 * tokens that are not learnt nobody reads either figure. */
#include "learner/iteration/iteration_proximal.h"

#include "base/mem.h"
#include "learner/iteration/iteration_figures.h"
#include "learner/iteration/iteration_own.h"
#include "learner/iteration/iteration_pack.h"

#include <stdlib.h>
#include <string.h>

enum proximal_way { NEVER, BEFORE, PASSING, BETWEEN };

static enum proximal_way way_of(const struct iteration_conf *conf)
{
    if (conf->self_reference)
        return BEFORE;
    if (conf->stale.mode == IMPORTANCE_NONE)
        return NEVER;
    if (conf->stale.interpolated)
        return BETWEEN;
    return conf->critic || !conf->policy->logprob ? BEFORE : PASSING;
}

/* A demonstration has no behaviour: it weighs 1. */
static void weigh(struct iteration_batch *batch, size_t i)
{
    const struct iteration_rollout *const r = &batch->rollout[i];
    const size_t at = batch->at[i];

    if (r->behaviour)
        importance_weigh(batch->importance + at, r->behaviour, batch->proximal + at,
                         batch->learn + at, r->n_token, &batch->conf->stale);
}

enum err iteration_proximal_before(struct iteration_state *state, struct iteration_batch *batch)
{
    enum err err;

    if (way_of(&state->conf) != BEFORE)
        return OK;
    err =
        iteration_figures(state, batch, NULL, batch->all, ITERATION_OF_POLICY, batch->proximal);
    batch->has_proximal = !err;
    for (size_t i = 0; i < batch->all && !err; i++)
        weigh(batch, i);
    return err;
}

enum err iteration_proximal_rest(struct iteration_state *state, struct iteration_batch *batch,
                                 const uint32_t *order, size_t n)
{
    uint8_t *first;
    uint32_t *list;
    size_t lists = 0;
    enum err err = OK;

    if (way_of(&state->conf) != PASSING)
        return OK;
    first = mem_new(batch->all, 1);
    list = mem_new(batch->all, sizeof *list);
    for (size_t k = 0; k < n; k++)
        first[order[k]] = 1;
    for (size_t i = 0; i < batch->all; i++)
        if (!first[i])
            list[lists++] = (uint32_t)i;
    if (lists)
        err =
            iteration_figures(state, batch, list, lists, ITERATION_OF_POLICY, batch->proximal);
    for (size_t k = 0; k < lists && !err; k++)
        weigh(batch, list[k]);
    batch->has_proximal = !err;
    free(list);
    free(first);
    return err;
}

/* How many versions ago token t of an answer was written. */
static double age_of(const struct iteration_batch *batch, const struct iteration_rollout *r,
                     int t)
{
    uint64_t version = (uint64_t)batch->iteration;

    for (uint32_t k = 0; k < r->n_span && (int)r->span[k].start <= t; k++)
        version = r->span[k].version.number;
    return (double)batch->iteration - (double)version;
}

/* log proximal = (1 - a) log behaviour + a log policy, a = age / (age + 1): what was between
 * the writer and the policy that is one step ahead. */
static void interpolate(const struct iteration_batch *batch, struct micro_batch *b, int at,
                        const struct iteration_rollout *r)
{
    float *const proximal = b->column[MICRO_BATCH_PROXIMAL];

    for (int t = 0; t < r->n_token; t++) {
        const double age = age_of(batch, r, t), a = age / (age + 1);
        const double was = (double)b->column[MICRO_BATCH_BEHAVIOUR][at + t];
        proximal[at + t] = (float)(was + a * ((double)b->logprob[at + t] - was));
    }
}

/* For this step, and kept for those to come. */
static void take(struct iteration_batch *batch, struct micro_batch *b, int at, size_t i)
{
    const size_t from = batch->at[i], n = (size_t)batch->rollout[i].n_token;

    memcpy(batch->proximal + from, b->logprob + at, n * sizeof *b->logprob);
    weigh(batch, i);
    memcpy(b->column[MICRO_BATCH_PROXIMAL] + at, batch->proximal + from,
           n * sizeof *batch->proximal);
    memcpy(b->column[MICRO_BATCH_IMPORTANCE] + at, batch->importance + from,
           n * sizeof *batch->importance);
}

void iteration_proximal_passed(const struct iteration_state *state,
                               struct iteration_batch *batch, struct micro_batch *b,
                               const uint32_t *order, bool unmoved)
{
    const enum proximal_way way = way_of(&state->conf);

    if (way != BETWEEN && !(way == PASSING && unmoved))
        return;
    for (int s = 0; s < b->batch.n_seq; s++) {
        const struct iteration_rollout *const r = &batch->rollout[order[s]];
        const int at = iteration_pack_answer(b, s, r);

        if (way == PASSING) {
            take(batch, b, at, order[s]);
            continue;
        }
        interpolate(batch, b, at, r);
        importance_weigh(b->column[MICRO_BATCH_IMPORTANCE] + at,
                         b->column[MICRO_BATCH_BEHAVIOUR] + at,
                         b->column[MICRO_BATCH_PROXIMAL] + at, b->learn + at, r->n_token,
                         &state->conf.stale);
    }
}
