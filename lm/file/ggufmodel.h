/* ggufmodel: weights, tokenizer and template of a GGUF file, in this engine's terms.
 *
 * Query and key rows of llama files are permuted (interleaved rotation) and are put back into
 * Hugging Face's order; Gemma's norms hold 1 + w there and w here. A tensor that has no place in
 * the model is refused by name. */

#ifndef LM_FILE_GGUFMODEL_H
#define LM_FILE_GGUFMODEL_H

#include "lm/model/packed.h"

struct gguf;
struct tokenizer;

/* New params, dequantised, of a shape that ggufshape_read gave. Errors: ERR_PARSE, ERR_RANGE,
 * ERR_IO, ERR_NOMEM; the words name file and tensor. */
enum err ggufmodel_weights(struct params **out, struct gguf *file,
                           const struct shape *shape) MUST_CHECK;

/* The same packed, ready to run (tensor_walk_pack). */
enum err ggufmodel_pack(float **image, struct packed_layout **layout, struct gguf *file,
                        const struct shape *shape, bool run) MUST_CHECK;

/* params_hash of what ggufmodel_weights would give, read in pieces: no tensor is held. Errors:
 * the same. */
enum err ggufmodel_hash(struct hash *out, struct gguf *file,
                        const struct shape *shape) MUST_CHECK;

/* Errors: ERR_PARSE, ERR_RANGE, and those of tokenizer_gguf. */
enum err ggufmodel_tokenizer(struct tokenizer **out, struct gguf *file) MUST_CHECK;

/* The chat template, or NULL; freed with free(). Errors: ERR_PARSE. */
enum err ggufmodel_template(char **out, struct gguf *file) MUST_CHECK;

#endif
