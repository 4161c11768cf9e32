/* gguf_write: a GGUF file (version 3) from its metadata and tensors, which are encoded as they
 * are written. */

#ifndef LM_FILE_GGUF_WRITE_H
#define LM_FILE_GGUF_WRITE_H

#include "base/err.h"
#include "lm/file/quant.h"

struct meta_write;

struct gguf_write_tensor {
    char name[65];
    enum quant type;  /* one of quant_encode's; rows are whole blocks of it */
    int rows, cols;   /* rows 0: a vector */
    const void *from; /* the caller's */
};

/* Rows [row, row + n) of tensor `from` to `to` [n, cols]. */
typedef void gguf_write_rows(void *self, const struct gguf_write_tensor *tensor, int row, int n,
                             float *to);

/* Writes `path` whole or not at all (fs_begin). Errors: ERR_IO; ERR_RANGE names a tensor with
 * a value that its type cannot hold (NaN, infinity; beyond 65504 unless it is F32 or BF16). */
enum err gguf_write(const char *path, const struct meta_write *meta,
                    const struct gguf_write_tensor *tensor, size_t n, gguf_write_rows *rows,
                    void *self) MUST_CHECK;

/* Bytes of its data. */
size_t gguf_write_size(const struct gguf_write_tensor *tensor);

#endif
