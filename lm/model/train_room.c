/* Blocks only grow: after the longest batch nothing is allocated any more. A block is freed before the
 * larger one is asked for, as both at once may not fit: whoever reads one asks for its address
 * again behind every call that may have grown it. A room is its owner's struct; those who take
 * turns in it hold its address. Called by activations_begin, and for the gradient by the learner's
 * trainable. */
#include "lm/model/train_room.h"

#include "base/mem.h"

#include <stdlib.h>

void train_room_fini(struct train_room *room)
{
    for (int i = 0; i < TRAIN_BLOCKS; i++)
        free(room->block[i].at);
    *room = (struct train_room){.user = NULL};
}

enum err train_room_grow(struct train_room *room, enum train_block block, size_t floats,
                         const char *what)
{
    struct train_part *const part = &room->block[block];

    if (floats <= part->floats)
        return OK;
    free(part->at);
    *part = (struct train_part){.floats = 0};
    if (mem_big(&part->at, floats, sizeof *part->at, what))
        return ERR_NOMEM;
    if (block == TRAIN_GRADIENT) /* activations may have lain in it */
        room->user = NULL;
    part->floats = floats;
    return OK;
}
