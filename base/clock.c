/* How: clock_gettime, nothing kept. This is the only file that reads a clock for the rest:
 * state machines get the time as an argument (tests/lint/banned.sh), their callers get it here.
 */

#include "base/clock.h"

#include <time.h>

static int64_t read_ns(clockid_t which)
{
    struct timespec t;

    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_mono_ms(void)
{
    return read_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000;
}
