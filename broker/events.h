/* events: who came and went, and why: the latest. Inside broker/ only. */

#ifndef BROKER_EVENTS_H
#define BROKER_EVENTS_H

#include "broker/members.h"

enum { EVENTS_MAX = 64 };

struct events {
    struct events_one {
        int64_t at_ms;
        enum role role;
        bool joined, died;
        char name[MEMBERS_NAME], host[MEMBERS_NAME], address[ORIGIN_TEXT];
        char cause[MEMBERS_WORDS];
    } one[EVENTS_MAX]; /* number i at i % EVENTS_MAX */
    uint64_t n;
};

/* After its HELLO was read; before it is void. People at a command line come and go unnoted. */
void events_joined(struct events *events, const struct broker_member *member, int64_t now_ms);
void events_gone(struct events *events, const struct broker_member *member, bool died,
                 int64_t now_ms);

/* The latest first, at most `max`; they point into `events`. Returns how many. */
uint32_t events_list(const struct events *events, struct msg_stats_event *out, uint32_t max,
                     int64_t now_ms);

#endif
