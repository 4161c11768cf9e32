/* corpus_steps: a data set of solutions in steps (lm/text/steps.h), for process reward models.
 */

#ifndef LEARNER_CORPUS_CORPUS_STEPS_H
#define LEARNER_CORPUS_CORPUS_STEPS_H

#include "learner/corpus/corpus.h"
#include "lm/text/steps.h"

/* Rows are {"prompt", "completions", "labels"}; rule->steps says how they are read. Records
 * with nothing to learn are dropped. Errors: steps_encode's, with file and line; ERR_RANGE. */
enum err corpus_steps(struct corpus **out, const struct dataset *set,
                      const struct corpus_rule *rule, const char *what) MUST_CHECK;

#endif
