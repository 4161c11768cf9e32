/* admits: who asks to be let in, by key, so that nobody keeps the head busy with that. Inside
 * broker/ only. */

#ifndef BROKER_ADMITS_H
#define BROKER_ADMITS_H

#include "base/hash.h"

#include <stdbool.h>

enum {
    ADMITS_KEYS = 64,      /* tickets and supervisors that ask at the same time */
    ADMITS_WAIT = 64,      /* orders of a key that wait for the head at once */
    ADMITS_LOST_MS = 5000, /* what was not answered until then is not waited for */
    ADMITS_NO_MS = 1000,   /* after a no */
    ADMITS_SECOND = 128,   /* orders of a key a second */
};

struct admits_key {
    struct hash key;
    uint32_t waiting, said; /* said: within the second that began at from_ms */
    int64_t asked_ms, no_ms, from_ms;
};

struct admits {
    struct admits_key of[ADMITS_KEYS];
    uint64_t dropped, told;
    int64_t told_ms;
};

/* May an order of `key` go to the head now? It then waits for its answer. False: it is counted,
 * said (log, at most once a second), and asked again by whoever is patient. */
bool admits_may(struct admits *admits, const struct hash *key, int64_t now_ms);
/* The head's answer. */
void admits_answered(struct admits *admits, const struct hash *key, bool ok, int64_t now_ms);

#endif
