/* How it works: the last eight bytes are the footer's length and the magic word; the footer lies
 * before them. All of it is read and checked at once: each chunk's bytes must lie within the
 * file, its codec and its type must be known, so that who reads pages later meets damage only in
 * the pages. Memory grows with the footer's own bytes, which are bounded: no count in it reserves
 * anything before as many elements can be there. */
#include "data/columns/footer.h"

#include "base/mem.h"
#include "data/columns/bytes.h"
#include "data/columns/thrift.h"

#include <stdlib.h>
#include <string.h>

/* The one word for all that does not add up here: which field it was helps nobody. */
static enum err damaged(void)
{
    return err_set(ERR_PARSE, "the footer is damaged");
}

/* What a chunk's metadata say. */
struct chunk_meta {
    int64_t type, codec, values, packed, data, dictionary;
    bool there, elsewhere, secret;
};

/* Statistics, sizes of levels and kin are passed over: they speed up queries, and could only
 * mislead. */
static void read_meta(struct thrift *t, struct chunk_meta *meta)
{
    struct thrift_field field = {.id = 0};

    meta->there = true;
    while (thrift_next(t, &field))
        switch (field.id) {
        case 1:
            meta->type = thrift_int(t, &field);
            break;
        case 4:
            meta->codec = thrift_int(t, &field);
            break;
        case 5:
            meta->values = thrift_int(t, &field);
            break;
        case 7:
            meta->packed = thrift_int(t, &field);
            break;
        case 9:
            meta->data = thrift_int(t, &field);
            break;
        case 11:
            meta->dictionary = thrift_int(t, &field);
            break;
        default:
            thrift_skip(t, &field);
        }
}

/* A chunk may lie in another file or be encrypted; both are said by fields that are else not
 * there. */
static void read_chunk(struct thrift *t, struct chunk_meta *meta)
{
    struct thrift_field field = {.id = 0};

    *meta = (struct chunk_meta){.type = -1};
    while (thrift_next(t, &field)) {
        if (field.id == 3 && field.type == THRIFT_STRUCT) {
            read_meta(t, meta);
            continue;
        }
        meta->elsewhere = meta->elsewhere || field.id == 1;
        meta->secret = meta->secret || field.id == 8 || field.id == 9;
        thrift_skip(t, &field);
    }
}

/* Pages begin at the dictionary, where there is one; some writers put a 0 for "none". */
static enum err check_chunk(struct footer_chunk *out, const struct chunk_meta *meta,
                            const struct schema_node *leaf, uint64_t size)
{
    const int64_t at =
        meta->dictionary > 0 && meta->dictionary < meta->data ? meta->dictionary : meta->data;
    enum err err;

    if (meta->secret)
        return err_set(ERR_RANGE, "is encrypted, which is not read");
    if (meta->elsewhere)
        return err_set(ERR_RANGE, "has its columns in other files, which is not read");
    if (!meta->there || meta->type != (int64_t)leaf->type || meta->values < 0)
        return damaged();
    err = codec_known(meta->codec);
    if (err)
        return err_add("column '%s'", leaf->name);
    if (meta->codec > CODEC_LZ4_RAW || at < 4 || meta->packed < 0 || (uint64_t)at > size ||
        (uint64_t)meta->packed > size - (uint64_t)at)
        return damaged();
    *out = (struct footer_chunk){.codec = (enum codec)meta->codec,
                                 .at = (uint64_t)at,
                                 .end = (uint64_t)at + (uint64_t)meta->packed,
                                 .values = meta->values};
    return OK;
}

/* One chunk a leaf, in the leaves' order. */
static enum err read_chunks(struct footer *out, struct footer_group *group, struct thrift *t,
                            const struct thrift_field *field, uint64_t size)
{
    const size_t n = thrift_list(t, field, THRIFT_STRUCT);

    if (n != out->schema.n_leaves || group->chunk)
        return damaged();
    group->chunk = mem_new(n, sizeof(*group->chunk));
    for (size_t i = 0; i < n; i++) {
        struct chunk_meta meta;
        enum err err;
        read_chunk(t, &meta);
        if (t->bad)
            return damaged();
        err =
            check_chunk(&group->chunk[i], &meta, &out->schema.node[out->schema.leaf[i]], size);
        if (err)
            return err;
    }
    return OK;
}

