/* Ids in three runs: [0, eval) the first evaluation, then training, iteration after iteration, then
 * the last evaluation. Without plan.most every place is a multiplication. With it `more` says how
 * many tasks had been added before each iteration, so that ids behind an extended one move up;
 * that is safe since it is extended only while it is the newest, and (lag is 0) nothing behind it
 * was opened yet. tasks_index never moves: it numbers training answers from a place of its own
 * behind both evaluations, so that what is kept by index stays where it is. */

#include "learner/journal/tasks.h"

#include "base/mem.h"
#include "base/rng.h"

#include <stdlib.h>

enum { ROWS_MAX = 1 << 28, COUNT_MAX = 1 << 30, SAMPLES_MAX = 1024 };

struct tasks {
    struct tasks_plan plan;
    uint32_t *order; /* [rows] of `epoch` */
    uint64_t epoch;
    bool ready;
    uint64_t
        last; /* version: of the last iteration, or of the one that training was cut after */
    uint64_t *more; /* [iterations+1] tasks by which those before were extended; NULL: none may
                       be */
};

enum err tasks_new(struct tasks **out, const struct tasks_plan *plan)
{
    *out = NULL;
    if (!plan->rows)
        return err_set(ERR_RANGE, "no prompts to train on");
    if (plan->rows > ROWS_MAX || plan->eval > ROWS_MAX || !plan->batch ||
        plan->batch > COUNT_MAX || plan->iterations > COUNT_MAX || plan->lag > COUNT_MAX ||
        plan->most > COUNT_MAX || (plan->most && plan->iterations > ROWS_MAX) ||
        !plan->samples || plan->samples > SAMPLES_MAX)
        return err_set(ERR_RANGE, "the plan is too large: at most 2^28 prompts, 2^30 in a "
                                  "batch, 2^30 iterations and 1024 answers a prompt");
    struct tasks *const tasks = mem_new(1, sizeof *tasks);
    tasks->plan = *plan;
    tasks->last = plan->iterations;
    if (plan->most)
        tasks->more = mem_new(plan->iterations + 1, sizeof *tasks->more);
    *out = tasks;
    return OK;
}

void tasks_free(struct tasks *tasks)
{
    if (!tasks)
        return;
    free(tasks->order);
    free(tasks->more);
    free(tasks);
}

const struct tasks_plan *tasks_plan(const struct tasks *tasks)
{
    return &tasks->plan;
}

static uint64_t more(const struct tasks *tasks, uint64_t iteration)
{
    return tasks->more ? tasks->more[iteration] : 0;
}

/* Training tasks before this iteration; of all of them at `iterations`. */
static uint64_t before(const struct tasks *tasks, uint64_t iteration)
{
    return iteration * tasks->plan.batch + more(tasks, iteration);
}

static uint64_t trained(const struct tasks *tasks)
{
    return before(tasks, tasks->plan.iterations);
}

uint64_t tasks_total(const struct tasks *tasks)
{
    return 2 * tasks->plan.eval + trained(tasks);
}

/* All that follow move up by one, so that `more` stays the sum over the iterations before. */
bool tasks_extend(struct tasks *tasks, uint64_t iteration)
{
    if (!tasks->more || tasks->more[iteration + 1] - tasks->more[iteration] >= tasks->plan.most)
        return false;
    for (uint64_t i = iteration + 1; i <= tasks->plan.iterations; i++)
        tasks->more[i]++;
    return true;
}

/* It is the newest: nothing behind it was extended, so that one number stands for all of them. */
void tasks_shorten(struct tasks *tasks, uint64_t iteration, uint64_t end)
{
    const uint64_t plain = tasks->plan.eval + (iteration + 1) * tasks->plan.batch;

    for (uint64_t i = iteration + 1; tasks->more && i <= tasks->plan.iterations; i++)
        tasks->more[i] = end - plain;
}

void tasks_cut(struct tasks *tasks, uint64_t version)
{
    tasks->last = version;
}

