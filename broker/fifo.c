/* A sample that is not wanted any more stays in the queue and is skipped by whoever takes it out:
 * so nothing is ever searched for. Before the ring grows, names of openings that are over are
 * taken out; as samples are queued at most once, it is as long as the open tasks are many. */

#include "broker/fifo.h"

#include "base/mem.h"

#include <string.h>

/* Takes out what leads nowhere any more; what stays keeps its order. */
static void thin(const struct open_tasks *tasks, struct fifo *fifo)
{
    size_t kept = 0;

    for (size_t i = 0; i < fifo->n; i++) {
        const struct tasks_name name = fifo->item[(fifo->first + i) % fifo->capacity];

        if (tasks_named(tasks, &name, NULL))
            fifo->item[(fifo->first + kept++) % fifo->capacity] = name;
    }
    fifo->n = kept;
}

static void grow(struct fifo *fifo)
{
    const size_t old = fifo->capacity;

    fifo->capacity = old ? 2 * old : 64;
    fifo->item = mem_grow(fifo->item, fifo->capacity, sizeof *fifo->item);
    if (fifo->first) /* unroll what had wrapped around */
        memcpy(fifo->item + old, fifo->item, fifo->first * sizeof *fifo->item);
}

void fifo_push(const struct open_tasks *tasks, struct fifo *fifo, const struct open_task *task,
               uint32_t sample)
{
    if (fifo->n == fifo->capacity) {
        thin(tasks, fifo);
        /* Only if thinning did not free half of it: else each push could mean another pass. */
        if (2 * fifo->n >= fifo->capacity)
            grow(fifo);
    }
    fifo->item[(fifo->first + fifo->n++) % fifo->capacity] = tasks_name(task, sample);
}

const struct tasks_name *fifo_head(const struct fifo *fifo)
{
    return &fifo->item[fifo->first];
}

void fifo_pop(struct fifo *fifo)
{
    fifo->first = (fifo->first + 1) % fifo->capacity;
    fifo->n--;
}
