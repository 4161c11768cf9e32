/* newest: which version of a policy a follower asks for: the newest, and one at a time.
 *
 * Owns no socket and asks for nothing itself; time is an argument, in ms. */

#ifndef FOLLOW_NEWEST_H
#define FOLLOW_NEWEST_H

#include "proto/noun.h"

#include <stdbool.h>

enum { NEWEST_SLOW_MS = 60000 }; /* after which a version that does not come is told */

struct newest { /* begins as zeros; a zero hash: none */
    struct version heard, wanted, held;
    uint64_t smallest_live;
    int64_t since_ms; /* when `held` was the newest last, or the first one was heard of */
    bool told;        /* that newer ones do not come */
};

/* What the broker says; a version that is older than the last one counts, too: a run may go on from
 * an older state. */
void newest_hear(struct newest *newest, const struct version *version, uint64_t smallest_live);
/* Another run: what was heard means nothing, what is held stays. */
void newest_forget(struct newest *newest);

enum newest_step {
    NEWEST_REST,   /* nothing is lacking, or `wanted` is on its way */
    NEWEST_DROP,   /* `wanted` is given up (drop its pull, then newest_dropped) */
    NEWEST_ASK,    /* `wanted` has just been chosen, or is not asked for: ask */
    NEWEST_BEHIND, /* as REST, and told once: it takes so long that `held` is old */
};
/* asked: a pull of `wanted` is under way, `share` of it is here; by_way: it is made of another. */
enum newest_step newest_next(struct newest *newest, bool asked, double share, bool by_way,
                             int64_t now_ms);
void newest_dropped(struct newest *newest);

/* It came. False: nobody waits for it. */
bool newest_got(struct newest *newest, const struct hash *hash, int64_t now_ms);

#endif
