/* learner: what the learner says, and what follows from it. Inside broker/ only. */

#ifndef BROKER_LEARNER_H
#define BROKER_LEARNER_H

#include "broker/state.h"

/* HELLO of a learner that run_admits. WELCOME is still to be said. */
void learner_bind(struct broker *b, struct broker_member *learner, const struct msg *msg,
                  int64_t now_ms);

/* Always OK, all four. */
enum err learner_on_cancel(struct broker *b, struct broker_member *from, const struct msg *msg,
                           int64_t now);
enum err learner_on_settled(struct broker *b, struct broker_member *from, const struct msg *msg,
                            int64_t now);
enum err learner_on_publish(struct broker *b, struct broker_member *from, const struct msg *msg,
                            int64_t now);
enum err learner_on_hb(struct broker *b, struct broker_member *from, const struct msg *msg,
                       int64_t now);

#endif
