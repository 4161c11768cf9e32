/* OpenMP's `if` clause asks this before each region. The answer never changes a result, only who
 * computes it; tests set the threshold to 0 and to infinity to show that. */

#include "lm/kernel/share.h"

#include <stdatomic.h>

/* About 20 microseconds of one core. */
static atomic_size_t least = 1 << 19;

bool share_worth(size_t work)
{
    return work >= atomic_load_explicit(&least, memory_order_relaxed);
}

void share_least(size_t work)
{
    atomic_store_explicit(&least, work, memory_order_relaxed);
}
