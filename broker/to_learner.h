/* to_learner: rollouts with all their scores, and drops, on their way to the learner; what it is
 * told besides. Inside broker/ only. */

#ifndef BROKER_TO_LEARNER_H
#define BROKER_TO_LEARNER_H

#include "broker/state.h"

/* This sample may be ready for it; one that is queued, sent or neither ready nor dropped is left
 * alone. */
void to_learner_queue(struct broker *b, struct open_task *task, uint32_t sample);
/* Its connection is new: all that is unsettled goes once more. */
void to_learner_again(struct broker *b);
/* FAIL, REFUSED: nothing if it is not here. Unsent, only a note is lost, or its next HELLO has
 * it said again. */
void to_learner_tell(struct broker *b, struct msg *msg);
/* The pump: what it has room for. */
void to_learner_send(struct broker *b, int64_t now_ms);

#endif
