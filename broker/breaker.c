/* breaker: a scorer that failed BREAKER_FAILS times in a row is paused.
 *
 * Counted over all its workers, set back by any score. One failure may be chance and two a
 * restart; after the third nothing is gained by asking on: answers wait, whole and unblamed,
 * and one unit is asked about now and then, at first after a second, then each time after twice
 * as long, up to a minute, or as soon as a new worker offers the scorer. The first good answer
 * ends the pause. That it is on stands in waits.c: on the learner's terminal, in STATS. */

#include "broker/breaker.h"

#include "base/log.h"
#include "broker/blame.h"
#include "broker/state.h"
#include "proto/text.h"

#include <string.h>

enum { BREAKER_FAILS = 3, PROBE_MS = 1000 };

/* Until it may be tried next; what was under way when the pause began makes it no longer. */
static void pause_it(struct breaker *at, const struct ticket *ticket, int64_t now_ms)
{
    if (at->probe_ms && ticket->number != at->probe)
        return;
    at->pause_ms = at->probe_ms ? 2 * at->pause_ms : PROBE_MS;
    if (at->pause_ms > BREAKER_MAX_MS)
        at->pause_ms = BREAKER_MAX_MS;
    at->probe_ms = now_ms + at->pause_ms;
    at->probe = 0;
}

void breaker_fail(struct broker *b, uint32_t scorer, const struct ticket *ticket,
                  const struct broker_member *by, const char *words, int64_t now_ms)
{
    struct breaker *at = &b->breaker[scorer];

    at->last = by->id;
    text_print(at->who, sizeof at->who, "%s", by->name);
    text_print(at->words, sizeof at->words, "%s", words);
    if (!at->fails++) {
        at->since_ms = now_ms;
        blame_scorer(b, &b->run.scorer[scorer], by->name, words);
    }
    if (at->fails == BREAKER_FAILS)
        log_warn("pause", "scorer=%s who=%s reason=\"%s\"", b->run.scorer[scorer].name,
                 by->name, words);
    if (breaker_open(at))
        pause_it(at, ticket, now_ms);
}

void breaker_good(struct broker *b, uint32_t scorer)
{
    struct breaker *at = &b->breaker[scorer];

    if (breaker_open(at))
        log_info("resume", "scorer=%s", b->run.scorer[scorer].name);
    memset(at, 0, sizeof *at);
}

bool breaker_open(const struct breaker *at)
{
    return at->fails >= BREAKER_FAILS;
}

bool breaker_may(const struct broker *b, uint32_t scorer, int64_t now_ms)
{
    const struct breaker *at = &b->breaker[scorer];
    const struct ticket *probe;

    if (!breaker_open(at))
        return true;
    probe = ticket_find(&b->tickets, at->probe);
    return now_ms >= at->probe_ms && !(probe && probe->holder);
}

void breaker_asked(struct broker *b, uint32_t scorer, uint64_t ticket)
{
    struct breaker *at = &b->breaker[scorer];

    if (breaker_open(at))
        at->probe = ticket;
}

void breaker_offered(struct broker *b, const struct broker_member *rewarder, int64_t now_ms)
{
    for (uint32_t j = 0; j < b->run.scorers; j++)
        if (breaker_open(&b->breaker[j]) && members_can(rewarder, &b->run.scorer[j]))
            b->breaker[j].probe_ms = now_ms;
}

void breaker_forget(struct broker *b)
{
    memset(b->breaker, 0, sizeof b->breaker);
}
