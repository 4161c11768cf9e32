/* Entries are skipped over once (meta_parse, called by gguf), keeping where each value lies,
 * and sorted by key; a value is read from the file when it is asked for, with its type checked
 * then. So a long token list costs nothing to a caller who wants one number.
 *
 * Skipping is where a hostile file is met: a type must be known before its width is used, a
 * count is compared with the bytes that are left before it is multiplied, lists nest at most
 * four deep. What is read later lies inside the file because it was skipped over; the file may
 * have shrunk or changed since, and source still checks each read. */

#include "lm/file/meta.h"

#include "base/mem.h"
#include "lm/file/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A key's length is the format's bound; a text has room for any chat template. */
enum { KEY_BYTES = 65535, TEXT_BYTES = 16 << 20, NESTING = 4 };

/* In the order of gguf.md's gguf_metadata_value_type: its numbers. */
enum kind { U8, I8, U16, I16, U32, I32, F32, BOOL, TEXT, LIST, U64, I64, F64, KINDS };

/* Bytes of one value; 0: it says itself. */
static const size_t width[KINDS] = {
    [U8] = 1,  [I8] = 1,   [U16] = 2, [I16] = 2, [U32] = 4, [I32] = 4,
    [F32] = 4, [BOOL] = 1, [U64] = 8, [I64] = 8, [F64] = 8,
};

struct meta_entry {
    char *key;
    uint32_t kind, inner; /* inner: of a list's elements */
    uint64_t n;           /* elements of a list */
    size_t at;            /* of the value; of a list's first element */
};

struct meta {
    struct source *source;    /* borrowed */
    size_t at;                /* cursor of the parser */
    struct meta_entry *entry; /* by key */
    size_t entries, room;
};

/* Bytes behind the cursor, which never passes the end. */
static size_t left(const struct meta *meta)
{
    return source_size(meta->source) - meta->at;
}

static enum err skip_value(struct meta *meta, uint32_t kind, int depth);

/* Cursor at a list's element type. `entry` (may be NULL) learns where the elements are. The
 * count is held against the least that an element takes, so a short file cannot ask for a long
 * loop. */
static enum err skip_list(struct meta *meta, int depth, struct meta_entry *entry)
{
    uint32_t inner = 0;
    uint64_t n = 0;
    size_t least;
    enum err err = source_u32(meta->source, &meta->at, &inner);

    if (!err)
        err = source_u64(meta->source, &meta->at, &n);
    if (err)
        return err;
    if (inner >= KINDS || depth > NESTING)
        return err_set(ERR_PARSE, "%s: byte %zu: %s", source_name(meta->source), meta->at - 12,
                       inner >= KINDS ? "unknown type of elements" : "lists nest too deep");
    least = inner == TEXT ? 8 : inner == LIST ? 12 : width[inner];
    if (n > left(meta) / least)
        return source_bound(meta->source, meta->at - 8, "elements", n, left(meta) / least);
    if (entry) {
        entry->inner = inner;
        entry->n = n;
        entry->at = meta->at;
    }
    /* in one step where elements are of one size; else each says its own */
    if (width[inner])
        meta->at += (size_t)n * width[inner];
    else
        for (uint64_t i = 0; i < n && !err; i++)
            err = skip_value(meta, inner, depth);
    return err;
}

static enum err skip_value(struct meta *meta, uint32_t kind, int depth)
{
    size_t n = 0;
    enum err err;

    if (kind == LIST)
        return skip_list(meta, depth + 1, NULL);
    if (kind == TEXT) {
        err = source_length(meta->source, &meta->at, TEXT_BYTES, &n);
    } else {
        n = width[kind];
        err = source_bound(meta->source, meta->at, "bytes of a value", n, left(meta));
    }
    meta->at += err ? 0 : n;
    return err;
}

/* The key is freed here or by meta_free: it is in the list only when all of it was read. */
static enum err take_entry(struct meta *meta)
{
    struct meta_entry entry = {0};
    size_t n = 0;
    enum err err = source_length(meta->source, &meta->at, KEY_BYTES, &n);

    if (err)
        return err;
    entry.key = mem_new(n + 1, 1);
    err = source_word(meta->source, &meta->at, entry.key, n);
    if (!err)
        err = source_u32(meta->source, &meta->at, &entry.kind);
    if (!err && entry.kind >= KINDS)
        err = source_bad(meta->source, meta->at - 4, entry.key, "unknown type of value");
    entry.at = meta->at;
    if (!err)
        err = entry.kind == LIST ? skip_list(meta, 1, &entry) : skip_value(meta, entry.kind, 0);
    if (err) {
        free(entry.key);
        return err;
    }
    if (meta->entries == meta->room)
        meta->entry = mem_grow(meta->entry, meta->room += 64, sizeof entry);
    meta->entry[meta->entries++] = entry;
    return OK;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct meta_entry *)a)->key, ((const struct meta_entry *)b)->key);
}

