/* A ring of open tasks by id, and beside it the sums that STATS shows and the bytes that bodies
 * may take. tasks_move is the only place where a sample changes its state, so that counts, space
 * and scores follow by themselves: the sums are right after every call (tasks_add_up).
 *
 * Space is reserved before a sample is leased, as much as its answer may take; so an answer that
 * comes is never turned away for lack of memory. Where a scorer judges all samples of a task
 * together, all of them are reserved at once: else two tasks could each hold half of what the
 * other needs. */

#include "broker/tasks.h"

#include "base/mem.h"
#include "broker/copy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void tasks_init(struct open_tasks *tasks, size_t capacity, size_t bytes_max, size_t space_max)
{
    memset(tasks, 0, sizeof *tasks);
    tasks->ring = mem_new(capacity, sizeof(struct open_task *));
    tasks->capacity = capacity;
    tasks->bytes_max = bytes_max;
    tasks->space_max = space_max;
    tasks->may = TASKS_ALL_MOVES;
}

bool tasks_allowed(enum sample_state from, enum sample_state to)
{
    enum { W = SAMPLE_WAITING, L, S, R, D, T };
    static const bool allowed[SAMPLE_STATES][SAMPLE_STATES] = {
        [W] = {[L] = true, [S] = true, [D] = true, [T] = true},
        [L] = {[W] = true, [S] = true, [D] = true, [T] = true},
        [S] = {[W] = true, [R] = true, [D] = true, [T] = true},
        [R] = {[W] = true, [D] = true, [T] = true},
        [D] = {[W] = true, [T] = true},
        [T] = {false}, /* settled is for good: only the task's removal ends it */
    };

    return allowed[from][to];
}

const char *tasks_state_name(enum sample_state state)
{
    static const char *const name[SAMPLE_STATES] = {"waiting", "leased",  "scoring",
                                                    "ready",   "dropped", "settled"};

    return name[state];
}

static void free_scores(struct open_sample *sample, uint32_t n)
{
    for (uint32_t i = 0; sample->score && i < n; i++) {
        free(sample->score[i].value);
        free(sample->score[i].diagnostics);
        free(sample->score[i].by);
    }
    free(sample->score);
    sample->score = NULL;
}

/* What a task takes as long as it is open, whatever becomes of its samples. Bodies are counted
 * apart, in `space`: the two have limits of their own. */
static size_t fixed_bytes(const struct open_task *task)
{
    return task->bytes + sizeof *task + task->def->samples * sizeof *task->sample;
}

/* Reserved or taken is one number, so what is given back is right in every state. */
static void free_body(struct open_tasks *tasks, const struct open_task *task,
                      struct open_sample *sample)
{
    free_scores(sample, task->n_score);
    free(sample->body);
    free(sample->by);
    sample->body = NULL;
    sample->by = NULL;
    tasks->space -= sample->space;
    sample->space = 0;
}

void tasks_remove(struct open_tasks *tasks, uint64_t id)
{
    struct open_task **at = &tasks->ring[id % tasks->capacity], *task = *at;

    if (!task || task->def->id != id)
        return;
    for (uint32_t i = 0; i < task->def->samples; i++) {
        struct open_sample *sample = &task->sample[i];

        free_body(tasks, task, sample);
        free(sample->error);
        free(sample->tries);
        if (sample->state != SAMPLE_SETTLED) { /* taken back: as if it had never been opened */
            tasks->count[sample->state]--;
            tasks->opened--;
            if (sample->state == SAMPLE_DROPPED)
                tasks->dropped[sample->drop]--;
        }
    }
    tasks->bytes -= fixed_bytes(task);
    free(task->sample);
    free(task->def);
    free(task);
    *at = NULL;
    /* So `base` == `end` says that none is open: tasks_add and opening_on_open rely on it. */
    while (tasks->base < tasks->end && !tasks_find(tasks, tasks->base))
        tasks->base++;
}

void tasks_reset(struct open_tasks *tasks)
{
    for (uint64_t id = tasks->base; id < tasks->end; id++)
        tasks_remove(tasks, id);
    assert(tasks->space == 0 && tasks->bytes == 0);
    memset(tasks->count, 0, sizeof tasks->count);
    memset(tasks->dropped, 0, sizeof tasks->dropped);
    tasks->opened = 0;
    tasks->base = tasks->end = tasks->open_to = tasks->next = 0;
}

void tasks_fini(struct open_tasks *tasks)
{
    tasks_reset(tasks);
    free(tasks->ring);
}

struct open_task *tasks_find(const struct open_tasks *tasks, uint64_t id)
{
    struct open_task *task = tasks->ring[id % tasks->capacity];

    return task && task->def->id == id ? task : NULL;
}

struct open_sample *tasks_sample(const struct open_tasks *tasks, uint64_t id, uint32_t sample)
{
    struct open_task *task = tasks_find(tasks, id);

    return task && sample < task->def->samples ? &task->sample[sample] : NULL;
}

struct tasks_name tasks_name(const struct open_task *task, uint32_t sample)
{
    return (struct tasks_name){.task = task->def->id, .serial = task->serial, .sample = sample};
}

struct open_sample *tasks_named(const struct open_tasks *tasks, const struct tasks_name *name,
                                struct open_task **task)
{
    struct open_task *at = tasks_find(tasks, name->task);

    if (!at || at->serial != name->serial || name->sample >= at->def->samples)
        return NULL;
    if (task)
        *task = at;
    return &at->sample[name->sample];
}

