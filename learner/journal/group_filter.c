/* Choosing is a pure function of which groups teach something, so that a journal that is read again
 * chooses as the run did. Groups that teach nothing are left out from the end of the iteration:
 * those that came in their place lie behind them and are trained instead; only when there are too
 * few of these does a dull group stay in, and then the earliest. */

#include "learner/journal/group_filter.h"

#include "base/mem.h"

#include <stdlib.h>

void group_filter_choose(uint64_t *out, const uint8_t *flat, uint64_t tasks, uint64_t batch)
{
    /* spare: still to be left out; flats: dull ones from here on. The last `spare` of the dull ones
     * go, or all of them and then the last of the rest. */
    uint64_t spare = tasks - batch, flats = 0, n = 0;

    for (uint64_t i = 0; i < tasks; i++)
        flats += flat && flat[i];
    for (uint64_t i = 0; i < tasks && n < batch; i++) {
        const bool dull = flat && flat[i];
        flats -= dull;
        if (dull && flats < spare)
            spare--;
        else
            out[n++] = i;
    }
}

/* Every answer to a task is either trained or dropped: the step accounts for all of them. */
void group_filter_step(struct record_step *out, uint64_t iteration, uint64_t first,
                       const uint8_t *flat, uint64_t tasks, uint64_t batch, uint32_t samples)
{
    uint64_t *const pick = mem_new(batch, sizeof *pick), next = 0;

    group_filter_choose(pick, flat, tasks, batch);
    *out = (struct record_step){.iteration = iteration,
                                .sample = mem_new(batch * samples, sizeof *out->sample),
                                .drop = mem_new((tasks - batch) * samples, sizeof *out->drop)};
    for (uint64_t i = 0; i < tasks; i++) {
        const bool taken = next < batch && pick[next] == i;
        for (uint32_t s = 0; s < samples; s++) {
            const struct record_name name = {first + i, s, taken ? 0 : DROP_FLAT};
            if (taken)
                out->sample[out->n_sample++] = name;
            else
                out->drop[out->n_drop++] = name;
        }
        next += taken;
    }
    free(pick);
}

/* Drops are not named: they are the other samples of the same tasks. */
bool group_filter_same(const struct record_step *a, const struct record_step *b)
{
    bool same = a->n_sample == b->n_sample && a->n_drop == b->n_drop;

    for (uint32_t i = 0; i < a->n_sample && same; i++)
        same = a->sample[i].task == b->sample[i].task &&
               a->sample[i].sample == b->sample[i].sample;
    return same;
}
