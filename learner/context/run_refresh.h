/* run_refresh: a reward model that follows what people say: after each so many new judgements the run's
 * scorers name another image of it. */

#ifndef LEARNER_CONTEXT_RUN_REFRESH_H
#define LEARNER_CONTEXT_RUN_REFRESH_H

#include "learner/context/run_context.h"

/* The run's table of scorers, with the models that it began with. */
void run_refresh_table(struct run_context *run);
/* ledger_conf.refreshed: from here on they name this image. */
void run_refresh_apply(void *run, const struct record_refreshed *record);
/* As it was when an iteration's answers were scored; UINT64_MAX: as it is now. */
void run_refresh_at(struct run_context *run, uint64_t iteration);

/* Gives the job the judgements to refresh by, if it is time. */
void run_refresh_due(const struct run_context *run, struct trainer_job *job);
/* It was refreshed: noted before the iteration's STEP; and its figure, in any case. */
void run_refresh_note(struct run_context *run, const struct trainer_job *job);
/* The same figure of an iteration that was trained again. */
void run_refresh_line(const struct run_context *run, const struct trainer_job *job);
/* Maps the newest image for who shall have it. Errors: ERR_IO, ERR_PARSE (damaged). */
enum err run_refresh_map(struct run_context *run) MUST_CHECK;

#endif
