/* gguf_mix: which type each tensor of a written GGUF gets: a type for all of its matrices, or one
 * of llama.cpp's mixtures. */

#ifndef LM_FILE_GGUF_MIX_H
#define LM_FILE_GGUF_MIX_H

#include "lm/file/quant.h"
#include "lm/model/params.h"

struct gguf_mix {
    const char *name; /* as `dtype` spells it */
    enum quant type;
    int file_type; /* general.file_type: llama.cpp's number */
    bool mixed;    /* as llama-quantize chooses; else as its --pure does */
};

/* NULL for a name that is not written; gguf_mix_list names those that are. */
const struct gguf_mix *gguf_mix_find(const char *name);
const char *gguf_mix_list(void);

/* The type of one weight. *fell: its rows are no whole blocks of the type that it should have
 * had, and it got the one that llama.cpp takes then. */
enum quant gguf_mix_type(const struct gguf_mix *mix, const struct shape *shape,
                         const struct tensor *tensor, bool *fell);

#endif