/* A key twice: readers differ in which one they take, so neither is. */
static enum err take_entries(struct meta *meta, uint64_t n)
{
    enum err err = OK;

    for (uint64_t i = 0; i < n && !err; i++)
        err = take_entry(meta);
    if (err || !meta->entries)
        return err;
    qsort(meta->entry, meta->entries, sizeof *meta->entry, by_key);
    for (size_t i = 1; i < meta->entries; i++)
        if (!strcmp(meta->entry[i - 1].key, meta->entry[i].key))
            return source_bad(meta->source, meta->entry[i].at, meta->entry[i].key,
                              "key stands twice");
    return OK;
}

enum err meta_parse(struct meta **out, struct source *source, size_t *at, uint64_t n)
{
    struct meta *meta = mem_new(1, sizeof *meta);
    enum err err;

    *out = NULL;
    meta->source = source;
    meta->at = *at;
    err = take_entries(meta, n);
    *at = meta->at;
    if (err)
        meta_free(meta);
    else
        *out = meta;
    return err;
}

void meta_free(struct meta *meta)
{
    if (!meta)
        return;
    for (size_t i = 0; i < meta->entries; i++)
        free(meta->entry[i].key);
    free(meta->entry);
    free(meta);
}

static const struct meta_entry *find(const struct meta *meta, const char *key)
{
    const struct meta_entry wanted = {.key = (char *)(uintptr_t)key};

    return meta->entries ? bsearch(&wanted, meta->entry, meta->entries, sizeof wanted, by_key)
                         : NULL;
}

bool meta_has(const struct meta *meta, const char *key)
{
    return find(meta, key) != NULL;
}

static enum err mismatch(const struct meta *meta, const struct meta_entry *entry,
                         const char *wanted)
{
    return err_set(ERR_PARSE, "%s: byte %zu: %s is not %s", source_name(meta->source),
                   entry->at, entry->key, wanted);
}

/* A scalar's bytes, as an unsigned number. */
static enum err scalar(const struct meta *meta, const struct meta_entry *entry, uint64_t *bits)
{
    uint8_t b[8] = {0};
    const enum err err = source_read(meta->source, entry->at, b, width[entry->kind]);

    *bits = 0;
    for (int i = 7; i >= 0; i--)
        *bits = *bits << 8 | b[i];
    return err;
}

/* Signed ones keep their sign; scalar left their upper bytes zero. */
static int64_t widen(uint32_t kind, uint64_t bits)
{
    switch (kind) {
    case I8:
        return (int8_t)bits;
    case I16:
        return (int16_t)bits;
    case I32:
        return (int32_t)bits;
    default:
        return (int64_t)bits;
    }
}

enum err meta_int(const struct meta *meta, const char *key, int64_t *out)
{
    const struct meta_entry *entry = find(meta, key);
    uint64_t bits;
    enum err err;

    if (!entry)
        return OK;
    if (!width[entry->kind] || entry->kind == F32 || entry->kind == F64 || entry->kind == BOOL)
        return mismatch(meta, entry, "a whole number");
    err = scalar(meta, entry, &bits);
    if (!err && entry->kind == U64 && bits > INT64_MAX)
        return mismatch(meta, entry, "a number below 2^63");
    if (!err)
        *out = widen(entry->kind, bits);
    return err;
}

/* A whole number is taken for a real: converters write 10000 as either. */
enum err meta_real(const struct meta *meta, const char *key, double *out)
{
    const struct meta_entry *entry = find(meta, key);
    uint64_t bits;
    uint32_t half;
    float single;
    enum err err;

    if (!entry)
        return OK;
    if (entry->kind != F32 && entry->kind != F64) {
        int64_t whole = 0;
        err = meta_int(meta, key, &whole);
        if (!err)
            *out = (double)whole;
        return err;
    }
    err = scalar(meta, entry, &bits);
    if (err)
        return err;
    half = (uint32_t)bits;
    memcpy(&single, &half, sizeof single);
    if (entry->kind == F32)
        *out = (double)single;
    else
        memcpy(out, &bits, sizeof *out);
    return OK;
}

enum err meta_bool(const struct meta *meta, const char *key, bool *out)
{
    const struct meta_entry *entry = find(meta, key);
    uint64_t bits;
    enum err err;

