/* Reading: a length of 8 bytes, a header that is one JSON object, the arrays (format: the
 * README of huggingface/safetensors). The length is bounded before memory is taken, each entry
 * is checked alone (read_entry), then all together for gaps and overlaps (check_places), and
 * all that before any value is read: past open, a place is in the file and a size fits its
 * shape. Values come in pieces and are widened to f32 on the way. weights and adapter open
 * files so. safetensors_write.c is the other direction. */

#include "lm/file/safetensors.h"

#include "base/mem.h"
#include "lm/file/quant.h"
#include "lm/file/source.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The format allows headers of 100 MB. An entry takes about 100 bytes, so 16 MiB is room for
 * twice the tensors that an index may name here, and bounds what a parsed header can take. */
enum { HEADER_MAX = 16 << 20, TENSORS_MAX = 1 << 16, PIECE = 1 << 18 };

struct safetensors {
    struct source *source;
    json_t *header; /* owns the names and dtypes */
    struct safetensors_tensor *tensor;
    size_t n, data; /* data: offset of the first array */
};

static const struct {
    const char *name;
    unsigned bits;
} dtypes[] = {
    {"BOOL", 8},    {"U8", 8},   {"I8", 8},      {"F8_E5M2", 8}, {"F8_E4M3", 8},
    {"F8_E8M0", 8}, {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"I16", 16},
    {"U16", 16},    {"F16", 16}, {"BF16", 16},   {"I32", 32},    {"U32", 32},
    {"F32", 32},    {"C64", 64}, {"F64", 64},    {"I64", 64},    {"U64", 64},
};

/* A number of the header: an integer from 0 up. */
static bool whole(const json_t *json, size_t *out)
{
    const json_int_t value = json_is_integer(json) ? json_integer_value(json) : -1;

    *out = value < 0 ? 0 : (size_t)value;
    return value >= 0;
}

/* A zero is allowed, and [] is one value, as in the format. */
static const char *read_shape(struct safetensors_tensor *tensor, const json_t *shape)
{
    const size_t n = json_array_size(shape);

    if (!json_is_array(shape))
        return "no shape";
    if (n > SAFETENSORS_DIMS)
        return "more than 8 dimensions";
    tensor->dims = (int)n;
    tensor->values = 1;
    for (size_t i = 0; i < n; i++) {
        if (!whole(json_array_get(shape, i), &tensor->dim[i]))
            return "a dimension is not a whole number";
        if (__builtin_mul_overflow(tensor->values, tensor->dim[i], &tensor->values))
            return "the product of its dimensions overflows";
    }
    return NULL;
}

/* Every type of the format, also those that are not read: only reading one is an error. */
static const char *check_bytes(const struct safetensors_tensor *tensor)
{
    size_t bits;

    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(dtypes[i].name, tensor->dtype))
            continue;
        if (__builtin_mul_overflow(tensor->values, (size_t)dtypes[i].bits, &bits))
            return "the product of its dimensions overflows";
        if (bits % 8 || bits / 8 != tensor->bytes)
            return "data_offsets do not fit dtype and shape";
        return NULL;
    }
    return "unknown dtype";
}

/* One entry; `at` becomes an offset in the file. NULL or what is wrong with it. */
static const char *read_entry(struct safetensors_tensor *tensor, const char *name,
                              const json_t *entry)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const char *why;
    size_t end;

    tensor->name = name;
    tensor->dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!json_is_object(entry) || json_object_size(entry) != 3)
        return "not an object of dtype, shape and data_offsets";
    if (!tensor->dtype)
        return "no dtype";
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127)
            return "control character in the name";
    why = read_shape(tensor, json_object_get(entry, "shape"));
    if (why)
        return why;
    if (json_array_size(offsets) != 2 || !whole(json_array_get(offsets, 0), &tensor->at) ||
        !whole(json_array_get(offsets, 1), &end) || end < tensor->at)
        return "data_offsets is not [begin, end]";
    tensor->bytes = end - tensor->at;
    return check_bytes(tensor);
}

