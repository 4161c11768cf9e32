/* memory_plan: the bytes that training will hold, checked before anything is loaded. One plan for
 * every method: models in training, copies of compute weights beside them, the data. */

#ifndef LEARNER_RUN_MEMORY_PLAN_H
#define LEARNER_RUN_MEMORY_PLAN_H

#include "learner/run/keys.h"
#include "lm/model/train.h"

struct memory_plan {
    struct shape policy;
    const struct shape *critic; /* NULL: there is none */
    struct train_options options;
    const struct lora_conf *lora; /* of policy and critic; NULL: all weights learn */
    bool packed; /* an adapter's base lies packed (trainable_new_packed), as `store` */
    enum packed_store store;
    size_t loading; /* bytes that its start takes, where training takes fewer */
    size_t
        n_images;  /* the policy's compute weights once more: references, versions under way */
    size_t data;   /* bytes of what is learnt from */
    size_t tokens; /* of the largest micro-batch */
};

/* With gradient_checkpointing sets options.keep, so that as few layers are computed again in backward as the
 * keys allow: all that fits max_memory is kept; without that up to half of the memory, then only a
 * quarter of the weights' size, or what is left. `out`, if not NULL: a sentence about it, or "". */
enum { MEMORY_PLAN_WORDS = 192 };
void memory_plan_keep(struct memory_plan *plan, const struct keys_plan *allowed,
                      char out[MEMORY_PLAN_WORDS]);

size_t memory_plan_size(const struct memory_plan *plan);

/* OK when it fits into what the keys allow. Errors: ERR_RANGE; the words name what would help
 * (advice.h), and length_key, the key that bounds a sequence. */
enum err memory_plan_check(const struct memory_plan *plan, const struct keys *keys,
                           const struct keys_plan *allowed, const char *length_key) MUST_CHECK;

#endif
