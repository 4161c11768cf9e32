/* How it works: a batch names, in the order of the schema's nodes, each array's length and then
 * its buffers' places in the body; a node's layout says how many buffers it has. All lengths are
 * held against the buffers once, when the batch is loaded; offsets are held against what they
 * lead into when a value is taken, since they are as many as values. Buffers may each be packed,
 * behind their size.
 *
 * What must hold: a dictionary batch has the values of a coded node, a record batch its places:
 * `load_node` is told which. A dictionary's values may be coded themselves; a circle of them ends
 * at DEEP_MAX. */
#include "data/columns/arrow_batch.h"

#include "base/mem.h"
#include "data/columns/cell.h"
#include "data/columns/codec.h"
#include "data/columns/flat.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DEEP_MAX = 2 * ARROW_SCHEMA_DEEP_MAX };
#define LENGTH_MAX ((int64_t)1 << 40)

struct buffer {
    const uint8_t *at;
    size_t n;
};

struct arrow_array {
    int64_t length;
    struct buffer valid; /* bits; none: all are there */
    struct buffer first; /* values, places or offsets */
    struct buffer texts;
};

/* A batch on its way in. */
struct loading {
    struct arrow_batch *batch;
    const struct arrow_schema *schema;
    const struct flat *f;
    size_t node, n_nodes, buffer, n_buffers; /* vectors of pairs of 8 bytes */
    size_t at_node, at_buffer;               /* how many are taken */
    size_t n_body;
    int codec; /* -1: none */
};

/* ERR_IO, not ERR_PARSE: nothing behind it can be read, so nobody shall go on with the next
 * row. */
static enum err damaged(void)
{
    return err_set(ERR_IO, "a batch is damaged");
}

void arrow_batch_free(struct arrow_batch *batch)
{
    for (size_t i = 0; i < batch->n_unpacked; i++)
        free(batch->unpacked[i]);
    free(batch->unpacked);
    free(batch->array);
    free(batch->body);
    *batch = (struct arrow_batch){.rows = 0};
}

/* A packed buffer: its size (or -1: it is not packed after all), then what is packed. */
static enum err unpack(struct loading *l, struct buffer *buffer)
{
    struct arrow_batch *batch = l->batch;
    const struct flat head = {.at = buffer->at, .n = buffer->n};
    const int64_t size = buffer->n < 8 ? -2 : flat_word(&head, 0);
    uint8_t *to;

    if (size < -1)
        return damaged();
    buffer->at += 8;
    buffer->n -= 8;
    if (size == -1)
        return OK;
    if ((uint64_t)size > ARROW_BATCH_MAX - batch->bytes)
        return err_set(ERR_RANGE, "a batch of more than %d bytes; write smaller ones",
                       ARROW_BATCH_MAX);
    batch->bytes += (size_t)size;
    to = mem_new((size_t)size, 1);
    batch->unpacked =
        mem_grow(batch->unpacked, batch->n_unpacked + 1, sizeof(*batch->unpacked));
    batch->unpacked[batch->n_unpacked++] = to;
    if (codec_unpack((enum codec)l->codec, buffer->at, buffer->n, to, (size_t)size))
        return damaged();
    *buffer = (struct buffer){.at = to, .n = (size_t)size};
    return OK;
}

/* Buffers are pairs of offset and length; writers align them, which readers need not
 * believe. */
static enum err next_buffer(struct loading *l, struct buffer *out)
{
    const size_t at = l->buffer + 16 * l->at_buffer;
    uint64_t begin, n;

    if (l->at_buffer == l->n_buffers)
        return damaged();
    l->at_buffer++;
    begin = (uint64_t)flat_word(l->f, at);
    n = (uint64_t)flat_word(l->f, at + 8);
    if (begin > l->n_body || n > l->n_body - begin)
        return damaged();
    *out = (struct buffer){.at = l->batch->body + begin, .n = (size_t)n};
    return l->codec >= 0 && n ? unpack(l, out) : OK;
}

/* That so many values of `width` bytes are there. */
static bool holds(const struct buffer *buffer, int64_t count, size_t width)
{
    return !width || (uint64_t)count <= buffer->n / width;
}

