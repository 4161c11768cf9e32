/* limiter: how often somebody may try: buckets that fill with time.
 *
 * A bucket's name is a hash of whatever is counted (an account, an address), so nothing of it is
 * kept. There are as many buckets as LIMITER_MOST; a new name takes the one among a few that is
 * fullest, which has the least to remember: whoever brings many names makes room for himself, and
 * forgets only those who have not tried for long. */

#ifndef HTTP_LIMITER_H
#define HTTP_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

enum { LIMITER_MOST = 4096 };

struct limiter {
    double burst, per_ms; /* tries at once; and how many come back each ms */
    struct limiter_bucket {
        uint64_t name; /* 0: free */
        int64_t at_ms;
        double left;
    } bucket[LIMITER_MOST];
};

/* Zeroed by the caller. */
void limiter_begin(struct limiter *limiter, double burst, double per_minute);

/* A try: 0 if it may be, else the ms to wait. */
int64_t limiter_try(struct limiter *limiter, uint64_t name, int64_t now_ms);

#endif