enum err tasks_add(struct open_tasks *tasks, const struct task *def, uint32_t n_score,
                   int64_t now_ms)
{
    struct open_task *task = mem_new(1, sizeof *task);
    struct task lean = *def;
    enum err err;
    const bool none = tasks->base == tasks->end;

    if (tasks->bytes > tasks->bytes_max / 2) /* tasks come first; what only helps them goes */
        lean.earlier = (struct earlier){.n_each = 0};
    err = copy_task(&task->def, &task->bytes, &lean);

    if (err)
        goto out;
    /* All open ids lie within one round of the ring: else two could need the same slot. */
    if (tasks->bytes + fixed_bytes(task) > tasks->bytes_max ||
        tasks->ring[def->id % tasks->capacity] ||
        (!none && (def->id >= tasks->base + tasks->capacity ||
                   tasks->end > def->id + tasks->capacity))) {
        err = err_set(ERR_RANGE, "task %llu: too many are open", (unsigned long long)def->id);
        goto out;
    }
    task->sample = mem_new(def->samples, sizeof *task->sample);
    for (uint32_t i = 0; i < def->samples; i++)
        task->sample[i] = (struct open_sample){
            .lease = TASKS_NO_LEASE, .missing = n_score, .since_ms = now_ms};
    task->serial = ++tasks->serial;
    task->open = task->waiting = def->samples;
    task->n_score = n_score;
    tasks->ring[def->id % tasks->capacity] = task;
    tasks->bytes += fixed_bytes(task);
    tasks->count[SAMPLE_WAITING] += def->samples;
    tasks->opened += def->samples;
    if (none || def->id < tasks->base)
        tasks->base = def->id;
    if (none || def->id >= tasks->end)
        tasks->end = def->id + 1;
    if (none)
        tasks->next = def->id;
    if (def->id < tasks->next)
        tasks->next = def->id;
    return OK;
out:
    free(task->def);
    free(task);
    return err;
}

void tasks_move(struct open_tasks *tasks, struct open_task *task, uint32_t sample,
                enum sample_state to, int64_t now_ms)
{
    struct open_sample *at = &task->sample[sample];
    /* A drop that is settled stays counted by its reason, not among what was trained: so that
     * what was opened is always the sum (tasks_add_up). */
    const bool was_dropped = at->state == SAMPLE_DROPPED;

    if (at->state == to)
        return;
    assert(tasks_allowed(at->state, to));
    assert(tasks->may & TASKS_MOVE(at->state, to)); /* else its row in table.c is wrong */
    tasks->count[at->state]--;
    if (at->state == SAMPLE_WAITING)
        task->waiting--;
    /* `next` is where grant.c begins: it may be too low, never too high. */
    if (to == SAMPLE_WAITING) {
        task->waiting++;
        if (task->def->id < tasks->next)
            tasks->next = task->def->id;
    }
    at->state = (uint8_t)to;
    at->since_ms = now_ms;
    if (to == SAMPLE_DROPPED)
        tasks->dropped[at->drop]++;
    if (to == SAMPLE_DROPPED || to == SAMPLE_SETTLED)
        free_body(tasks, task, at);
    if (to == SAMPLE_SETTLED)
        task->open--;
    if (to != SAMPLE_SETTLED || !was_dropped)
        tasks->count[to]++;
}

void tasks_revive(struct open_tasks *tasks, struct open_task *task, uint32_t sample,
                  int64_t now_ms)
{
    struct open_sample *at = &task->sample[sample];

    assert(at->state == SAMPLE_DROPPED);
    tasks->dropped[at->drop]--;
    at->queued = at->sent = false;
    tasks_move(tasks, task, sample, SAMPLE_WAITING, now_ms);
}

void tasks_take_back(struct open_tasks *tasks, struct open_task *task, uint32_t sample,
                     int64_t now_ms)
{
    struct open_sample *at = &task->sample[sample];

    free_body(tasks, task, at);
    /* Who failed it before stays known (`tries`): it is the same work. */
    at->missing = task->n_score;
    at->sent = false; /* `queued` stays: its name may still be in the queue */
    tasks_move(tasks, task, sample, SAMPLE_WAITING, now_ms);
}

static bool take_space(struct open_tasks *tasks, struct open_sample *sample, size_t bytes)
{
    if (tasks->space + bytes > tasks->space_max)
        return false;
    tasks->space += bytes;
    sample->space = bytes;
    return true;
}

/* Counted before anything is taken: all of them or none. */
bool tasks_reserve(struct open_tasks *tasks, struct open_task *task, uint32_t sample)
{
    size_t need = 0;

    if (task->sample[sample].space)
        return true;
    if (!task->whole)
        return take_space(tasks, &task->sample[sample], task->space_each);
    for (uint32_t i = 0; i < task->def->samples; i++)
        if (!task->sample[i].space && task->sample[i].state < SAMPLE_DROPPED)
            need += task->space_each;
    if (tasks->space + need > tasks->space_max)
        return false;
    for (uint32_t i = 0; i < task->def->samples; i++)
        if (!task->sample[i].space && task->sample[i].state < SAMPLE_DROPPED)
            take_space(tasks, &task->sample[i], task->space_each);
    return true;
}

bool tasks_extend(struct open_tasks *tasks, struct open_sample *sample, size_t bytes)
{
    if (bytes <= sample->space)
        return true;
    if (tasks->space + (bytes - sample->space) > tasks->space_max)
        return false;
    tasks->space += bytes - sample->space;
    sample->space = bytes;
    return true;
}

bool tasks_add_up(const struct open_tasks *tasks)
{
    uint64_t open = 0, dropped = 0;

    for (int state = SAMPLE_WAITING; state < SAMPLE_DROPPED; state++)
        open += tasks->count[state];
    for (size_t i = 0; i < TASKS_DROPS; i++)
        dropped += tasks->dropped[i];
    return tasks->opened == tasks->count[SAMPLE_SETTLED] + open + dropped;
}
