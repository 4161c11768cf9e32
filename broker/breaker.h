/* breaker: scorers that fail and fail are paused. Inside broker/ only. */

#ifndef BROKER_BREAKER_H
#define BROKER_BREAKER_H

#include "broker/members.h"

struct broker;
struct ticket;

struct breaker {                          /* of a scorer: breaker.c */
    uint32_t fails;                       /* in a row, of all its workers */
    uint64_t probe;                       /* the ticket that tries it, while it is paused */
    int64_t since_ms, probe_ms, pause_ms; /* the first of them; when it may be tried next */
    struct id last;                       /* who failed last, */
    char who[MEMBERS_NAME], words[MEMBERS_WORDS]; /* and what is to be said of it */
};

enum { BREAKER_MAX_MS = 60000 }; /* between two tries of a paused scorer */
/* The one asked by this ticket failed. */
void breaker_fail(struct broker *b, uint32_t scorer, const struct ticket *ticket,
                  const struct broker_member *by, const char *words, int64_t now_ms);
void breaker_good(struct broker *b, uint32_t scorer);
bool breaker_open(const struct breaker *at);                               /* is it paused? */
bool breaker_may(const struct broker *b, uint32_t scorer, int64_t now_ms); /* be asked now */
void breaker_asked(struct broker *b, uint32_t scorer, uint64_t ticket);
void breaker_offered(struct broker *b, const struct broker_member *rewarder, int64_t now_ms);
void breaker_forget(struct broker *b);

#endif
