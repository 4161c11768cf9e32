/* minute: what is said of the last minute, and how long is left. Inside broker/ only. */

#ifndef BROKER_MINUTE_H
#define BROKER_MINUTE_H

#include "broker/minute_state.h"

#include <stdbool.h>

struct broker;

/* Once a second, before members_second. */
void minute_second(struct broker *broker);

/* Shares of the time, 0..1: `of` a role (enum role) without work; of actors' time, without work
 * for want of weights. 0 while nothing is known. */
double minute_idle(const struct minute *minute, uint32_t role);
/* The same of whole iterations. False, and *idle as it was: too little is known of them, or many
 * fit into a minute. */
bool minute_whole(const struct minute *minute, uint32_t role, int64_t now_ms, double *idle);
double minute_without(const struct minute *minute);
/* The same of the last 3 s: what stands still now. */
double minute_without_now(const struct minute *minute);
/* Until `total` iterations are done; 0: unknown. */
uint64_t minute_left_ms(const struct minute *minute, uint64_t total, int64_t now_ms);

#endif
