/* uplink: what the learner's line carries of weights, and whether others wait for it. Inside broker/
 * only. */

#ifndef BROKER_UPLINK_H
#define BROKER_UPLINK_H

#include "broker/uplink_state.h"

#include <stdbool.h>
#include <stddef.h>

struct broker;

/* Each tick: does a learner owe the bulk port chunks now; bytes that came from learners so far. */
void uplink_look(struct broker *broker, bool owes, uint64_t bytes, int64_t now_ms);
/* Once a second, after the ticks of it. */
void uplink_second(struct broker *broker);

/* In words, if it has held up others for UPLINK_SECONDS; false: it does not. */
bool uplink_words(const struct broker *broker, char *out, size_t room);

#endif
