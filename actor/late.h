/* late: items on their way to the compute thread, in order, also while its queue is full. */

#ifndef ACTOR_LATE_H
#define ACTOR_LATE_H

#include <stdint.h>

struct compute_item;
struct worker;

struct late {
    struct compute_item *item[64]; /* that the full queue refused; owned */
    uint32_t n;
};

void late_post(struct late *late, struct worker *worker,
               struct compute_item *item);              /* takes it */
void late_go(struct late *late, struct worker *worker); /* each tick: what has room now */
void late_fini(struct late *late);

#endif
