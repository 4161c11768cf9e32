/* adapt: what the LoRA keys mean, and how a model that was trained is written: whole, or as a
 * PEFT adapter of the model that it began with. */

#ifndef LEARNER_RUN_PEFT_H
#define LEARNER_RUN_PEFT_H

#include "learner/run/keys.h"
#include "learner/step/trainable.h"
#include "lm/file/model_files.h"

/* The adapter to train; NULL: all weights. */
const struct lora_conf *peft_lora(const struct keys_plan *plan);

/* Fleet methods: the learner's first ratio is exactly 1, so it trains without dropout. Errors:
 * ERR_RANGE. */
enum err peft_check_fleet(const struct keys_plan *plan) MUST_CHECK;

/* Writes the model to `folder`; `model`: where its base came from, as the user named it.
 * Errors: ERR_IO, model_files_find's. */
enum err peft_save(const char *folder, const struct model_files *card,
                   const struct trainable *step, const char *model,
                   const char *dtype) MUST_CHECK;

/* The weights hash of what peft_save writes with this dtype: as `drover inspect` says it. */
struct hash peft_hash(const struct trainable *step, const char *dtype);

/* Behind it, where masters are written: the hash of what the model computes with; else nothing. */
enum { PEFT_COMPUTED = HASH_TEXT + 40 };
const char *peft_computed(char out[PEFT_COMPUTED], const struct trainable *step,
                          const char *dtype);

/* Into a checkpoint's meta: the hash of the base that an adapter belongs to; nothing without one. */
void peft_put_base(json_t *meta, struct trainable *step);
/* Errors: ERR_STATE: the checkpoint is of another base. */
enum err peft_check_base(const json_t *meta, struct trainable *step) MUST_CHECK;

#endif
