/* The ranges are sorted once when they come and searched by halves: it is asked of each sample
 * that is opened, claimed or brought, and comes whole once a second. */

#include "broker/settled.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void settled_fini(struct settled_samples *set)
{
    free(set->range);
    memset(set, 0, sizeof *set);
}

static int compare(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

/* As learners of ours say it. */
static bool is_sorted(const struct range *range, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (compare(&range[i - 1], &range[i]) > 0)
            return false;
    return true;
}

void settled_take(struct settled_samples *set, const struct settled *from)
{
    if (from->n_range > set->capacity) {
        set->range = mem_grow(set->range, from->n_range, sizeof *set->range);
        set->capacity = from->n_range;
    }
    if (from->n_range) {
        memcpy(set->range, from->range, from->n_range * sizeof *set->range);
        if (!is_sorted(set->range, from->n_range))
            qsort(set->range, from->n_range, sizeof *set->range, compare);
    }
    set->ranges = from->n_range;
    set->epoch = from->epoch;
    set->watermark = from->watermark;
}

/* The last range that starts at or before (task, sample), or NULL. */
static const struct range *before(const struct settled_samples *set, uint64_t task,
                                  uint32_t sample)
{
    uint32_t low = 0, high = set->ranges;

    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        const struct range *at = &set->range[mid];

        if (at->task < task || (at->task == task && at->first <= sample))
            low = mid + 1;
        else
            high = mid;
    }
    return low ? &set->range[low - 1] : NULL;
}

bool settled_has(const struct settled_samples *set, uint64_t task, uint32_t sample)
{
    const struct range *at;

    if (task < set->watermark)
        return true;
    at = before(set, task, sample);
    /* `before` has seen to it that sample is not less than first. */
    return at && at->task == task && sample - at->first < at->count;
}

bool settled_whole(const struct settled_samples *set, uint64_t task, uint32_t n)
{
    const struct range *at = before(set, task, 0);

    return at && at->task == task && at->first == 0 && at->count && at->count >= n;
}

struct settled settled_view(const struct settled_samples *set)
{
    return (struct settled){.epoch = set->epoch,
                            .watermark = set->watermark,
                            .range = set->range,
                            .n_range = set->ranges};
}
