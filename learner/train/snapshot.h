/* snapshot: a version's packed weights as they travel. */

#ifndef LEARNER_TRAIN_SNAPSHOT_H
#define LEARNER_TRAIN_SNAPSHOT_H

#include "base/shared_memory.h"
#include "proto/noun.h"

struct snapshot {
    struct version version;
    struct shared_memory *image;
    struct hash *digest; /* of its chunks */
};

/* A copy of n bytes, sealed. Errors: ERR_NOMEM, ERR_IO (of sealing). */
enum err snapshot_new(struct snapshot **out, const void *from, size_t n,
                      uint64_t number) MUST_CHECK;
void snapshot_free(struct snapshot *snapshot); /* NULL is fine */

#endif
