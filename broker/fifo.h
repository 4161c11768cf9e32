/* fifo: a queue of samples. Inside broker/ only. */

#ifndef BROKER_FIFO_H
#define BROKER_FIFO_H

#include "broker/tasks.h"

struct fifo {
    struct tasks_name *item; /* a ring */
    size_t first, n, capacity;
};

/* At the end. */
void fifo_push(const struct open_tasks *tasks, struct fifo *fifo, const struct open_task *task,
               uint32_t sample);
/* Of one that is not empty. */
const struct tasks_name *fifo_head(const struct fifo *fifo);
void fifo_pop(struct fifo *fifo);

#endif
