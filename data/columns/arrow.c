/* How it works: a stream is messages: a marker, the length of the metadata, the metadata (a
 * FlatBuffer), the body. The first is the schema; then dictionaries and record batches in turn,
 * and a length of 0 at the end. The file form is the same stream behind eight bytes, with an
 * index at its end that nobody needs who reads from the front. One batch is in memory at a time,
 * and of each dictionary the newest with what was added to it since.
 *
 * What must hold: the stream ends with its mark; one that just stops was cut off. */
#include "data/columns/arrow.h"

#include "base/mem.h"
#include "data/columns/arrow_batch.h"
#include "data/columns/arrow_schema.h"
#include "data/columns/arrow_value.h"
#include "data/columns/bytes.h"
#include "data/columns/cell.h"
#include "data/columns/flat.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { METADATA_MAX = 64 << 20, MESSAGE_SCHEMA = 1, MESSAGE_DICTIONARY, MESSAGE_BATCH };

struct arrow {
    struct bytes *file;
    uint64_t at; /* of the next message */
    struct arrow_schema schema;
    struct arrow_batch batch;
    int64_t taken; /* rows of it */
    struct arrow_dictionary *dictionary;
    size_t n_dictionaries;
    struct cell_row cells;
    int64_t row;
    bool ended;
    enum err over; /* an error after which nothing can be read */
};

/* A message: its metadata, and where its body lies. */
struct message {
    struct flat metadata; /* `at` is owned */
    size_t header;
    int64_t kind;
    uint64_t body;
    size_t n_body;
};

static enum err damaged(void)
{
    return err_set(ERR_IO, "a message is damaged");
}

/* Lengths are little-endian, whatever the machine; the place moves behind. */
static enum err little32(struct arrow *file, uint32_t *out)
{
    uint8_t b[4];
    const enum err err = bytes_read(file->file, file->at, b, 4);

    if (err)
        return err;
    file->at += 4;
    *out = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    return OK;
}

/* Kind, header and body of what was read. */
static enum err set_message(struct arrow *file, struct message *m)
{
    const size_t root = flat_root(&m->metadata);
    const int64_t body = flat_int(&m->metadata, root, 3, 8, 0);

    m->kind = flat_int(&m->metadata, root, 1, 1, 0);
    m->header = flat_table(&m->metadata, root, 2);
    if (!root || !m->header || body < 0 || (uint64_t)body > bytes_size(file->file) - file->at)
        return damaged();
    if (body > ARROW_BATCH_MAX)
        return err_set(ERR_RANGE, "a batch of %lld bytes: more than %d; write smaller ones",
                       (long long)body, ARROW_BATCH_MAX);
    m->body = file->at;
    m->n_body = (size_t)body;
    file->at += (uint64_t)body;
    return OK;
}

/* metadata.at stays NULL at the stream's end. Older streams lack the marker. */
static enum err read_message(struct arrow *file, struct message *m)
{
    uint32_t n;
    uint8_t *text;
    enum err err = little32(file, &n);

    *m = (struct message){.kind = 0};
    if (!err && n == UINT32_MAX)
        err = little32(file, &n);
    if (err || !n)
        return err;
    if (n > METADATA_MAX || n > bytes_size(file->file) - file->at)
        return damaged();
    text = mem_new(n, 1);
    m->metadata = (struct flat){.at = text, .n = n};
    err = bytes_read(file->file, file->at, text, n);
    file->at += n;
    if (!err)
        err = set_message(file, m);
    if (err) {
        free(text);
        m->metadata.at = NULL;
    }
    return err;
}

static void drop(struct message *m)
{
    free((void *)(uintptr_t)m->metadata.at);
    m->metadata.at = NULL;
}

/* The body is read whole: its buffers are taken in any order, and columns lie one behind the
 * other. */
static enum err load(struct arrow *file, struct arrow_batch *batch, size_t node,
                     const struct message *m, size_t table)
{
    uint8_t *body = mem_new(m->n_body, 1);
    const enum err err = bytes_read(file->file, m->body, body, m->n_body);

    if (err) {
        free(body);
        return err;
    }
    return arrow_batch_load(batch, &file->schema, node, &m->metadata, table, body, m->n_body);
}

/* A place for values of dictionary `id`, in the order in which these first came: one that refers
 * to another came behind it. What replaces a dictionary lets go all its parts; what is added goes
 * on where the last one ends. NULL: no more fit. */
static struct arrow_dictionary *place(struct arrow *file, int64_t id, bool added)
{
    struct arrow_dictionary *all = file->dictionary;
    int64_t first = 0;
    size_t k = 0;

    for (size_t i = 0; i < file->n_dictionaries && !added; i++)
        if (all[i].id == id)
            arrow_batch_free(&all[i].batch);
    while (k < file->n_dictionaries && (all[k].id != id || all[k].batch.array)) {
        first += all[k].id == id ? all[k].batch.rows : 0;
        k++;
    }
    if (k == ARROW_SCHEMA_NODES_MAX)
        return NULL;
    if (k == file->n_dictionaries) {
        all = file->dictionary = mem_grow(all, k + 1, sizeof(*all));
        all[k] = (struct arrow_dictionary){.id = id};
        file->n_dictionaries++;
    }
    all[k].first = first;
    return &all[k];
}

