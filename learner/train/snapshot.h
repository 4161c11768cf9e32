/* snapshot: a version's packed weights as they travel. */

#ifndef LEARNER_TRAIN_SNAPSHOT_H
#define LEARNER_TRAIN_SNAPSHOT_H

#include "base/shared_memory.h"
#include "proto/noun.h"

#include <stdbool.h>

struct lora;
struct shape;

struct snapshot {
    struct version version;
    struct shared_memory *image;
    struct hash *digest; /* of its chunks */
    /* What makes the image of the run's first one where an adapter learns (lm/model/lora_image.h),
     * sealed too. NULL: all weights learn, or the image was read from disk. */
    struct shared_memory *adapter;
    /* Of what made it of another image for a host that pulled, the last one; 0: nobody asked. */
    uint64_t way_bytes;
    uint32_t golden; /* lm/model/golden.h; 0: there is none */
};

/* A copy of n bytes, sealed. Errors: ERR_NOMEM, ERR_IO (of sealing). */
enum err snapshot_new(struct snapshot **out, const void *from, size_t n,
                      uint64_t number) MUST_CHECK;
/* The share of its weights that are others than in an image before it, of the same size; `halves`: of
 * its words of 16 bits, as bfloat16 lies, else of 32. */
double snapshot_changed(const struct snapshot *snapshot, const struct shared_memory *before,
                        bool halves);
/* Notes the golden number that this machine computes with its image. Errors: model_new's. */
enum err snapshot_golden(struct snapshot *snapshot, const struct shape *shape) MUST_CHECK;
/* The adapter as it is now, beside the image that was made with it. Errors: as above. */
enum err snapshot_adapter(struct snapshot *snapshot, const struct lora *lora) MUST_CHECK;
void snapshot_free(struct snapshot *snapshot); /* NULL is fine */

#endif
