/* breaker: scorers that fail and fail are paused. Inside broker/ only. */

#ifndef BROKER_BREAKER_H
#define BROKER_BREAKER_H

#include "broker/members.h"
#include "broker/ticket.h"

struct breaker {                          /* of a scorer */
    uint32_t fails;                       /* in a row, of all its workers */
    uint64_t probe;                       /* the ticket that tries it, while it is paused */
    int64_t since_ms, probe_ms, pause_ms; /* the first of them; when it may be tried next */
    struct id last;                       /* who failed last, */
    char who[MEMBERS_NAME], words[MEMBERS_WORDS]; /* and what is to be said of it */
};

enum { BREAKER_MAX_MS = 60000 }; /* between two tries of a paused scorer */

/* The one asked by this ticket failed. True: it is the first of a row, which the learner hears.
 * `scorer`: its name, for the log. */
bool breaker_fail(struct breaker *at, const char *scorer, uint64_t ticket,
                  const struct broker_member *by, const char *words, int64_t now_ms);
void breaker_good(struct breaker *at, const char *scorer);
bool breaker_open(const struct breaker *at); /* is it paused? */
/* May it be asked now? */
bool breaker_may(const struct breaker *at, const struct tickets *tickets, int64_t now_ms);
void breaker_asked(struct breaker *at, uint64_t ticket);
void breaker_offered(struct breaker *at, int64_t now_ms); /* by a worker that is new */

#endif
