/* evaluate: the held-out records, as TRL's trainers measure them.
 *
 * loss is the mean over batches, a batch counting its records; the method's metrics are means
 * over batches. All names get the prefix eval_. */

#ifndef LEARNER_OFFLINE_EVALUATE_H
#define LEARNER_OFFLINE_EVALUATE_H

#include "learner/offline/offline.h"
#include "learner/run/step.h"

/* Sets eval_* in `line`. now_ms: clock_mono_ms, for eval_runtime. Errors: pass_run's. */
enum err evaluate(const struct offline *offline, struct step *step, struct reference *reference,
                  int64_t num_tokens, int64_t (*now_ms)(void), json_t *line) MUST_CHECK;

#endif
