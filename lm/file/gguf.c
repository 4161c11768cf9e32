/* The header is read front to back and believed nowhere: counts are bounded by the bytes that
 * are left, places by the file's end, and tensors may not overlap. The order is the format's
 * (ggml, docs/gguf.md): magic, version, counts, metadata (meta), the tensors' entries, then,
 * aligned, their bytes. An entry is checked alone (take_tensor), then all together: places,
 * then names.
 *
 * model_files opens a file so, ggufshape and ggufmodel ask it; nothing of a tensor's data is
 * read before gguf_read, which reads rows and has quant decode them. */

#include "lm/file/gguf.h"

#include "base/mem.h"
#include "lm/file/meta.h"
#include "lm/file/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 1 << 16, TENSORS_MAX = 1 << 16, PIECE = 1 << 18 };

struct gguf {
    struct source *source;
    struct meta *meta;
    size_t at; /* cursor of the parser */
    struct gguf_tensor *tensor;
    size_t tensors, room;
    const struct gguf_tensor **order; /* by name */
    size_t data;                      /* where the tensors' bytes start */
};

/* No dimension may be zero: what follows divides by rows and columns. The product must fit, or
 * a huge tensor would pass for a small one. */
static enum err take_dims(struct gguf *file, struct gguf_tensor *tensor)
{
    uint32_t dims = 0;
    uint64_t dim;
    enum err err = source_u32(file->source, &file->at, &dims);

    if (!err && (!dims || dims > GGUF_DIMS))
        return source_bad(file->source, file->at - 4, tensor->name,
                          "must have 1 to 4 dimensions");
    tensor->dims = (int)dims;
    tensor->values = 1;
    for (uint32_t i = 0; i < dims && !err; i++) {
        err = source_u64(file->source, &file->at, &dim);
        if (!err && (!dim || __builtin_mul_overflow(tensor->values, dim, &tensor->values)))
            err = source_bad(file->source, file->at - 8, tensor->name,
                             dim ? "the product of its dimensions overflows"
                                 : "a dimension is zero");
        tensor->dim[i] = (size_t)dim;
    }
    return err;
}

/* One entry: a name (the format allows 64 bytes), dimensions, type, offset. Blocks do not cross
 * rows, so a row must be whole blocks: gguf_read counts on it. `at` is still relative here. */
static enum err take_tensor(struct gguf *file)
{
    struct gguf_tensor tensor = {0};
    uint32_t type = 0;
    uint64_t at = 0;
    size_t n = 0;
    enum err err = source_length(file->source, &file->at, sizeof tensor.name - 1, &n);

    if (!err)
        err = source_word(file->source, &file->at, tensor.name, n);
    if (!err)
        err = take_dims(file, &tensor);
    if (!err)
        err = source_u32(file->source, &file->at, &type);
    if (!err)
        err = source_u64(file->source, &file->at, &at);
    if (err)
        return err;
    tensor.kind = quant_kind(type);
    if (!tensor.kind)
        return err_set(ERR_RANGE, "%s: byte %zu: tensor '%s' has type %u (%s); %s are read",
                       source_name(file->source), file->at - 12, tensor.name, type,
                       quant_unread(type), quant_list());
    if (tensor.dim[0] % tensor.kind->values)
        return source_bad(file->source, file->at - 12, tensor.name,
                          "its rows are no whole blocks");
    if (__builtin_mul_overflow(tensor.values / tensor.kind->values, tensor.kind->bytes,
                               &tensor.bytes))
        return source_bad(file->source, file->at - 12, tensor.name, "its size overflows");
    tensor.at = (size_t)at;
    if (file->tensors == file->room)
        file->tensor = mem_grow(file->tensor, file->room += 64, sizeof tensor);
    file->tensor[file->tensors++] = tensor;
    return OK;
}

static int by_place(const void *a, const void *b)
{
    const struct gguf_tensor *p = a, *q = b;

    return p->at < q->at ? -1 : p->at > q->at;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct gguf_tensor *const *)a)->name,
                  (*(const struct gguf_tensor *const *)b)->name);
}

/* Sorted once, for this check and for gguf_find. */
static enum err check_names(struct gguf *file)
{
    file->order = mem_new(file->tensors, sizeof *file->order);
    for (size_t i = 0; i < file->tensors; i++)
        file->order[i] = &file->tensor[i];
    if (file->tensors)
        qsort(file->order, file->tensors, sizeof *file->order, by_name);
    for (size_t i = 1; i < file->tensors; i++)
        if (!strcmp(file->order[i - 1]->name, file->order[i]->name))
            return source_bad(file->source, file->data, file->order[i]->name,
                              "tensor stands twice");
    return OK;
}

/* Tensors lie inside the file, aligned, and apart; their offsets become the file's. */
static enum err check_places(struct gguf *file, size_t alignment)
{
    const size_t size = source_size(file->source);
    size_t end = 0, room;

