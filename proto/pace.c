/* Bytes and time are two sums that fade by the same factor, so that their quotient is the rate
 * of the last seconds: at the start it follows at once (there is nothing to fade), later it
 * follows within PACE_MEMORY_MS. While nothing is owed time does not count, or a line would
 * look slow because nobody asked. */

#include "proto/pace.h"

static void pass(struct pace_meter *pace, int64_t now_ms)
{
    const double ms = now_ms > pace->at_ms ? (double)(now_ms - pace->at_ms) : 0;
    const double fade = PACE_MEMORY_MS / (PACE_MEMORY_MS + ms);

    pace->at_ms = now_ms;
    if (!pace->owed)
        return;
    pace->bytes *= fade;
    pace->ms = pace->ms * fade + ms;
}

void pace_owed(struct pace_meter *pace, bool owed, int64_t now_ms)
{
    pass(pace, now_ms);
    pace->owed = owed;
}

void pace_came(struct pace_meter *pace, size_t bytes, int64_t now_ms)
{
    pass(pace, now_ms);
    if (pace->owed)
        pace->bytes += (double)bytes;
    pace->total += bytes;
}

double pace_rate(const struct pace_meter *pace)
{
    return pace->bytes > 0 ? pace->bytes * 1000 / (pace->ms < 1 ? 1 : pace->ms) : 0;
}

size_t pace_window(const struct pace_meter *pace)
{
    const double ahead = pace_rate(pace) * PACE_AHEAD_MS / 1000;

    if (ahead < PACE_LEAST)
        return PACE_LEAST;
    return ahead > PACE_MOST ? PACE_MOST : (size_t)ahead;
}
