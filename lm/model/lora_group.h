/* lora_group: an adapter's W of one product, made where the product reads it: a base that lies
 * packed, in half the memory or not, needs no merged copy of itself. */

#ifndef LM_MODEL_LORA_GROUP_H
#define LM_MODEL_LORA_GROUP_H

#include "lm/model/lora.h"

/* Floats of the room below, for a model of this shape and any adapter of it. */
size_t lora_group_floats(const struct shape *shape);

/* Panels of W of all that lies in one block with `part`, into room, aligned to 64, and how they lie
 * (packed_store_run's of the model); false, and nothing is written: no pair changes any of it, the
 * base's own panels are W. */
bool lora_group_panels(const struct lora *lora, enum part part, int layer, float *room,
                       enum packed_store *store);

#endif
