/* weights: the safetensors files of a Hugging Face folder as one set of named tensors. */

#ifndef LM_FILE_WEIGHTS_H
#define LM_FILE_WEIGHTS_H

#include "lm/model/packed.h"

struct lora;
struct weights;
struct safetensors;

/* model.safetensors, or the files that model.safetensors.index.json names (by bare names: no
 * folders). Errors: ERR_IO, ERR_PARSE, ERR_RANGE; a folder that has only pickles says so. */
enum err weights_open(struct weights **out, const char *folder) MUST_CHECK;
void weights_close(struct weights *weights);

int weights_files(const struct weights *weights);
const struct safetensors *weights_file(const struct weights *weights, int i);

/* A shape whose configuration ties head and embedding, while the files have a head that differs
 * from it: shape->tied becomes false, as in transformers 5 (4.56 drops the head). Errors:
 * ERR_IO, ERR_NOMEM. */
enum err weights_untie(struct shape *shape, const struct weights *weights) MUST_CHECK;

/* New params of this shape from the files. Each tensor must be there in its shape; one that the
 * model has no place for is an error, too, but for those that are known to be idle. */
enum err weights_read(struct params **out, struct weights *weights,
                      const struct shape *shape) MUST_CHECK;

/* The same packed, ready to run (tensor_walk_pack). */
enum err weights_pack(float **image, struct packed_layout **layout, struct weights *weights,
                      const struct shape *shape, bool run) MUST_CHECK;

/* How they would lie there, by the files' headers. Errors: ERR_RANGE. */
enum err weights_store(enum packed_store *out, struct weights *weights,
                       const struct shape *shape) MUST_CHECK;

/* params_hash of what weights_read would give, read in pieces: no tensor is held. Errors: those
 * of weights_read. */
enum err weights_file_hash(struct hash *out, struct weights *weights,
                           const struct shape *shape) MUST_CHECK;

/* params_hash, and lora_hash, of what a folder written with this dtype holds: what `drover
 * inspect` says of it. */
struct hash weights_write_hash(const struct params *params, const char *dtype);
struct hash weights_write_hash_lora(const struct lora *lora, const char *dtype);

/* Writes model.safetensors at `path`, dtype "float32" or "bfloat16"; of a model that computes in bfloat16
 * the latter is what it computes with: matrices so, vectors in f32. Errors: ERR_IO. */
enum err weights_write(const char *path, const struct params *params,
                       const char *dtype) MUST_CHECK;

#endif
