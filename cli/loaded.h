/* loaded: a model from disk, ready to run, for the commands that use one. */

#ifndef CLI_LOADED_H
#define CLI_LOADED_H

#include "lm/file/bundle.h"
#include "lm/model/forward.h"
#include "lm/text/encode.h"

struct loaded {
    struct bundle *bundle; /* its params are freed once packed */
    struct image_layout *layout;
    float *image;
    struct model *model;
    struct encode encode;
    char *eos; /* the end token's text, or NULL */
};

/* `path` as bundle_open takes it. Errors: ERR_RANGE if the model has another head than `head`;
 * HEAD_STEP takes a scalar head, too. */
enum err loaded_open(struct loaded *out, const char *path, enum head head) MUST_CHECK;
void loaded_close(struct loaded *loaded);

/* Tokenizer and template only. */
enum err loaded_card(struct loaded *out, const char *path) MUST_CHECK;

#endif
