/* verify: what a peer brings is looked at when it comes, as far as that shows without a model;
 * what is wrong is never kept. Inside broker/ only. */

#ifndef BROKER_VERIFY_H
#define BROKER_VERIFY_H

#include "broker/state.h"

/* Errors: ERR_RANGE, in words: what no correct actor brings. */
enum err verify_rollout(const struct broker *b, const struct open_task *task,
                        const struct rollout *rollout) MUST_CHECK;

/* The sample goes to somebody else, and who brought this rests before it gets more work. */
void verify_reject(struct broker *b, struct broker_member *from, struct open_task *task,
                   uint32_t sample, int64_t now_ms);

/* A second answer to a sample whose first one is here. */
void verify_second(struct broker *b, struct broker_member *from, const struct open_task *task,
                   const struct rollout *rollout);

#endif
