/* waits: what stands still, in words. Inside broker/ only. */

#ifndef BROKER_WAITS_H
#define BROKER_WAITS_H

#include "proto/limit.h"
#include "proto/msg_peer.h"

struct broker;

/* One a scorer, and those of waits_list besides. Words: of a scorer's last failure among them. */
enum { WAITS_OTHERS = 8, WAITS_MAX = MAX_SCORERS + WAITS_OTHERS, WAITS_WORDS = 384 };

struct waits {
    struct msg_wait wait[WAITS_MAX]; /* point into `words` and the broker's tables */
    char words[WAITS_MAX][WAITS_WORDS];
    uint32_t n;
};

void waits_list(const struct broker *broker, struct waits *out, int64_t now_ms);

#endif