/* Validity first, then what the layout has: a struct has no more, texts have two. */
static enum err load_buffers(struct loading *l, const struct arrow_node *node,
                             struct arrow_array *array, bool coded)
{
    const enum arrow_layout layout = coded ? ARROW_FIXED : node->layout;
    const size_t width = coded ? node->code_width : node->width;
    const int64_t n = array->length;
    bool fits = true;
    enum err err = next_buffer(l, &array->valid);

    if (!err && array->valid.n && !holds(&array->valid, (n + 7) / 8, 1))
        return damaged();
    if (err || layout == ARROW_STRUCT || layout == ARROW_FIXED_LIST)
        return err;
    err = next_buffer(l, &array->first);
    if (err)
        return err;
    if (layout == ARROW_BITS)
        fits = holds(&array->first, (n + 7) / 8, 1);
    else if (layout == ARROW_FIXED)
        fits = holds(&array->first, n, width);
    else /* offsets, one more than values; none for no values */
        fits = !n || holds(&array->first, n + 1, width);
    if (!fits)
        return damaged();
    return layout == ARROW_TEXT ? next_buffer(l, &array->texts) : OK;
}

/* A struct's children are as long as it is, those of lists of one size so many times. */
static bool child_fits(const struct arrow_node *node, int64_t length, int64_t child)
{
    if (node->layout == ARROW_STRUCT)
        return child >= length;
    if (node->layout == ARROW_FIXED_LIST)
        return !length || !node->count || (uint64_t)length <= (uint64_t)child / node->count;
    return true;
}

/* Depth first, as the schema's nodes are: batches list lengths and buffers in that order. */
static enum err load_node(struct loading *l, size_t at, bool coded)
{
    const struct arrow_node *node = &l->schema->node[at];
    struct arrow_array *array = &l->batch->array[at - l->batch->node];
    enum err err = OK;

    if (at) { /* the root stands for the batch itself */
        if (l->at_node == l->n_nodes)
            return damaged();
        array->length = flat_word(l->f, l->node + 16 * l->at_node++);
        if (array->length < 0 || array->length > LENGTH_MAX)
            return damaged();
        if (coded || node->layout != ARROW_NULL)
            err = load_buffers(l, node, array, coded);
    }
    if (coded)
        return err;
    for (size_t i = at + 1; i < node->next && !err; i = l->schema->node[i].next) {
        err = load_node(l, i, l->schema->node[i].coded);
        if (!err &&
            !child_fits(node, array->length, l->batch->array[i - l->batch->node].length))
            err = damaged();
    }
    return err;
}

/* Arrow's numbers of codecs: 0 framed LZ4, 1 zstd. */
static enum err set_codec(struct loading *l, size_t table)
{
    const size_t packing = flat_table(l->f, table, 3);
    const int64_t codec = packing ? flat_int(l->f, packing, 0, 1, 0) : -1;

    l->codec = codec < 0 ? -1 : codec ? CODEC_ZSTD : CODEC_LZ4_FRAME;
    if (codec > 1 || codec < -1 || (packing && codec < 0))
        return err_set(ERR_RANGE, "a batch packed with a codec that has no name (%lld)",
                       (long long)codec);
    return OK;
}

/* Lengths are counted against what holds them here, once: arrow_batch_value trusts them. */
enum err arrow_batch_load(struct arrow_batch *batch, const struct arrow_schema *schema,
                          size_t node, const struct flat *f, size_t table, uint8_t *body,
                          size_t n)
{
    struct loading l = {.batch = batch, .schema = schema, .f = f, .n_body = n};
    enum err err;

    arrow_batch_free(batch);
    batch->node = node;
    batch->body = body;
    batch->rows = flat_int(f, table, 0, 8, 0);
    l.node = flat_vector(f, table, 1, 16, &l.n_nodes);
    l.buffer = flat_vector(f, table, 2, 16, &l.n_buffers);
    err = set_codec(&l, table);
    if (!err && (batch->rows < 0 || batch->rows > LENGTH_MAX))
        err = damaged();
    if (!err) {
        batch->array = mem_new(schema->node[node].next - node, sizeof(*batch->array));
        batch->array[0].length = batch->rows;
        err = load_node(&l, node, false);
    }
    if (!err && batch->array[0].length < batch->rows)
        err = damaged();
    if (err)
        arrow_batch_free(batch);
    return err;
}

