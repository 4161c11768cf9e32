/* places: the members of a snapshot by machine. Inside broker/ only. */

#ifndef BROKER_PLACES_H
#define BROKER_PLACES_H

#include "broker/state.h"
#include "broker/waits.h"

/* METRICS: bytes of what supervisors say that one snapshot carries; WAITS: slow links named. */
enum { PLACES_MAX = 512, PLACES_METRICS = 512 << 10, PLACES_WAITS = 8 };

struct places {
    struct msg_stats_host host[PLACES_MAX]; /* point into members; in order of name */
    int64_t since_ms[PLACES_MAX];           /* the first of its actors lacks the newest */
    const struct broker_member **member;    /* all of them, by machine; heap */
    uint32_t first[PLACES_MAX];             /* of `member`: the first of that machine */
    uint32_t n;
    /* That has held up work for longest, of those whose weights are on their way; NULL. */
    const struct msg_stats_host *slowest;
    bool others; /* somebody else has the weights that are wanted next */
    char words[PLACES_WAITS][WAITS_WORDS];
};

/* Once a second, before the weights of a member are told by their rate: since when and from which
 * byte on it lacks the newest. */
void places_second(struct broker *broker);

void places_list(const struct broker *broker, struct places *out);
void places_free(struct places *places); /* what it holds */
/* "weights to HOST at 0.6 MB/s, 41 s left", the slowest first: appended to `wait`, at most
 * PLACES_WAITS. Returns how many. */
uint32_t places_waits(struct places *places, struct msg_wait *wait, int64_t now_ms);

#endif
