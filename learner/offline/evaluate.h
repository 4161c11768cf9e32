/* evaluate: the held-out records, by TRL's names with the prefix eval_.
 *
 * Every figure is that of the whole set at once, so it does not depend on
 * per_device_eval_batch_size: a mean over tokens counts every token alike, one over pairs every
 * pair, and a least or most is that of all. (TRL takes the mean over batches, which does.) The
 * methods whose loss looks at a micro-batch as a whole (KTO's KL baseline, AOT's ranking) are
 * measured in micro-batches of per_device_train_batch_size, as they are trained. */

#ifndef LEARNER_OFFLINE_EVALUATE_H
#define LEARNER_OFFLINE_EVALUATE_H

#include "learner/offline/offline_job.h"
#include "learner/step/trainable.h"

/* Records of an evaluation's micro-batch. */
size_t evaluate_batch(const struct offline_job *job);

/* Sets eval_* in `line`. now_ms: clock_mono_ms, for eval_runtime. Errors: optimizer_step.h's. */
enum err evaluate(const struct offline_job *job, struct trainable *step,
                  struct reference *reference, int64_t num_tokens, int64_t (*now_ms)(void),
                  json_t *line) MUST_CHECK;

#endif
