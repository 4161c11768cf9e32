/* guests: whom one who serves may let in, by key. A key that is not wanted any more stays for some
 * seconds, so that what its holder has begun may end; a revoked one goes at once. */

#ifndef BROKER_GUESTS_H
#define BROKER_GUESTS_H

#include "base/hash.h"

enum { GUESTS_LINGER_MS = 10000 };

struct guests_one {
    struct hash key;
    int64_t until_ms; /* 0: it is to stay */
};
struct guests {
    struct guests_one *one;
    uint32_t n;
    bool due; /* the list is to be said */
};

/* False: MAX_GUESTS are there. No key is no guest. */
bool guests_let_in(struct guests *guests, const struct hash *key);
void guests_let_go(struct guests *guests, const struct hash *key, int64_t now_ms);
void guests_revoke(struct guests *guests, const struct hash *key);
void guests_tick(struct guests *guests, int64_t now_ms);
void guests_fini(struct guests *guests);

bool guests_keyed(const struct hash *key); /* not zeros */

#endif
