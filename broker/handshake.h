/* handshake: what HELLO is answered, and what becomes of claimed work. Inside broker/ only. */

#ifndef BROKER_HANDSHAKE_H
#define BROKER_HANDSHAKE_H

#include "broker/state.h"

/* WELCOME, with a verdict on each claim of an actor; DRAIN behind it, if all shall leave. */
void handshake_send(struct broker *b, struct broker_member *to, const struct msg_hello *hello,
                    int64_t now_ms);
/* Claims on a task that has just been opened; each tick: all that wait. */
void handshake_claims(struct broker *b, uint64_t task, int64_t now_ms);
void handshake_all_claims(struct broker *b, int64_t now_ms);

#endif
