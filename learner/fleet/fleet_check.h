/* fleet_check: whether an answer is what was asked for, as far as that shows without the model. */

#ifndef LEARNER_FLEET_FLEET_CHECK_H
#define LEARNER_FLEET_FLEET_CHECK_H

#include "learner/context/run_context.h"
#include "proto/msg.h"

/* `sample` is the message as a record. Errors: ERR_RANGE in words; *scorer: whose score is wrong,
 * NULL: the answer is. */
enum err fleet_check(const struct run_context *run, const struct msg_sample *message,
                     const struct record_sample *sample, const struct hash **scorer) MUST_CHECK;

#endif
