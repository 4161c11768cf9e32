/* stats: the snapshot for the dashboard port, and who is there. Inside broker/ only. */

#ifndef BROKER_STATS_H
#define BROKER_STATS_H

#include "broker/state.h"

/* Gives STATS to the sink's `publish`; to who has just subscribed with the history and the keys that
 * were used. */
void stats_publish(struct broker *b, bool history, const struct msg_stats_key *key,
                   uint32_t n_key, int64_t now_ms);
/* Each second, for what is said of the last ten. */
void stats_second(struct broker *b);
/* JSON for the learner's heartbeat: this process and the workers; freed with free(). */
char *stats_members(const struct broker *b);

#endif
