/* ggufmodel: what a GGUF file says of a model, in this engine's terms.
 *
 * Architectures llama and qwen2. Query and key rows of llama files are permuted (interleaved
 * rotation) and are put back into Hugging Face's order. What would change the forward pass and
 * is not known here is refused by key or tensor name. */

#ifndef LM_FILE_GGUFMODEL_H
#define LM_FILE_GGUFMODEL_H

#include "lm/model/params.h"

struct gguf;
struct tokenizer;

/* Errors: ERR_PARSE, ERR_RANGE; the words name file and key. */
enum err ggufmodel_shape(struct shape *out, struct gguf *file) MUST_CHECK;

/* New params, dequantised. Errors: also ERR_IO, ERR_NOMEM. */
enum err ggufmodel_weights(struct params **out, struct gguf *file,
                           const struct shape *shape) MUST_CHECK;

/* params_hash of what ggufmodel_weights would give, read in pieces: no tensor is held. Errors:
 * the same. */
enum err ggufmodel_hash(struct hash *out, struct gguf *file,
                        const struct shape *shape) MUST_CHECK;

/* Errors: also those of tokenizer_gguf. */
enum err ggufmodel_tokenizer(struct tokenizer **out, struct gguf *file) MUST_CHECK;

/* The chat template, or NULL; freed with free(). */
enum err ggufmodel_template(char **out, struct gguf *file) MUST_CHECK;

#endif