static int by_place(const void *a, const void *b)
{
    const struct safetensors_tensor *p = a, *q = b;

    if (p->at != q->at)
        return p->at < q->at ? -1 : 1;
    if (p->bytes != q->bytes)
        return p->bytes < q->bytes ? -1 : 1;
    return strcmp(p->name, q->name);
}

/* Arrays stand one after another, from the header's end to the file's: a hole could hide data,
 * which the format forbids. By now no offset is known to lie in the file; `at` always does. */
static enum err check_places(struct safetensors *file)
{
    const size_t size = source_size(file->source);
    size_t at = 0;

    qsort(file->tensor, file->n, sizeof *file->tensor, by_place);
    for (size_t i = 0; i < file->n; i++) {
        struct safetensors_tensor *tensor = &file->tensor[i];
        if (tensor->at != at)
            return source_bad(file->source, file->data + at, tensor->name,
                              tensor->at < at ? "overlaps the one before" : "a hole before it");
        if (tensor->bytes > size - file->data - at)
            return source_bad(file->source, file->data + at, tensor->name,
                              "reaches beyond the end of the file");
        at += tensor->bytes;
        tensor->at += file->data;
    }
    if (at != size - file->data)
        return err_set(ERR_PARSE, "%s: byte %zu: %zu bytes belong to no tensor",
                       source_name(file->source), file->data + at, size - file->data - at);
    return OK;
}

static enum err check_metadata(const struct safetensors *file, const json_t *metadata)
{
    const char *key;
    json_t *value;

    if (!json_is_object(metadata))
        return err_set(ERR_PARSE, "%s: byte 8: __metadata__ is not an object",
                       source_name(file->source));
    json_object_foreach(
        (json_t *)(uintptr_t)metadata, key,
        value) if (!json_is_string(value)) return err_set(ERR_PARSE,
                                                          "%s: byte 8: __metadata__ holds what "
                                                          "is not a text",
                                                          source_name(file->source));
    return OK;
}

static enum err read_entries(struct safetensors *file)
{
    const size_t n = json_object_size(file->header);
    const char *name, *why;
    enum err err;
    json_t *entry;

    if (n > TENSORS_MAX)
        return err_set(ERR_RANGE, "%s: byte 8: %zu tensors, at most %d are read",
                       source_name(file->source), n, TENSORS_MAX);
    file->tensor = mem_new(n, sizeof *file->tensor);
    json_object_foreach(file->header, name, entry)
    {
        if (!strcmp(name, "__metadata__")) {
            err = check_metadata(file, entry);
            if (err)
                return err;
            continue;
        }
        why = read_entry(&file->tensor[file->n], name, entry);
        if (why)
            return source_bad(file->source, 8, name, why);
        file->n++;
    }
    return check_places(file);
}

/* Before the header, or its first bytes would be taken for an absurd length. */
static enum err refuse_pickle(struct source *source)
{
    uint8_t start[9] = {0};
    bool zip, pickle;
    enum err err;

    if (source_size(source) < sizeof start)
        return OK;
    err = source_read(source, 0, start, sizeof start);
    if (err)
        return err;
    zip = !memcmp(start, "PK\3\4", 4);
    /* a header of 128, 384, … bytes begins with 0x80, too; its text follows the length */
    pickle = start[0] == 0x80 && start[1] <= 5 && start[8] != '{';
    if (zip || pickle)
        return err_set(
            ERR_PARSE,
            "%s: byte 0: a Python pickle, which can run code, is not opened; save the "
            "model with safetensors",
            source_name(source));
    return OK;
}

static enum err read_header(struct safetensors *file)
{
    const char *name = source_name(file->source);
    const size_t size = source_size(file->source);
    json_error_t where;
    uint64_t n = 0;
    size_t at = 0;
    char *text;
    enum err err;

