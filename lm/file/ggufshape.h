/* ggufshape: a model's numbers from GGUF metadata, by the rows of ggufkeys. What would change the
 * forward pass and is not known here is refused by key name. */

#ifndef LM_FILE_GGUFSHAPE_H
#define LM_FILE_GGUFSHAPE_H

#include "lm/model/shape.h"

struct gguf;

/* Errors: ERR_PARSE, ERR_RANGE, ERR_IO (rope factors lie in tensors); the words name file and
 * key. */
enum err ggufshape_read(struct shape *out, struct gguf *file) MUST_CHECK;

/* Whether a tensor is one that ggufshape_read has read: rope factors. */
bool ggufshape_is_factors(const char *tensor);

#endif
