/* The state machine has no sockets and knows no key: what counts there is handed in. Nothing here
 * changes anything but what STATS says. */

#include "broker/outside.h"

#include "base/mem.h"
#include "broker/bulk/bulk.h"
#include "broker/dashboard.h"
#include "broker/doors.h"
#include "proto/hub_gate.h"
#include "proto/limit.h"

#include <stdlib.h>

/* What keys were refused. */
static void tell_refusals(const struct outside *o)
{
    struct msg_stats_reason list[HUB_GATE_REASONS];
    uint32_t n = 0;

    for (enum hub_gate_reason why = HUB_GATE_FINE + 1; o->doors && why < HUB_GATE_REASONS;
         why++)
        list[n++] = (struct msg_stats_reason){hub_gate_words(why),
                                              hub_gate_count(doors_gate(o->doors), why)};
    broker_refusals(o->broker, list, n);
}

void outside_tell(const struct outside *o, int64_t now_ms)
{
    const struct hub_stats *stats = hub_stats(o->control);
    const struct depot_stats *bulk = bulk_stats(o->bulk);

    broker_heard(o->broker, stats->bad, stats->refused);
    broker_uplink(o->broker, bulk->owed > 0, bulk->from_learners, now_ms);
    broker_giver(o->broker, bulk->failed, bulk->failed_ms);
    tell_refusals(o);
}

void outside_stats(const struct outside *o, int64_t now_ms)
{
    struct hub_gate_seen *seen = mem_new(MAX_HOLD, sizeof *seen);
    struct msg_stats_key *key = mem_new(MAX_HOLD, sizeof *key);
    uint32_t n = 0;

    if (o->doors) {
        dashboard_seen(o->board, doors_gate(o->doors), now_ms);
        n = hub_gate_seen(doors_gate(o->doors), seen, MAX_HOLD, now_ms);
    }
    for (uint32_t i = 0; i < n; i++)
        key[i] = (struct msg_stats_key){.name = seen[i].pass.name,
                                        .role = seen[i].pass.role,
                                        .age_ms = seen[i].age_ms,
                                        .connections = seen[i].connections};
    broker_stats(o->broker, key, n, now_ms);
    free(key);
    free(seen);
}
