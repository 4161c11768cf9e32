/* In the format's order: magic, version, counts, metadata, the tensors' entries, then their bytes,
 * each padded to the alignment, as gguf-py writes them. Sizes follow from types and shapes, so
 * every place is known before the first value is encoded, and no more than a piece of a tensor
 * is in memory beside the model. What is no number is refused: no reader could tell it from one
 * once it has been rounded to a step. */

#include "lm/file/gguf_write.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/meta_write.h"
#include "lm/file/quant_encode.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 32, PIECE = 1 << 18 /* floats */ };

static size_t padded(size_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int rows_of(const struct gguf_write_tensor *tensor)
{
    return tensor->rows ? tensor->rows : 1;
}

size_t gguf_write_size(const struct gguf_write_tensor *tensor)
{
    const struct quant_kind *kind = quant_kind((uint32_t)tensor->type);

    return (size_t)rows_of(tensor) * ((size_t)tensor->cols / kind->values) * kind->bytes;
}

/* All before the data, to the first aligned byte. */
static void put_head(struct strbuf *to, const struct meta_write *meta,
                     const struct gguf_write_tensor *tensor, size_t n)
{
    static const char zeros[ALIGNMENT];
    size_t at = 0;

    meta_write_u32(to, 0x46554747); /* GGUF */
    meta_write_u32(to, 3);
    meta_write_u64(to, n);
    meta_write_u64(to, meta->keys);
    strbuf_put(to, meta->buf.text, meta->buf.n);
    for (size_t i = 0; i < n; i++) {
        const struct gguf_write_tensor *t = &tensor[i];

        meta_write_word(to, t->name, strlen(t->name));
        meta_write_u32(to, t->rows ? 2 : 1);
        meta_write_u64(to, (uint64_t)t->cols); /* the fastest first */
        if (t->rows)
            meta_write_u64(to, (uint64_t)t->rows);
        meta_write_u32(to, (uint32_t)t->type);
        meta_write_u64(to, at);
        at += padded(gguf_write_size(t));
    }
    strbuf_put(to, zeros, padded(to->n) - to->n);
}

/* What f16 cannot hold neither can a block's scale, or its least. */
static enum err check_values(const struct gguf_write_tensor *tensor, const float *value,
                             size_t n)
{
    const bool wide = tensor->type == QUANT_F32 || tensor->type == QUANT_BF16;

    for (size_t i = 0; i < n; i++)
        if (!isfinite(value[i]) || (!wide && fabsf(value[i]) > 65504.0f))
            return err_set(ERR_RANGE, "tensor %s holds %g, which %s does not", tensor->name,
                           (double)value[i], quant_kind((uint32_t)tensor->type)->name);
    return OK;
}

/* Whole rows at a time, as blocks never cross them; a row longer than a piece is a piece. */
static enum err put_tensor(struct fs_file *to, const struct gguf_write_tensor *tensor,
                           gguf_write_rows *rows, void *self)
{
    static const char zeros[ALIGNMENT];
    const struct quant_kind *kind = quant_kind((uint32_t)tensor->type);
    quant_encode *encode = quant_encode_of(tensor->type);
    const size_t cols = (size_t)tensor->cols, blocks = cols / kind->values;
    const int all = rows_of(tensor), some = PIECE / tensor->cols + 1;
    const int most = some < all ? some : all;
    float *value = mem_new((size_t)most * cols, sizeof *value);
    uint8_t *bytes = mem_new((size_t)most * blocks, kind->bytes);
    enum err err = OK;

    for (int row = 0; row < all && !err; row += most) {
        const int n = all - row < most ? all - row : most;

        rows(self, tensor, row, n, value);
        err = check_values(tensor, value, (size_t)n * cols);
        if (err)
            break;
        encode(bytes, value, (size_t)n * blocks);
        err = fs_put(to, bytes, (size_t)n * blocks * kind->bytes);
    }
    if (!err)
        err = fs_put(to, zeros, padded(gguf_write_size(tensor)) - gguf_write_size(tensor));
    free(value);
    free(bytes);
    return err;
}

/* What fails leaves nothing behind: fs_abort removes the sibling that fs_begin made. */
enum err gguf_write(const char *path, const struct meta_write *meta,
                    const struct gguf_write_tensor *tensor, size_t n, gguf_write_rows *rows,
                    void *self)
{
    struct strbuf head = {0};
    struct fs_file *to = NULL;
    enum err err = fs_begin(&to, path);

    put_head(&head, meta, tensor, n);
    if (!err)
        err = fs_put(to, head.text, head.n);
    for (size_t i = 0; i < n && !err; i++)
        err = put_tensor(to, &tensor[i], rows, self);
    free(head.text);
    if (err)
        fs_abort(to);
    else
        err = fs_commit(to);
    return err;
}
