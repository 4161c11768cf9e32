/* run_plan: what a run asks for and what it needs: ends of answers, iterations, sizes. */

#ifndef LEARNER_CONTEXT_RUN_PLAN_H
#define LEARNER_CONTEXT_RUN_PLAN_H

#include "learner/context/run_context.h"

/* Once the models are there: how answers are decoded, what ends one, and the template's tail
 * behind it. Errors: ERR_RANGE (a stop token that there is not), ERR_PARSE (the template). */
enum err run_plan_decoding(struct run_context *run) MUST_CHECK;
/* Once the prompts are there: iterations, tasks and sizes; prints them. Errors: ERR_RANGE says
 * what would fit. */
enum err run_plan(struct run_context *run) MUST_CHECK;

#endif