/* Counted before it is read, so that footer_free finds what a failure leaves. */
static enum err read_group(struct footer *out, struct thrift *t, uint64_t size)
{
    struct footer_group *group = &out->group[out->n_groups++];
    struct thrift_field field = {.id = 0};
    enum err err = OK;

    while (!err && thrift_next(t, &field))
        if (field.id == 1)
            err = read_chunks(out, group, t, &field, size);
        else if (field.id == 3)
            group->rows = thrift_int(t, &field);
        else
            thrift_skip(t, &field);
    if (!err && (t->bad || !group->chunk || group->rows < 0 || group->rows > FOOTER_ROWS_MAX))
        return damaged();
    return err;
}

static enum err read_groups(struct footer *out, struct thrift *t,
                            const struct thrift_field *field, uint64_t size)
{
    const size_t n = thrift_list(t, field, THRIFT_STRUCT);
    enum err err = OK;

    if (t->bad || out->group || !out->schema.n)
        return damaged(); /* the columns come first: what a chunk must be depends on them */
    for (size_t i = 0; i < n && !err; i++) {
        if (!(i & (i - 1))) { /* doubled at each power of two */
            out->group = mem_grow(out->group, i ? 2 * i : 1, sizeof(*out->group));
            memset(out->group + i, 0, (i ? i : 1) * sizeof(*out->group));
        }
        err = read_group(out, t, size);
    }
    return err;
}

static enum err read_all(struct footer *out, struct thrift *t, uint64_t size)
{
    struct thrift_field field = {.id = 0};
    enum err err = OK;

    while (!err && thrift_next(t, &field))
        switch (field.id) {
        case 2:
            err = out->schema.n ? damaged() : schema_read(&out->schema, t, &field);
            break;
        case 4:
            err = read_groups(out, t, &field, size);
            break;
        case 8:
            err = err_set(ERR_RANGE, "is encrypted, which is not read");
            break;
        default:
            thrift_skip(t, &field);
        }
    if (!err && (t->bad || !out->schema.n))
        return damaged();
    return err;
}

/* From the end: magic word, length, then the footer before them. */
enum err footer_read(struct footer *out, struct bytes *file)
{
    const uint64_t size = bytes_size(file);
    uint8_t tail[8];
    uint32_t n;
    uint8_t *text;
    struct thrift t = {.bad = false};
    enum err err;

    *out = (struct footer){.n_groups = 0};
    if (size < 12)
        return err_set(ERR_PARSE, "is no Parquet file: too short");
    err = bytes_read(file, size - 8, tail, 8);
    if (err)
        return err;
    if (!memcmp(tail + 4, "PARE", 4))
        return err_set(ERR_RANGE, "is encrypted, which is not read");
    n = (uint32_t)tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 |
        (uint32_t)tail[3] << 24;
    if (memcmp(tail + 4, "PAR1", 4) != 0)
        return err_set(ERR_PARSE, "is no Parquet file, or was cut off");
    if (n > size - 12 || n > FOOTER_BYTES_MAX)
        return damaged();
    text = mem_new(n, 1);
    t.at = text;
    t.end = text + n;
    err = bytes_read(file, size - 8 - n, text, n);
    if (!err)
        err = read_all(out, &t, size - 8 - n);
    free(text);
    if (err)
        footer_free(out);
    return err;
}

void footer_free(struct footer *footer)
{
    for (size_t i = 0; i < footer->n_groups; i++)
        free(footer->group[i].chunk);
    free(footer->group);
    schema_free(&footer->schema);
    *footer = (struct footer){.n_groups = 0};
}
