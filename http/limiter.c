/* Eight neighbours of a name's place are looked at: the one that has it, else a free one, else the
 * one that is fullest now. A try that is refused costs nothing, so that who waits gets in. */
#include "http/limiter.h"

#include <stddef.h>

enum { LOOKED_AT = 8 };

void limiter_begin(struct limiter *limiter, double burst, double per_minute)
{
    limiter->burst = burst;
    limiter->per_ms = per_minute / 60000;
}

/* A clock that was set back fills nothing. */
static double left_now(const struct limiter *limiter, const struct limiter_bucket *bucket,
                       int64_t now_ms)
{
    const double gone = now_ms > bucket->at_ms ? (double)(now_ms - bucket->at_ms) : 0;
    const double left = bucket->left + gone * limiter->per_ms;

    return !bucket->name || left > limiter->burst ? limiter->burst : left;
}

/* One pass finds the bucket or its best place; a name of zero would be a free bucket's. */
int64_t limiter_try(struct limiter *limiter, uint64_t name, int64_t now_ms)
{
    struct limiter_bucket *best = NULL;
    double most = -1, left;

    name |= 1; /* 0 is a free one */
    for (uint64_t i = 0; i < LOOKED_AT; i++) {
        struct limiter_bucket *one = &limiter->bucket[(name / 2 + i) % LIMITER_MOST];

        left = left_now(limiter, one, now_ms);
        if (one->name == name) {
            best = one;
            break;
        }
        if (left > most) {
            most = left;
            best = one;
        }
    }
    left = best->name == name ? left_now(limiter, best, now_ms) : limiter->burst;
    if (left < 1)
        return (int64_t)((1 - left) / limiter->per_ms) + 1;
    best->name = name;
    best->at_ms = now_ms;
    best->left = left - 1;
    return 0;
}