/* A packed part may be far larger than what it came in. */
static enum err check_dictionaries(const struct arrow *file)
{
    size_t bytes = 0;

    for (size_t i = 0; i < file->n_dictionaries; i++)
        bytes += file->dictionary[i].batch.bytes;
    return bytes > ARROW_BATCH_MAX
               ? err_set(ERR_RANGE, "dictionaries of more than %d bytes", ARROW_BATCH_MAX)
               : OK;
}

static enum err load_dictionary(struct arrow *file, const struct message *m)
{
    const int64_t id = flat_int(&m->metadata, m->header, 0, 8, 0);
    const size_t data = flat_table(&m->metadata, m->header, 1);
    const bool added = flat_int(&m->metadata, m->header, 2, 1, 0) != 0;
    struct arrow_dictionary *to;
    size_t node = 1;
    enum err err;

    while (node < file->schema.n &&
           !(file->schema.node[node].coded && file->schema.node[node].id == id))
        node++;
    if (node == file->schema.n || !data)
        return damaged();
    to = place(file, id, added);
    if (!to)
        return err_set(ERR_RANGE, "dictionaries in more than %d parts", ARROW_SCHEMA_NODES_MAX);
    err = load(file, &to->batch, node, m, data);
    return err ? err : check_dictionaries(file);
}

/* A batch begins anew at its first row; what it replaces is let go in arrow_batch_load. */
static enum err on_message(struct arrow *file, const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_DICTIONARY:
        return load_dictionary(file, m);
    case MESSAGE_BATCH:
        file->taken = 0;
        return load(file, &file->batch, 0, m, m->header);
    case MESSAGE_SCHEMA:
        return err_set(ERR_IO, "has two schemas");
    default: /* tensors, and what may come: passed over with its body */
        return OK;
    }
}

/* Until a batch has rows, or the stream is at its end. */
static enum err next_batch(struct arrow *file)
{
    enum err err = OK;

    while (!err && !file->ended && file->taken == file->batch.rows) {
        struct message m;
        err = read_message(file, &m);
        if (err)
            break;
        file->ended = !m.metadata.at;
        if (!file->ended)
            err = on_message(file, &m);
        drop(&m);
    }
    return err;
}

/* ERR_PARSE whatever went wrong: at the opening, a file that is no Arrow file is the likely
 * reason. */
static enum err read_schema(struct arrow *file)
{
    uint8_t magic[8];
    struct message m;
    enum err err;

    if (!bytes_read(file->file, 0, magic, 8) && !memcmp(magic, "ARROW1", 6))
        file->at = 8;
    err = read_message(file, &m);
    if (err)
        return err_set(ERR_PARSE, "is no Arrow file, or was cut off");
    if (m.kind == MESSAGE_SCHEMA)
        err = arrow_schema_read(&file->schema, &m.metadata, m.header);
    else
        err = err_set(ERR_PARSE, "is no Arrow file: it does not begin with a schema");
    drop(&m);
    return err;
}

enum err arrow_open(struct arrow **out, struct bytes *file)
{
    struct arrow *made = mem_new(1, sizeof(*made));
    enum err err;

    *out = NULL;
    made->file = file;
    err = read_schema(made);
    if (err)
        arrow_close(made);
    else
        *out = made;
    return err;
}

/* In any state that arrow_open leaves, half opened among them. */
void arrow_close(struct arrow *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->n_dictionaries; i++)
        arrow_batch_free(&file->dictionary[i].batch);
    free(file->dictionary);
    arrow_batch_free(&file->batch);
    arrow_schema_free(&file->schema);
    bytes_close(file->file);
    free(file);
}

int64_t arrow_row(const struct arrow *file)
{
    return file->row;
}

/* The row counts as read even where it has a flaw, so that the next call goes on behind it. */
static enum err read_row(struct arrow *file, json_t **out)
{
    const struct arrow_values from = {.schema = &file->schema,
                                      .dictionary = file->dictionary,
                                      .n_dictionaries = file->n_dictionaries,
                                      .cells = &file->cells};

    file->row++;
    cell_begin(&file->cells);
    return arrow_value_row(&from, &file->batch, file->taken++, out);
}

/* As parquet_next: a damaged batch ends the file for good. */
enum err arrow_next(struct arrow *file, json_t **out)
{
    json_t *row = NULL;
    enum err err;

    *out = NULL;
    if (file->over)
        return err_set(file->over, "an earlier row could not be read");
    err = next_batch(file);
    if (!err && file->ended)
        return OK;
    if (!err)
        err = read_row(file, &row);
    return cell_give(&file->cells, err, row, out, &file->over);
}
