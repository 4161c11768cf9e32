/* golden: one number of an image, by which two machines see that they compute the same bits with
 * it (docs/PROTOCOL.md §3.1). */

#ifndef LM_MODEL_GOLDEN_H
#define LM_MODEL_GOLDEN_H

#include "lm/model/model.h"

enum { GOLDEN_TOKENS = 16 };

/* What the model makes of a fixed sequence; never 0. 0: nothing that could be compared (a
 * log-probability that is no number, no head for tokens, no memory). */
uint32_t golden_number(const struct model *model);

#endif
