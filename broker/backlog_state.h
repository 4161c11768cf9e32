/* backlog_state: what waits for one member, and for all (backlog.h). */

#ifndef BROKER_BACKLOG_STATE_H
#define BROKER_BACKLOG_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct broker_member;
struct letter;

enum { BACKLOG_STATES = 3, BACKLOG_LETTER = 256 }; /* what one takes besides its bytes */

struct backlog {
    struct letter *first, *last, *state[BACKLOG_STATES];
    size_t bytes;
    uint32_t n;
    int64_t again_ms, pause_ms; /* when its pipe is tried next; how long from the last try */
    bool waits;                 /* something is here */
    struct broker_member *next, *prev; /* of the list of all that wait */
};

/* All the members for whom something waits. */
struct backlogs {
    struct broker_member *first, *last;
    size_t bytes; /* of all */
    uint32_t n;
};

#endif