    if (!file->tensors)
        return OK;
    file->data = (file->at + alignment - 1) / alignment * alignment;
    room = file->data < size ? size - file->data : 0;
    /* by place, so that each needs to be compared only with the one before; holes are allowed
     */
    qsort(file->tensor, file->tensors, sizeof *file->tensor, by_place);
    for (size_t i = 0; i < file->tensors; i++) {
        struct gguf_tensor *tensor = &file->tensor[i];
        const char *why = NULL;
        /* the second test's order keeps the subtraction from wrapping */
        if (tensor->at % alignment)
            why = "its offset is not aligned";
        else if (tensor->at > room || tensor->bytes > room - tensor->at)
            why = "reaches beyond the end of the file";
        else if (tensor->at < end)
            why = "overlaps another tensor";
        if (why)
            return source_bad(file->source, file->data, tensor->name, why);
        end = tensor->at + tensor->bytes;
        tensor->at += file->data;
    }
    return OK;
}

/* Version 1 had counts of 32 bits. A big-endian file has the same magic; its version, read this
 * way round, has zeros below. Counts are bounded here so that the loops over them end soon:
 * each entry is checked against the bytes that are left. */
static enum err take_header(struct gguf *file, uint64_t *tensors, uint64_t *entries)
{
    uint32_t magic = 0, version = 0;
    enum err err = source_u32(file->source, &file->at, &magic);

    if (!err && magic != 0x46554747)
        return err_set(ERR_PARSE, "%s: byte 0: does not start with GGUF",
                       source_name(file->source));
    if (!err)
        err = source_u32(file->source, &file->at, &version);
    if (!err && version != 2 && version != 3)
        return err_set(ERR_RANGE, "%s: byte 4: version %u%s; 2 and 3 are read",
                       source_name(file->source), version,
                       version && !(version & 0xFFFF) ? " (big-endian)" : "");
    if (!err)
        err = source_u64(file->source, &file->at, tensors);
    if (!err)
        err = source_bound(file->source, 8, "tensors", *tensors, TENSORS_MAX);
    if (!err)
        err = source_u64(file->source, &file->at, entries);
    if (!err)
        err = source_bound(file->source, 16, "metadata keys", *entries, KEYS_MAX);
    return err;
}

/* Metadata before tensors, also because one of its keys is the alignment of what follows. */
static enum err parse(struct gguf *file)
{
    uint64_t tensors = 0, entries = 0;
    int64_t alignment = 32;
    enum err err = take_header(file, &tensors, &entries);

    if (!err)
        err = meta_parse(&file->meta, file->source, &file->at, entries);
    if (!err)
        err = meta_int(file->meta, "general.alignment", &alignment);
    if (!err && (alignment < 8 || alignment > 4096 || (alignment & (alignment - 1))))
        err = err_set(ERR_RANGE,
                      "%s: general.alignment %" PRId64 ": must be a power of two, 8 to 4096",
                      source_name(file->source), alignment);
    for (uint64_t i = 0; i < tensors && !err; i++)
        err = take_tensor(file);
    if (!err)
        err = check_places(file, (size_t)alignment);
    if (!err)
        err = check_names(file);
    return err;
}

enum err gguf_take(struct gguf **out, struct source *source)
{
    struct gguf *file = mem_new(1, sizeof *file);
    enum err err;

    *out = NULL;
    file->source = source;
    err = parse(file);
    if (err)
        gguf_close(file);
    else
        *out = file;
    return err;
}

enum err gguf_open(struct gguf **out, const char *path)
{
    struct source *source;
    const enum err err = source_open(&source, path);

    *out = NULL;
    return err ? err : gguf_take(out, source);
}

void gguf_close(struct gguf *file)
{
    if (!file)
        return;
    meta_free(file->meta);
    free(file->tensor);
    free(file->order);
    source_close(file->source);
    free(file);
}

const char *gguf_name(const struct gguf *file)
{
    return source_name(file->source);
}

const struct meta *gguf_meta(const struct gguf *file)
{
    return file->meta;
}

size_t gguf_count(const struct gguf *file)
{
    return file->tensors;
}

const struct gguf_tensor *gguf_at(const struct gguf *file, size_t i)
{
    return &file->tensor[i];
}

const struct gguf_tensor *gguf_find(const struct gguf *file, const char *name)
{
    size_t low = 0, high = file->tensors;

    while (low < high) {
        const size_t mid = (low + high) / 2;
        const int order = strcmp(file->order[mid]->name, name);
        if (!order)
            return file->order[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

enum err gguf_read(struct gguf *file, const struct gguf_tensor *tensor, size_t row, size_t n,
                   float *to)
{
    const struct quant_kind *kind = tensor->kind;
    const size_t per_row = tensor->dim[0] / kind->values;
    /* in blocks: a piece is never part of one */
    const size_t most = PIECE / kind->bytes;
    size_t at = tensor->at + row * per_row * kind->bytes, blocks = n * per_row;
    uint8_t *piece = mem_new(blocks < most ? blocks : most, kind->bytes);
    enum err err = OK;

    while (blocks && !err) {
        const size_t take = blocks < most ? blocks : most;
        err = source_read(file->source, at, piece, take * kind->bytes);
        if (!err)
            kind->decode(to, piece, take);
        to += take * kind->values;
        at += take * kind->bytes;
        blocks -= take;
    }
    free(piece);
    return err;
}