/* `width` bytes, little-endian, with their sign or without. */
static int64_t number(const uint8_t *at, size_t width, bool is_signed)
{
    uint64_t value = 0;

    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)at[i] << 8 * i;
    if (is_signed && width < 8 && value >> (8 * width - 1))
        value |= ~0ull << 8 * width;
    return (int64_t)value;
}

/* The lowest bit first. */
static bool bit(const struct buffer *buffer, int64_t i)
{
    return buffer->at[i / 8] >> (i % 8) & 1;
}

/* Offsets i and i + 1, which must lie within `n`. */
static bool range(const struct arrow_array *array, const struct arrow_node *node, int64_t i,
                  int64_t n, int64_t *begin, int64_t *end)
{
    const uint8_t *at = array->first.at + (size_t)i * node->width;

    *begin = number(at, node->width, true);
    *end = number(at + node->width, node->width, true);
    return *begin >= 0 && *begin <= *end && *end <= n;
}

/* A place in a batch. */
struct arrow_place {
    const struct arrow_batch *batch;
    size_t node;
    int64_t i;
    int deep;
};

static enum err value(const struct arrow_values *from, struct arrow_place p, json_t **out);

/* Those that came before the k-th may be named by its values: so a circle ends, and time is
 * bounded by the depth of what was written. */
static enum err coded_value(const struct arrow_values *from, struct arrow_place p, json_t **out)
{
    const struct arrow_node *node = &from->schema->node[p.node];
    const struct arrow_array *array = &p.batch->array[p.node - p.batch->node];
    const int64_t at = number(array->first.at + (size_t)p.i * node->code_width,
                              node->code_width, node->code_signed);

    for (size_t k = 0; k < from->n_dictionaries; k++) {
        const struct arrow_dictionary *dictionary = &from->dictionary[k];
        if (dictionary->id != node->id || !dictionary->batch.array)
            continue;
        if (at < 0 || at >= dictionary->batch.rows)
            break;
        return arrow_batch_value(
            &(struct arrow_values){.schema = from->schema,
                                   /* Those before it: a circle of dictionaries ends. */
                                   .dictionary = from->dictionary,
                                   .n_dictionaries = k,
                                   .cells = from->cells},
            &dictionary->batch, at, out);
    }
    return damaged();
}

/* Members share the struct's place: they have no offsets of their own. */
static enum err struct_value(const struct arrow_values *from, struct arrow_place p,
                             json_t **out)
{
    const struct arrow_node *node = from->schema->node;
    const size_t end = node[p.node].next;
    json_t *object = json_object();
    enum err err = OK;

    (void)cell_take(from->cells, 0);
    for (size_t i = p.node + 1; i < end && !err; i = node[i].next) {
        json_t *made = NULL;
        if (!p.node)
            from->cells->at = node[i].name;
        err = value(
            from,
            (struct arrow_place){.batch = p.batch, .node = i, .i = p.i, .deep = p.deep + 1},
            &made);
        /* Within a record, a struct has all keys of its column: null means that it lacks one. */
        if (!err && (!p.node || !json_is_null(made)))
            json_object_set_new_nocheck(object, node[i].name, made);
    }
    if (err)
        json_decref(object);
    else
        *out = object;
    return err;
}

/* A pair of a map: the child's two children. */
static enum err pair(const struct arrow_values *from, struct arrow_place p, json_t *object)
{
    const struct arrow_node *node = from->schema->node;
    struct arrow_place part = {
        .batch = p.batch, .node = p.node + 1, .i = p.i, .deep = p.deep + 1};
    json_t *key = NULL, *made = NULL;
    enum err err = value(from, part, &key);

    part.node = node[part.node].next;
    if (!err)
        err = value(from, part, &made);
    if (err) {
        json_decref(key);
        return err;
    }
    cell_pair(from->cells, object, key, made);
    return OK;
}

