/* Names of the kinds, and nothing else: what a kind means for an image is packed.c's, for a product
 * model.c's, for keys and values block_forward.c's. */

#include "lm/model/precision.h"

#include <string.h>

static const struct {
    const char *name, *brief;
} names[PRECISIONS] = {
    [PRECISION_FLOAT32] = {"float32", "fp32"},
    [PRECISION_BFLOAT16] = {"bfloat16", "bf16"},
    [PRECISION_INT8] = {"int8", "int8"},
};

const char *precision_name(enum precision compute)
{
    return names[compute].name;
}

/* Halves of the other kind are what a person who comes from GPUs may ask for. */
enum err precision_named(enum precision *out, const char *name)
{
    *out = PRECISION_FLOAT32;
    if (!name || !*name)
        return OK;
    for (int i = 0; i < PRECISIONS; i++)
        if (!strcmp(name, names[i].name) || !strcmp(name, names[i].brief)) {
            *out = (enum precision)i;
            return OK;
        }
    if (!strcmp(name, "float16") || !strcmp(name, "fp16"))
        return err_set(ERR_RANGE, "compute: float16 is not computed in; bfloat16 is, which has "
                                  "the range of float32 and needs no loss scaling");
    return err_set(ERR_RANGE, "compute: '%s': expected float32, bfloat16 or int8", name);
}
