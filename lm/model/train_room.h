/* train_room: the memory of training passes, which models that take turns may share.
 *
 * What a forward pass keeps for its backward, their scratch, and (the caller's own) the gradient that
 * backward passes add to, are needed by one model at a time where a step trains one after the
 * other: a policy and its critic. A pass over one of them forgets what the last pass over another
 * kept. */

#ifndef LM_MODEL_TRAIN_ROOM_H
#define LM_MODEL_TRAIN_ROOM_H

#include "base/err.h"

#include <stddef.h>

enum train_block {
    TRAIN_ROWS,
    TRAIN_KEYS,
    TRAIN_ATTENTION,
    TRAIN_LOGITS,
    TRAIN_PRODUCTS,
    TRAIN_BRANCH,
    TRAIN_GRADIENT,
    TRAIN_BLOCKS
};

struct train_room {
    struct train_part {
        float *at;
        size_t floats;
    } block[TRAIN_BLOCKS];
    const void *user; /* whose the rows are: of the last pass */
};

void train_room_fini(struct train_room *room);

/* At least `floats` in the block, zeros where it had to grow; what was in it is lost then. `what` names
 * it in the error. Errors: ERR_NOMEM, after which the block has none. */
enum err train_room_grow(struct train_room *room, enum train_block block, size_t floats,
                         const char *what) MUST_CHECK;

#endif
