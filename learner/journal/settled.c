/* A watermark, below which all is settled, and a sorted array of the names above it. Answers come
 * nearly in order, so that the array stays as short as the window of open tasks; what it holds of
 * whole tasks at its low end is taken into the watermark at once. Only two things move backwards:
 * an answer that was taken back lowers the watermark, and names what stands above it one by one;
 * and a run that stop_if cut off has tasks that never come, over which the watermark steps. */

#include "learner/journal/settled.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct settled_name {
    uint64_t task;
    uint32_t sample;
};

/* The names above the watermark, in order: no more than the open window holds. */
struct settled_set {
    uint32_t samples; /* of the tasks first .. end-1; others have one */
    uint64_t first, end;
    uint64_t cut, cut_end; /* what will not come, if anything */
    uint64_t watermark;
    struct settled_name *name;
    size_t n, room;
    struct range *range; /* what settled_state handed out */
};

void settled_new(struct settled_set **out, uint32_t samples, uint64_t first, uint64_t end)
{
    *out = mem_new(1, sizeof **out);
    (*out)->samples = samples;
    (*out)->first = first;
    (*out)->end = end;
}

void settled_free(struct settled_set *set)
{
    if (!set)
        return;
    free(set->name);
    free(set->range);
    free(set);
}

/* Where the name is, or would stand. */
static size_t find(const struct settled_set *set, uint64_t task, uint32_t sample)
{
    size_t low = 0, high = set->n;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const struct settled_name *const name = &set->name[mid];
        if (name->task < task || (name->task == task && name->sample < sample))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool there(const struct settled_set *set, size_t at, uint64_t task, uint32_t sample)
{
    return at < set->n && set->name[at].task == task && set->name[at].sample == sample;
}

bool settled_has(const struct settled_set *set, uint64_t task, uint32_t sample)
{
    return task < set->watermark || there(set, find(set, task, sample), task, sample);
}

uint64_t settled_watermark(const struct settled_set *set)
{
    return set->watermark;
}

/* An iteration was extended, or shortened: what lies behind it moved. */
void settled_end(struct settled_set *set, uint64_t end)
{
    set->end = end;
}

/* Evaluations have one answer a prompt. */
static uint32_t samples_of(const struct settled_set *set, uint64_t task)
{
    return task >= set->first && task < set->end ? set->samples : 1;
}

/* Takes whole tasks at the low end into the watermark, and what was cut off. */
static void raise_watermark(struct settled_set *set)
{
    size_t whole = 0;

    for (;;) {
        /* what was cut off counts as there, and names in it go with it */
        if (set->watermark >= set->cut && set->watermark < set->cut_end) {
            set->watermark = set->cut_end;
            while (whole < set->n && set->name[whole].task < set->watermark)
                whole++;
        }
        /* sorted and without doubles: a task is whole if its n-th name from here is its own */
        const uint32_t samples = samples_of(set, set->watermark);
        if (set->n - whole < samples || set->name[whole].task != set->watermark ||
            set->name[whole + samples - 1].task != set->watermark)
            break;
        whole += samples;
        set->watermark++;
    }
    if (whole) {
        set->n -= whole;
        memmove(set->name, set->name + whole, set->n * sizeof *set->name);
    }
}

/* The watermark may stand at the cut already. */
void settled_cut(struct settled_set *set, uint64_t from, uint64_t to)
{
    set->cut = from;
    set->cut_end = to;
    raise_watermark(set);
}

/* In most cases the name belongs at the end, and nothing is moved. */
bool settled_add(struct settled_set *set, uint64_t task, uint32_t sample)
{
    const size_t at = find(set, task, sample);

    assert(sample < samples_of(set, task));
    if (task < set->watermark || there(set, at, task, sample))
        return false;
    if (set->n == set->room) {
        set->room = 2 * set->room + 64;
        set->name = mem_grow(set->name, set->room, sizeof *set->name);
    }
    memmove(set->name + at + 1, set->name + at, (set->n - at) * sizeof *set->name);
    set->name[at] = (struct settled_name){task, sample};
    set->n++;
    raise_watermark(set);
    return true;
}

/* The watermark comes down to `task`: what is settled above it is named from now on. */
static void lower_watermark(struct settled_set *set, uint64_t task)
{
    size_t more = 0, at = 0;

    for (uint64_t t = task; t < set->watermark; t++)
        more += samples_of(set, t);
    if (set->room < set->n + more) {
        set->room = set->n + more;
        set->name = mem_grow(set->name, set->room, sizeof *set->name);
    }
    memmove(set->name + more, set->name, set->n * sizeof *set->name);
    for (uint64_t t = task; t < set->watermark; t++)
        for (uint32_t i = 0; i < samples_of(set, t); i++)
            set->name[at++] = (struct settled_name){t, i};
    set->n += more;
    set->watermark = task;
}

bool settled_remove(struct settled_set *set, uint64_t task, uint32_t sample)
{
    size_t at;

    if (task < set->watermark)
        lower_watermark(set, task);
    at = find(set, task, sample);
    if (!there(set, at, task, sample))
        return false;
    set->n--;
    memmove(set->name + at, set->name + at + 1, (set->n - at) * sizeof *set->name);
    return true;
}

struct settled settled_state(struct settled_set *set, uint64_t epoch)
{
    size_t n = 0;

    /* neighbours of one task become one range: what HELLO and heartbeats carry is short */
    set->range = mem_grow(set->range, set->n + 1, sizeof *set->range);
    for (size_t i = 0; i < set->n; i++) {
        const struct settled_name name = set->name[i];
        struct range *const last = n ? &set->range[n - 1] : NULL;
        if (last && last->task == name.task && last->first + last->count == name.sample)
            last->count++;
        else
            set->range[n++] = (struct range){name.task, name.sample, 1};
    }
    return (struct settled){epoch, set->watermark, set->range, (uint32_t)n};
}
