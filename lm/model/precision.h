/* precision: in which numbers a model's products are computed. It is a choice of the run or command,
 * stands beside the shape, and follows from the configuration alone, never from the CPU: every
 * machine gives the same bits of one of them (docs/MATH.md §1), and other bits of another. */

#ifndef LM_MODEL_PRECISION_H
#define LM_MODEL_PRECISION_H

#include "base/err.h"

#include <stdbool.h>

enum precision {
    PRECISION_FLOAT32, /* weights as they are, in f32 */
    /* Matrices lie, travel and are hashed as bfloat16 (master.h says how they are rounded), products
     * round what they read; keys and values are rounded once, where they are made. All else is f32. */
    PRECISION_BFLOAT16,
    /* The same, but for products other than those that make queries, keys and values: they are of whole
     * numbers (int8.h), made of the matrices' bfloat16 and of what products read as it is; so are the
     * embedding's rows. Backward is bfloat16's. */
    PRECISION_INT8,
    PRECISIONS
};

/* Whether matrices are numbers of bfloat16: wherever it is not float32. */
static inline bool precision_halves(enum precision compute)
{
    return compute != PRECISION_FLOAT32;
}

/* "float32", "bfloat16", "int8". */
const char *precision_name(enum precision compute);

/* The one of that name, also as "fp32" and "bf16"; NULL or "": float32. Errors: ERR_RANGE. */
enum err precision_named(enum precision *out, const char *name) MUST_CHECK;

#endif
