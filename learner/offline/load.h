/* load: the start model of an offline run, in training. */

#ifndef LEARNER_OFFLINE_LOAD_H
#define LEARNER_OFFLINE_LOAD_H

#include "learner/offline/offline_job.h"

/* The start model's shape with the head that the method trains, which it need not have. */
struct shape load_shape(const struct offline_job *job);

/* Whether an adapter's base would lie packed (trainable_new_packed), and the bytes that loading
 * it then takes at once. */
bool load_packs(const struct offline_job *job);
size_t load_size(const struct offline_job *job);

/* Errors: those of the files, trainable_new's; ERR_RANGE: it has a head that the method cannot
 * use. */
enum err load_step(struct trainable **out, const struct offline_job *job,
                   const struct train_options *options) MUST_CHECK;

#endif