    if (size < 8)
        return err_set(ERR_PARSE, "%s: byte 0: %zu bytes; the header's length alone takes 8",
                       name, size);
    err = source_u64(file->source, &at, &n);
    if (err)
        return err;
    if (n > size - 8 || n < 2 || n > HEADER_MAX)
        return err_set(ERR_PARSE,
                       "%s: byte 0: a header of %" PRIu64 " bytes, the file has %zu and %d is "
                       "the limit",
                       name, n, size - 8, HEADER_MAX);
    text = mem_new(n, 1);
    err = source_read(file->source, 8, text, n);
    if (!err && *text != '{')
        err = err_set(ERR_PARSE, "%s: byte 8: the header does not start with {", name);
    if (!err) {
        /* a name that stands twice would be two tensors to two readers */
        file->header = json_loadb(text, n, JSON_REJECT_DUPLICATES, &where);
        if (!file->header)
            err = err_set(ERR_PARSE, "%s: byte %d: %s", name, 8 + where.position, where.text);
    }
    free(text);
    file->data = 8 + (size_t)n;
    return err;
}

enum err safetensors_take(struct safetensors **out, struct source *source)
{
    struct safetensors *file = mem_new(1, sizeof *file);
    enum err err;

    *out = NULL;
    file->source = source;
    err = refuse_pickle(source);
    if (!err)
        err = read_header(file);
    if (!err)
        err = read_entries(file);
    if (err)
        safetensors_close(file);
    else
        *out = file;
    return err;
}

enum err safetensors_open(struct safetensors **out, const char *path)
{
    struct source *source;
    const enum err err = source_open(&source, path);

    *out = NULL;
    return err ? err : safetensors_take(out, source);
}

void safetensors_close(struct safetensors *file)
{
    if (!file)
        return;
    free(file->tensor);
    json_decref(file->header);
    source_close(file->source);
    free(file);
}

size_t safetensors_count(const struct safetensors *file)
{
    return file->n;
}

const struct safetensors_tensor *safetensors_at(const struct safetensors *file, size_t i)
{
    return &file->tensor[i];
}

const struct safetensors_tensor *safetensors_find(const struct safetensors *file,
                                                  const char *name)
{
    for (size_t i = 0; i < file->n; i++)
        if (!strcmp(file->tensor[i].name, name))
            return &file->tensor[i];
    return NULL;
}

const char *safetensors_shape(char out[SAFETENSORS_SHAPE],
                              const struct safetensors_tensor *tensor)
{
    size_t n = 0;

    out[n++] = '[';
    for (int i = 0; i < tensor->dims; i++)
        n += (size_t)snprintf(out + n, SAFETENSORS_SHAPE - n, i ? ", %zu" : "%zu",
                              tensor->dim[i]);
    out[n] = ']';
    out[n + 1] = 0;
    return out;
}

/* NULL: a type that is not read. */
static const struct quant_kind *readable(const char *dtype)
{
    const enum quant types[] = {QUANT_F32, QUANT_F16, QUANT_BF16};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(quant_kind(types[i])->name, dtype))
            return quant_kind(types[i]);
    return NULL;
}

enum err safetensors_read_part(struct safetensors *file,
                               const struct safetensors_tensor *tensor, size_t first, size_t n,
                               float *to)
{
    const struct quant_kind *kind = readable(tensor->dtype);
    enum err err = OK;
    uint8_t *piece;

    if (!kind) {
        char why[120];
        snprintf(why, sizeof why, "dtype %.12s%s is not read; F32, F16 and BF16 are",
                 tensor->dtype,
                 !strncmp(tensor->dtype, "F8", 2) ? " (FP8, with scales of its own)" : "");
        return source_bad(file->source, tensor->at, tensor->name, why);
    }
    piece = mem_new(n < PIECE / 4 ? n : PIECE / 4, kind->bytes);
    for (size_t done = 0; !err && done < n;) {
        const size_t left = n - done;
        const size_t take = left < PIECE / 4 ? left : PIECE / 4;
        err = source_read(file->source, tensor->at + (first + done) * kind->bytes, piece,
                          take * kind->bytes);
        if (!err)
            kind->decode(to + done, piece, take);
        done += take;
    }
    free(piece);
    return err;
}

enum err safetensors_read(struct safetensors *file, const struct safetensors_tensor *tensor,
                          float *to)
{
    return safetensors_read_part(file, tensor, 0, tensor->values, to);
}

const char *safetensors_note(const struct safetensors *file, const char *key)
{
    return json_string_value(
        json_object_get(json_object_get(file->header, "__metadata__"), key));
}
