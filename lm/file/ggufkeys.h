/* ggufkeys: GGUF metadata as rows: llama.cpp's architectures and the keys that are numbers of a
 * shape. ggufshape reads by them. */

#ifndef LM_FILE_GGUFKEYS_H
#define LM_FILE_GGUFKEYS_H

#include "lm/model/shape.h"

#include <stddef.h>

struct ggufkeys_arch {
    const char *name; /* general.architecture */
    enum family family;
    bool interleaved; /* query and key rows are reordered for llama.cpp's rotation */
    bool norms_plus;  /* norms that hold w in Hugging Face's file hold 1 + w */
    int global_every; /* every n-th layer sees all, the others a window; 0: a window is refused */
    int unrotated;    /* … and every n-th does not know positions */
    bool partial;     /* a part of a head may be rotated */
    int large;        /* Gemma: with so many layers queries are scaled by width / heads, else by
                       * head_dim */
    struct shape
        missing; /* what llama.cpp takes for keys that are not there, and has built in */
};
extern const struct ggufkeys_arch ggufkeys_arch[FAMILIES]; /* by family; name NULL: none */

/* A key "{arch}.…". */
struct ggufkeys_number {
    unsigned families; /* bits 1 << FAMILY_… */
    const char *key;
    enum {
        GGUFKEYS_INT,
        GGUFKEYS_FLOAT,
        GGUFKEYS_REAL,
        GGUFKEYS_SHORT, /* a double whose f32 is in the file: the shortest that has it */
        GGUFKEYS_BOOL
    } type;
    size_t at; /* in struct shape */
    bool needed;
};
extern const struct ggufkeys_number ggufkeys_number[];
extern const int ggufkeys_numbers;

/* A key that would change the forward pass, unless it is absent or says `idle`. */
struct ggufkeys_change {
    unsigned families;
    const char *key;
    double idle;
};
extern const struct ggufkeys_change ggufkeys_change[];
extern const int ggufkeys_changes;

#endif