/* A list that is null was told by validity; offsets of one are not looked at. */
static enum err list_value(const struct arrow_values *from, struct arrow_place p, json_t **out)
{
    const struct arrow_node *node = &from->schema->node[p.node];
    const struct arrow_array *array = &p.batch->array[p.node - p.batch->node];
    const bool map = node->layout == ARROW_MAP;
    struct arrow_place child = {.batch = p.batch, .node = p.node + 1, .deep = p.deep + 1};
    int64_t begin = p.i * (int64_t)node->count, end = begin + (int64_t)node->count;
    json_t *list;
    enum err err = OK;

    if (node->layout != ARROW_FIXED_LIST &&
        !range(array, node, p.i, p.batch->array[child.node - p.batch->node].length, &begin,
               &end))
        return damaged();
    (void)cell_take(from->cells, 0);
    list = map ? json_object() : json_array();
    for (child.i = begin; child.i < end && !err && !from->cells->broken; child.i++) {
        json_t *made = NULL;
        err = map ? pair(from, child, list) : value(from, child, &made);
        if (made)
            json_array_append_new(list, made);
    }
    if (err)
        json_decref(list);
    else
        *out = list;
    return err;
}

/* Values of one width: numbers, times, and bytes. */
static json_t *fixed_value(const struct arrow_values *from, const struct arrow_node *node,
                           const uint8_t *at)
{
    switch (node->cell.kind) {
    case CELL_HALF:
    case CELL_SINGLE:
    case CELL_DOUBLE:
    case CELL_BYTES:
        return cell_bytes(from->cells, &node->cell, at, node->width);
    default:
        return cell_int(from->cells, &node->cell, number(at, node->width, node->is_signed));
    }
}

/* Offsets may go down or beyond the bytes in a damaged file: looked at here, where they are
 * used. */
static enum err text_value(const struct arrow_values *from, struct arrow_place p, json_t **out)
{
    const struct arrow_node *node = &from->schema->node[p.node];
    const struct arrow_array *array = &p.batch->array[p.node - p.batch->node];
    int64_t begin, end;

    if (!range(array, node, p.i, (int64_t)array->texts.n, &begin, &end))
        return damaged();
    *out = cell_bytes(from->cells, &node->cell, array->texts.at + begin, (size_t)(end - begin));
    return OK;
}

/* A value that is there and stands in the batch itself. */
static enum err plain_value(const struct arrow_values *from, struct arrow_place p, json_t **out)
{
    const struct arrow_node *node = &from->schema->node[p.node];
    const struct arrow_array *array = &p.batch->array[p.node - p.batch->node];

    switch (node->layout) {
    case ARROW_STRUCT:
        return struct_value(from, p, out);
    case ARROW_LIST:
    case ARROW_MAP:
    case ARROW_FIXED_LIST:
        return list_value(from, p, out);
    case ARROW_TEXT:
        return text_value(from, p, out);
    case ARROW_BITS:
        *out = cell_int(from->cells, &node->cell, bit(&array->first, p.i));
        return OK;
    case ARROW_FIXED:
    case ARROW_NULL:
        break;
    }
    *out = fixed_value(from, node, array->first.at + (size_t)p.i * node->width);
    return OK;
}

static enum err value(const struct arrow_values *from, struct arrow_place p, json_t **out)
{
    const struct arrow_node *node = &from->schema->node[p.node];
    const struct arrow_array *array = &p.batch->array[p.node - p.batch->node];
    const bool coded = node->coded && p.node != p.batch->node;

    if (p.i >= array->length || p.deep > DEEP_MAX)
        return damaged();
    if ((node->layout == ARROW_NULL && !coded) ||
        (array->valid.n && !bit(&array->valid, p.i))) {
        *out = cell_null(from->cells);
        return OK;
    }
    return coded ? coded_value(from, p, out) : plain_value(from, p, out);
}

enum err arrow_batch_value(const struct arrow_values *from, const struct arrow_batch *batch,
                           int64_t i, json_t **out)
{
    return value(from, (struct arrow_place){.batch = batch, .node = batch->node, .i = i}, out);
}
