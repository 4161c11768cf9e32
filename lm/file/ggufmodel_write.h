/* ggufmodel_write: a model as a GGUF file that llama.cpp opens, and ggufshape and ggufmodel read
 * back. */

#ifndef LM_FILE_GGUFMODEL_WRITE_H
#define LM_FILE_GGUFMODEL_WRITE_H

#include "lm/file/gguf_mix.h"

struct model_meta;
struct tokenizer;

struct ggufmodel_write {
    const struct params *params;
    const struct model_meta *card; /* its shape is the params' */
    const struct tokenizer *tokenizer;
    const struct gguf_mix *mix;
    const char *name; /* general.name */
    const char *pre;  /* NULL: found (gguf_vocab) */
};

/* What was written. */
struct ggufmodel_written {
    struct hash hash; /* weights of the file, read back */
    int count[64];    /* tensors of each type, by ggml's number */
    int fell;         /* matrices whose rows are no whole blocks of the type asked for */
    int context;      /* below the model's own: Mistral's window, which llama.cpp has not */
    int ends_cut; /* end tokens beyond those that GGUF has keys for, the last of the shape's */
    double bytes;
};

/* Writes `path` whole or not at all, and before it takes the name reads it back: a model that
 * GGUF's keys cannot say is refused by the key of config.json that would be lost. Errors:
 * ERR_RANGE, ERR_IO, ERR_PARSE, ERR_NOMEM. */
enum err ggufmodel_write(struct ggufmodel_written *out, const char *path,
                         const struct ggufmodel_write *what) MUST_CHECK;

#endif