    if (!entry)
        return OK;
    if (entry->kind != BOOL)
        return mismatch(meta, entry, "true or false");
    err = scalar(meta, entry, &bits);
    if (!err && bits > 1)
        return mismatch(meta, entry, "true or false");
    if (!err)
        *out = bits == 1;
    return err;
}

/* Copies the text whose length stands at `at`; `to` has room for it and a zero byte. A zero
 * byte within would make another text of it. */
static enum err copy_text(const struct meta *meta, const struct meta_entry *entry, size_t *at,
                          char *to)
{
    uint64_t n = 0;
    enum err err = source_u64(meta->source, at, &n);

    if (!err)
        err = source_read(meta->source, *at, to, (size_t)n);
    if (err)
        return err;
    to[n] = 0;
    if (memchr(to, 0, (size_t)n))
        return mismatch(meta, entry, "free of zero bytes");
    *at += (size_t)n;
    return OK;
}

enum err meta_text(const struct meta *meta, const char *key, char **out)
{
    const struct meta_entry *entry = find(meta, key);
    uint64_t n = 0;
    size_t at;
    enum err err;

    if (!entry)
        return OK;
    if (entry->kind != TEXT)
        return mismatch(meta, entry, "a text");
    at = entry->at;
    err = source_u64(meta->source, &at, &n);
    if (err)
        return err;
    at = entry->at;
    *out = mem_new((size_t)n + 1, 1);
    err = copy_text(meta, entry, &at, *out);
    if (err) {
        free(*out);
        *out = NULL;
    }
    return err;
}

/* Bytes of a list of texts, each with a zero byte: a first pass over the lengths, so that the
 * list and its texts are one block. */
static enum err texts_size(const struct meta *meta, const struct meta_entry *entry,
                           size_t *size)
{
    size_t at = entry->at;
    uint64_t n = 0;
    enum err err = OK;

    *size = 0;
    for (uint64_t i = 0; i < entry->n && !err; i++) {
        err = source_u64(meta->source, &at, &n);
        at += (size_t)n;
        *size += (size_t)n + 1;
    }
    return err;
}

enum err meta_texts(const struct meta *meta, const char *key, char ***out, size_t *n)
{
    const struct meta_entry *entry = find(meta, key);
    size_t size, at;
    char **list, *to;
    enum err err;

    *out = NULL;
    *n = 0;
    if (!entry)
        return OK;
    if (entry->kind != LIST || entry->inner != TEXT)
        return mismatch(meta, entry, "a list of texts");
    err = texts_size(meta, entry, &size);
    if (!err)
        err = mem_big(&list, entry->n * sizeof *list + size, 1, key);
    if (err)
        return err;
    to = (char *)(list + entry->n);
    at = entry->at;
    for (uint64_t i = 0; i < entry->n && !err; i++) {
        list[i] = to;
        err = copy_text(meta, entry, &at, to);
        if (!err)
            to += strlen(to) + 1;
    }
    if (err) {
        free(list);
        return err;
    }
    *out = list;
    *n = (size_t)entry->n;
    return OK;
}

/* A list of numbers of one of two types, `size` bytes each, as they lie in the file:
 * little-endian, and this engine runs on no other machine. */
static enum err numbers(const struct meta *meta, const char *key, const int type[2],
                        const char *what, size_t size, void *out, size_t *n)
{
    const struct meta_entry *entry = find(meta, key);
    char *list = NULL;
    enum err err;

    memset(out, 0, sizeof list);
    *n = 0;
    if (!entry)
        return OK;
    if (entry->kind != LIST || ((int)entry->inner != type[0] && (int)entry->inner != type[1]))
        return mismatch(meta, entry, what);
    err = mem_big(&list, (size_t)entry->n, size, key);
    if (!err)
        err = source_read(meta->source, entry->at, list, (size_t)entry->n * size);
    if (err) {
        free(list);
        return err;
    }
    memcpy(out, &list, sizeof list);
    *n = (size_t)entry->n;
    return OK;
}

enum err meta_ints(const struct meta *meta, const char *key, int32_t **out, size_t *n)
{
    return numbers(meta, key, (const int[]){I32, U32}, "a list of 32-bit numbers", sizeof **out,
                   out, n);
}

enum err meta_floats(const struct meta *meta, const char *key, float **out, size_t *n)
{
    return numbers(meta, key, (const int[]){F32, F32}, "a list of 32-bit floats", sizeof **out,
                   out, n);
}

enum err meta_bytes(const struct meta *meta, const char *key, char **out, size_t *n)
{
    return numbers(meta, key, (const int[]){U8, I8}, "a list of bytes", 1, out, n);
}
