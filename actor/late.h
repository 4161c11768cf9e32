/* late: items on their way to the compute thread, in order, also while its queue is full. */

#ifndef ACTOR_LATE_H
#define ACTOR_LATE_H

#include "base/err.h"

#include <stdint.h>

struct compute_item;
struct fetch_rebuild;
struct worker;

enum { LATE_WORK = 64 }; /* items that may wait before work is turned away */

struct late {
    struct compute_item **item; /* that the full queue refused; owned */
    uint32_t n, room;
};

/* Takes it. Jobs, CANCEL and SHED are dropped, with a word in the log, while LATE_WORK wait; what
 * says which weights there are never is. */
void late_post(struct late *late, struct worker *worker, struct compute_item *item);
/* An image to be made, as an item that is not late: then it is pulled, which needs no thread. Errors:
 * ERR_STATE: the thread takes no more now, and the job stays the caller's. */
enum err late_rebuild(const struct late *late, struct worker *worker,
                      struct fetch_rebuild *job) MUST_CHECK;
void late_go(struct late *late, struct worker *worker); /* each tick: what has room now */
void late_fini(struct late *late);

#endif
