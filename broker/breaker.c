/* breaker: a scorer that failed BREAKER_FAILS times in a row is paused.
 *
 * Counted over all its workers, set back by any score. One failure may be chance and two a
 * restart; after the third nothing is gained by asking on: answers wait, whole and unblamed,
 * and one unit is asked about now and then, at first after a second, then each time after twice
 * as long, up to a minute, or as soon as a new worker offers the scorer. The first good answer
 * ends the pause. That it is on stands in waits.c: on the learner's terminal, in STATS. */

#include "broker/breaker.h"

#include "base/log.h"
#include "proto/text.h"

#include <string.h>

enum { BREAKER_FAILS = 3, PROBE_MS = 1000 };

/* Until it may be tried next; what was under way when the pause began makes it no longer. */
static void pause_it(struct breaker *at, uint64_t ticket, int64_t now_ms)
{
    if (at->probe_ms && ticket != at->probe)
        return;
    at->pause_ms = at->probe_ms ? 2 * at->pause_ms : PROBE_MS;
    if (at->pause_ms > BREAKER_MAX_MS)
        at->pause_ms = BREAKER_MAX_MS;
    at->probe_ms = now_ms + at->pause_ms;
    at->probe = 0;
}

bool breaker_fail(struct breaker *at, const char *scorer, uint64_t ticket,
                  const struct broker_member *by, const char *words, int64_t now_ms)
{
    const bool first = !at->fails++;

    at->last = by->id;
    text_print(at->who, sizeof at->who, "%s", by->name);
    text_print(at->words, sizeof at->words, "%s", words);
    if (first)
        at->since_ms = now_ms;
    /* At the third alone: each probe that fails would say the same again. */
    if (at->fails == BREAKER_FAILS)
        log_warn("pause", "scorer=%s who=%s reason=\"%s\"", scorer, by->name, words);
    if (breaker_open(at))
        pause_it(at, ticket, now_ms);
    return first;
}

void breaker_good(struct breaker *at, const char *scorer)
{
    if (breaker_open(at))
        log_info("resume", "scorer=%s", scorer);
    memset(at, 0, sizeof *at);
}

bool breaker_open(const struct breaker *at)
{
    return at->fails >= BREAKER_FAILS;
}

bool breaker_may(const struct breaker *at, const struct tickets *tickets, int64_t now_ms)
{
    const struct ticket *probe;

    if (!breaker_open(at))
        return true;
    probe = ticket_find(tickets, at->probe);
    /* A ticket of which the holder is gone, or the time over, tries nothing any more. */
    return now_ms >= at->probe_ms && !(probe && probe->holder);
}

void breaker_asked(struct breaker *at, uint64_t ticket)
{
    if (breaker_open(at))
        at->probe = ticket;
}

void breaker_offered(struct breaker *at, int64_t now_ms)
{
    if (breaker_open(at))
        at->probe_ms = now_ms;
}
