/* run_people: which pairs of an iteration's answers people are asked about, and which of their
 * judgements it learns. */

#ifndef LEARNER_CONTEXT_RUN_PEOPLE_H
#define LEARNER_CONTEXT_RUN_PEOPLE_H

#include "learner/context/run_context.h"

#define RUN_PEOPLE_WORDS \
    "this run is not a function of its seed alone: people's judgements are in its journal"

/* Said once, before the run begins; nothing where nobody is asked. */
void run_people_plan(const struct run_context *run);

/* An answer as a person reads it: without special tokens, valid UTF-8; its caller's. NULL: it cannot
 * be shown, or is longer than MAX_SHOWN. */
char *run_people_text(const struct run_context *run, const struct record_sample *sample);

/* One of people.said that says which is better, whose answers are there. */
struct people_said;
struct trainer_judged run_people_judged(const struct run_context *run,
                                        const struct people_said *said);
/* Gives the job the judgements that its iteration may learn now. */
void run_people_due(const struct run_context *run, struct trainer_job *job);
/* The same as the journal has it. Errors: ERR_STATE (it lacks them). */
enum err run_people_again(const struct run_context *run, struct trainer_job *job) MUST_CHECK;

/* Figures of an iteration that was trained again, as the journal has them, into job->line. */
void run_people_line(const struct run_context *run, const struct trainer_job *job);

/* It is trained: notes, before its STEP, the pairs that people shall be asked about, and what was
 * learnt; its figures go into job->line. */
void run_people_note(struct run_context *run, struct trainer_job *job);

#endif