/* Which iteration trains the n-th training task. */
static uint64_t iteration_of(const struct tasks *tasks, uint64_t n)
{
    uint64_t low = 0, high = tasks->plan.iterations - 1;

    /* the last iteration that begins at n or before: `before` only grows */
    if (!tasks->more)
        return n / tasks->plan.batch;
    while (low < high) {
        const uint64_t mid = (low + high + 1) / 2;
        if (before(tasks, mid) <= n)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

/* The order of an epoch is made once, and kept until another epoch is asked for. */
static uint64_t shuffled(struct tasks *tasks, uint64_t epoch, uint64_t place)
{
    const uint64_t rows = tasks->plan.rows;

    if (!tasks->plan.shuffle)
        return place;
    if (!tasks->ready || tasks->epoch != epoch) {
        if (!tasks->order)
            tasks->order = mem_new(rows, sizeof *tasks->order);
        rng_shuffle(tasks->order, rows, tasks->plan.seed, RNG_ORDER, epoch);
        tasks->epoch = epoch;
        tasks->ready = true;
    }
    return tasks->order[place];
}

struct tasks_place tasks_at(struct tasks *tasks, uint64_t id)
{
    const struct tasks_plan *const plan = &tasks->plan;
    struct tasks_place place = {.kind = TASKS_BEFORE, .row = id};

    if (id < plan->eval)
        return place;
    id -= plan->eval;
    if (id < trained(tasks)) {
        place.kind = TASKS_TRAIN;
        place.row = shuffled(tasks, id / plan->rows, id % plan->rows);
        place.iteration = iteration_of(tasks, id);
        place.any = plan->free;
        /* iteration i trains version i into i + 1; its answers are of version i - lag */
        place.version = place.iteration > plan->lag ? place.iteration - plan->lag : 0;
        return place;
    }
    place.kind = TASKS_AFTER;
    place.row = id - trained(tasks);
    place.iteration = place.version = tasks->last;
    return place;
}

/* An evaluation asks once: it compares models, not answers. */
uint32_t tasks_samples(const struct tasks *tasks, uint64_t id)
{
    const bool train = id >= tasks->plan.eval && id - tasks->plan.eval < trained(tasks);

    return train ? tasks->plan.samples : 1;
}

/* As if every iteration were extended as far as it may: places are given out once. */
uint64_t tasks_room(const struct tasks *tasks)
{
    const struct tasks_plan *const plan = &tasks->plan;

    return 2 * plan->eval + (plan->batch + plan->most) * plan->iterations * plan->samples;
}

uint64_t tasks_index(const struct tasks *tasks, uint64_t id, uint32_t sample)
{
    const uint64_t eval = tasks->plan.eval, train = trained(tasks);

    if (id < eval)
        return id;
    if (id - eval < train)
        return 2 * eval + (id - eval) * tasks->plan.samples + sample;
    return eval + (id - eval - train);
}

uint64_t tasks_first(const struct tasks *tasks, uint64_t iteration)
{
    return tasks->plan.eval + before(tasks, iteration);
}

/* The batch that `version` trains next, and `lag` more. */
uint64_t tasks_window(const struct tasks *tasks, uint64_t version, uint64_t dropped)
{
    const struct tasks_plan *const plan = &tasks->plan;
    const uint64_t train = plan->eval + trained(tasks), to = version + plan->lag + 1;

    if (version >= tasks->last)
        return tasks_total(tasks);
    if (to >= plan->iterations)
        return train;
    const uint64_t end = tasks_first(tasks, to) + dropped;
    return end < train ? end : train;
}

/* Versions rise with ids, so that the first task that may still come names the oldest. */
uint64_t tasks_oldest(struct tasks *tasks, uint64_t id)
{
    if (id >= tasks_total(tasks) || id >= tasks_first(tasks, tasks->last))
        return tasks->last;
    return tasks_at(tasks, id).version;
}
