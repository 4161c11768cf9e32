/* gguf: llama.cpp's model files, versions 2 and 3.
 *
 * Metadata by key (meta.h) and quantised tensors by name. The whole of the file's structure is
 * checked before anything is handed out; sizes and counts are bounded by the bytes that are
 * there. Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md. */

#ifndef LM_FILE_GGUF_H
#define LM_FILE_GGUF_H

#include "base/err.h"
#include "lm/file/quant.h"

#include <stddef.h>

struct gguf;
struct meta;
struct source;

enum { GGUF_DIMS = 4 };

struct gguf_tensor {
    char name[65];
    const struct quant_kind *kind;
    int dims;
    size_t dim[GGUF_DIMS]; /* dim[0] is the fastest: a matrix [rows, cols] has cols, rows */
    size_t values, at, bytes;
};

/* Errors: ERR_IO; ERR_PARSE and ERR_RANGE name file, offset and reason. _take keeps the source,
 * also when it fails. */
enum err gguf_open(struct gguf **out, const char *path) MUST_CHECK;
enum err gguf_take(struct gguf **out, struct source *source) MUST_CHECK;
void gguf_close(struct gguf *file);

const char *gguf_name(const struct gguf *file);
const struct meta *gguf_meta(const struct gguf *file);
size_t gguf_count(const struct gguf *file);
const struct gguf_tensor *gguf_at(const struct gguf *file, size_t i); /* in file order */
const struct gguf_tensor *gguf_find(const struct gguf *file, const char *name); /* or NULL */

/* Rows [row, row + n) of a tensor, dequantised: to [n, dim[0]] out. Errors: ERR_IO. */
enum err gguf_read(struct gguf *file, const struct gguf_tensor *tensor, size_t row, size_t n,
                   float *to) MUST_CHECK;

#endif
