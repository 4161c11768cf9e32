/* process: what a process reward model thinks of each step of an answer.
 *
 * The answer's bytes are cut at the separator, tokenised as the model was trained (lm/text/
 * steps.h) and judged; a step's P(right) then stands at the policy's token that holds the last
 * byte of the step's separator, or of the answer: places are told by bytes, since steps
 * tokenised apart need not be the policy's tokens. */

#ifndef REWARDER_PROCESS_H
#define REWARDER_PROCESS_H

#include "rewarder/score.h"

struct model;

/* Fills work->value with a value for each token of each answer: P(right) where a step ends, -1
 * elsewhere. work->spec is {"separator": text, "max_prompt": tokens}. The policy's tokens must
 * be the model's. Errors: ERR_PARSE (spec), steps_encode's, forward_score's. */
enum err process_score(struct work *work, const struct model *model,
                       const struct model_files *files) MUST_CHECK;

#endif
