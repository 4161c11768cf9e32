/* earlier_answers: what the fleet has written to a prompt before, so that it may guess by it when the prompt
 * is asked again.
 *
 * It changes no bit of an answer and is part of nothing: a sample that lacks here is only decoded without
 * guesses. In memory, bounded, made anew from the journal at each start. */

#ifndef LEARNER_CONTEXT_EARLIER_ANSWERS_H
#define LEARNER_CONTEXT_EARLIER_ANSWERS_H

#include "learner/journal/record.h"
#include "learner/journal/tasks.h"

struct earlier_answers;

/* Keeps up to `most` bytes of tokens and shares; tasks is borrowed. */
void earlier_answers_new(struct earlier_answers **out, struct tasks *tasks, size_t most);
void earlier_answers_free(struct earlier_answers *earlier); /* NULL is fine */

/* An answer is durable. Of a prompt that is not asked again nothing is kept. */
void earlier_answers_take(struct earlier_answers *earlier, const struct record_sample *sample);
/* Those to the prompt of a task, of other tasks; borrowed until the next call. */
struct earlier earlier_answers_of(struct earlier_answers *earlier, uint64_t task);
/* Answers that were not kept for want of room. */
uint64_t earlier_answers_lost(const struct earlier_answers *earlier);

#endif
