/* fleet_refuse: answers that are not what they say they are. */

#ifndef LEARNER_FLEET_FLEET_REFUSE_H
#define LEARNER_FLEET_FLEET_REFUSE_H

#include "learner/fleet/fleet_link.h"

/* An answer that arrived: it is taken, or refused, or known. Errors: fleet_link_refuse's. */
enum err fleet_refuse_or_take(struct run_context *run, struct fleet_link *link,
                              const struct msg_sample *message) MUST_CHECK;
/* One that the broker did not take: it is noted, too. */
void fleet_refuse_told(struct run_context *run, const struct msg_refused *message);
/* What the job found false: it is taken back with the next commit, in a new epoch. */
void fleet_refuse_false(struct run_context *run, const struct trainer_job *job);
/* The broker has seen a later epoch of this run, and none of ours: goes above it. */
void fleet_refuse_fenced(struct run_context *run, uint64_t epoch);

#endif
