/* safetensors: named arrays in one file.
 *
 * u64 header length, a JSON header, then the arrays without holes. Everything the header says
 * is checked against the file before anything of its size is allocated. Format:
 * github.com/huggingface/safetensors, safetensors/src/tensor.rs. */

#ifndef LM_FILE_SAFETENSORS_H
#define LM_FILE_SAFETENSORS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct safetensors;
struct source;

enum { SAFETENSORS_DIMS = 8, SAFETENSORS_SHAPE = 192 };

struct safetensors_tensor {
    const char *name;
    const char *dtype; /* as the header spells it: "F32", "BF16", "I64", ... */
    int dims;
    size_t dim[SAFETENSORS_DIMS];
    size_t at, bytes, values; /* offset in the file */
};

/* Errors: ERR_IO; ERR_PARSE and ERR_RANGE name file, offset and reason. Python pickles
 * (.bin, .pt) are recognised and refused. _take keeps the source, also when it fails. */
enum err safetensors_open(struct safetensors **out, const char *path) MUST_CHECK;
enum err safetensors_take(struct safetensors **out, struct source *source) MUST_CHECK;
void safetensors_close(struct safetensors *file);

/* In the order in which they lie in the file. */
size_t safetensors_count(const struct safetensors *file);
const struct safetensors_tensor *safetensors_at(const struct safetensors *file, size_t i);
const struct safetensors_tensor *safetensors_find(const struct safetensors *file,
                                                  const char *name); /* NULL if absent */

/* "[49152, 576]" */
const char *safetensors_shape(char out[SAFETENSORS_SHAPE],
                              const struct safetensors_tensor *tensor);

/* to [tensor->values] out, f32. Errors: ERR_RANGE if the dtype is not F32, F16 or BF16; ERR_IO.
 */
enum err safetensors_read(struct safetensors *file, const struct safetensors_tensor *tensor,
                          float *to) MUST_CHECK;

/* Values [first, first + n) of it alone: to [n] out. */
enum err safetensors_read_part(struct safetensors *file,
                               const struct safetensors_tensor *tensor, size_t first, size_t n,
                               float *to) MUST_CHECK;

/* A text of the header's __metadata__; NULL: none of that name. */
const char *safetensors_note(const struct safetensors *file, const char *key);

/* One array to write; a vector has rows 0. */
struct safetensors_put {
    const char *name;
    size_t rows, cols;
    const float *data; /* [rows, cols]; NULL: `take` makes them */
    bool turned;       /* the file has [cols, rows] */
    const int
        *order; /* row i of the file is row order[i] here, a vector's value likewise; NULL: as
                        * they stand. Not turned. Borrowed */
    bool bf16;  /* rounded to nearest even, as torch does; f32 otherwise */
    /* rows row..row+n-1, of a vector row 0 */
    void (*take)(const void *self, size_t row, size_t n, float *to);
    const void *self;
};

/* A text for __metadata__; the list ends with key NULL. */
struct safetensors_note {
    const char *key, *text;
};

/* Writes `path` whole or not at all (fs_begin), arrays in name order. `note` may be NULL. Errors:
 * ERR_IO. */
enum err safetensors_write(const char *path, const struct safetensors_put *put, size_t n,
                           const struct safetensors_note *note) MUST_CHECK;

#endif
