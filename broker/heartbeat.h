/* heartbeat: what the broker says each second. Inside broker/ only. */

#ifndef BROKER_HEARTBEAT_H
#define BROKER_HEARTBEAT_H

#include "broker/state.h"

enum { HEARTBEAT_MS = 1000 };

/* To everybody who is greeted and whose time it is; to all if the run is over (b->beat). Once a
 * tick. */
void heartbeat_send(struct broker *b, int64_t now_ms);
/* HB of who neither learns nor works. Always OK. */
enum err heartbeat_on_hb(struct broker *b, struct broker_member *from, const struct msg *msg,
                         int64_t now);

#endif
