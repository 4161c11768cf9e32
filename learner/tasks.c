#include "learner/tasks.h"

#include "base/mem.h"
#include "base/rng.h"

#include <stdlib.h>

enum { ROWS_MAX = 1 << 28, COUNT_MAX = 1 << 30, SAMPLES_MAX = 1024 };

struct tasks {
    struct tasks_plan plan;
    uint32_t *order; /* [rows] of `epoch` */
    uint64_t epoch;
    bool ready;
};

enum err tasks_new(struct tasks **out, const struct tasks_plan *plan)
{
    *out = NULL;
    if (!plan->rows)
        return err_set(ERR_RANGE, "no prompts to train on");
    if (plan->rows > ROWS_MAX || plan->eval > ROWS_MAX || !plan->batch ||
        plan->batch > COUNT_MAX || plan->iterations > COUNT_MAX || plan->lag > COUNT_MAX ||
        !plan->samples || plan->samples > SAMPLES_MAX)
        return err_set(ERR_RANGE, "the plan is too large: at most 2^28 prompts, 2^30 in a "
                                  "batch, 2^30 iterations and 1024 answers a prompt");
    struct tasks *const tasks = mem_new(1, sizeof *tasks);
    tasks->plan = *plan;
    *out = tasks;
    return OK;
}

void tasks_free(struct tasks *tasks)
{
    if (!tasks)
        return;
    free(tasks->order);
    free(tasks);
}

const struct tasks_plan *tasks_plan(const struct tasks *tasks)
{
    return &tasks->plan;
}

uint64_t tasks_total(const struct tasks *tasks)
{
    return 2 * tasks->plan.eval + tasks->plan.batch * tasks->plan.iterations;
}

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
    if (id < plan->batch * plan->iterations) {
        place.kind = TASKS_TRAIN;
        place.row = shuffled(tasks, id / plan->rows, id % plan->rows);
        place.iteration = id / plan->batch;
        place.any = plan->free;
        place.version = place.iteration > plan->lag ? place.iteration - plan->lag : 0;
        return place;
    }
    place.kind = TASKS_AFTER;
    place.row = id - plan->batch * plan->iterations;
    place.iteration = place.version = plan->iterations;
    return place;
}

static uint64_t trained(const struct tasks *tasks)
{
    return tasks->plan.batch * tasks->plan.iterations;
}

uint32_t tasks_samples(const struct tasks *tasks, uint64_t id)
{
    const bool train = id >= tasks->plan.eval && id - tasks->plan.eval < trained(tasks);

    return train ? tasks->plan.samples : 1;
}

uint64_t tasks_answers(const struct tasks *tasks)
{
    return 2 * tasks->plan.eval + trained(tasks) * tasks->plan.samples;
}

uint64_t tasks_index(const struct tasks *tasks, uint64_t id, uint32_t sample)
{
    const uint64_t eval = tasks->plan.eval, train = trained(tasks), n = tasks->plan.samples;

    if (id < eval)
        return id;
    if (id - eval < train)
        return eval + (id - eval) * n + sample;
    return eval + train * n + (id - eval - train);
}

uint64_t tasks_first(const struct tasks *tasks, uint64_t iteration)
{
    return tasks->plan.eval + iteration * tasks->plan.batch;
}

uint64_t tasks_window(const struct tasks *tasks, uint64_t version, uint64_t dropped)
{
    const struct tasks_plan *const plan = &tasks->plan;
    const uint64_t train = plan->eval + plan->batch * plan->iterations;

    if (version >= plan->iterations)
        return tasks_total(tasks);
    const uint64_t end = plan->eval + dropped + (version + plan->lag + 1) * plan->batch;
    return end < train ? end : train;
}

uint64_t tasks_oldest(struct tasks *tasks, uint64_t id)
{
    return id < tasks_total(tasks) ? tasks_at(tasks, id).version : tasks->plan.iterations;
}
