/* health: a file by which whoever started a worker sees that it lives: written each second by
 * the loop itself, so an old file is a loop that stands still. Its one word is `ready` while the
 * broker knows the process, else `waiting`. */

#ifndef MEMBER_HEALTH_H
#define MEMBER_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

enum { HEALTH_MS = 1000 };

/* Begins as zeros with `file` set; NULL or "": none is written. */
struct health {
    const char *file;
    int64_t next_ms; /* when it is due */
    bool failed;     /* and said so, once */
};

/* Each tick. What cannot be written is said in the log, once until it can be again. */
void health_tick(struct health *health, bool ready, int64_t now_ms);
/* The process ends: the file goes. */
void health_end(const struct health *health);

#endif
