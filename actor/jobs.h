/* jobs: what is to be decoded, in order of arrival. The compute thread's. */

#ifndef ACTOR_JOBS_H
#define ACTOR_JOBS_H

#include <stddef.h>

struct compute_item;
struct generate;

struct jobs {
    struct compute_item **item; /* owned */
    size_t n, room;
};

void jobs_append(struct jobs *jobs, struct compute_item *job); /* takes it */
struct compute_item *jobs_take_out(struct jobs *jobs, size_t i);
void jobs_forget(struct jobs *jobs); /* frees all */
/* Frees those of which no sample is in a slot any more: their owner there is the item. */
void jobs_forget_done(struct jobs *running, const struct generate *generate);

/* A sample that another does, the last one of a job in `waiting`. A job that is whole in slots
 * without it moves to `running`, which owns what they borrow. */
void jobs_shed(struct jobs *waiting, struct jobs *running, const struct compute_item *shed);

#endif
