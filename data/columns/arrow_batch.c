/* How it works: a batch names, in the order of the schema's nodes, each array's length and then
 * its buffers' places in the body; a node's layout says how many buffers it has. All lengths are
 * held against the buffers here, once; arrow_value looks at what offsets lead into. Buffers may
 * each be packed, behind their size.
 *
 * What must hold: a dictionary batch has the values of a coded node, a record batch its places:
 * `load_node` is told which. */
#include "data/columns/arrow_batch.h"

#include "base/mem.h"
#include "data/columns/codec.h"
#include "data/columns/flat.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX ((int64_t)1 << 40)

/* A batch on its way in. */
struct loading {
    struct arrow_batch *batch;
    const struct arrow_schema *schema;
    const struct flat *f;
    size_t node, n_nodes, buffer, n_buffers; /* vectors of pairs of 8 bytes */
    size_t count, n_counts;                  /* of 8 bytes: buffers of each column of views */
    size_t at_node, at_buffer, at_count;     /* how many are taken */
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
    free(batch->view);
    free(batch->array);
    free(batch->body);
    *batch = (struct arrow_batch){.rows = 0};
}

/* A packed buffer: its size (or -1: it is not packed after all), then what is packed. */
static enum err unpack(struct loading *l, struct arrow_buffer *buffer)
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
    *buffer = (struct arrow_buffer){.at = to, .n = (size_t)size};
    return OK;
}

/* Buffers are pairs of offset and length; writers align them, which readers need not
 * believe. */
static enum err next_buffer(struct loading *l, struct arrow_buffer *out)
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
    *out = (struct arrow_buffer){.at = l->batch->body + begin, .n = (size_t)n};
    return l->codec >= 0 && n ? unpack(l, out) : OK;
}

/* The bytes of a column of views lie in buffers of which the batch says how many there are. */
static enum err load_views(struct loading *l, struct arrow_array *array)
{
    struct arrow_batch *batch = l->batch;
    enum err err = OK;
    int64_t n;

    if (l->at_count == l->n_counts)
        return damaged();
    n = flat_word(l->f, l->count + 8 * l->at_count++);
    if (n < 0 || (uint64_t)n > l->n_buffers - l->at_buffer)
        return damaged();
    array->view = batch->n_views;
    array->n_views = (size_t)n;
    batch->view = mem_grow(batch->view, batch->n_views + array->n_views, sizeof(*batch->view));
    for (; n && !err; n--)
        err = next_buffer(l, &batch->view[batch->n_views++]);
    return err;
}

/* That so many values of `width` bytes are there. */
static bool holds(const struct arrow_buffer *buffer, int64_t count, size_t width)
{
    return !width || (uint64_t)count <= buffer->n / width;
}

/* That the layout's own buffer is there for so many values: of offsets there is one more than
 * values, but none for no values. */
static bool first_holds(enum arrow_layout layout, const struct arrow_buffer *first, int64_t n,
                        size_t width)
{
    switch (layout) {
    case ARROW_BITS:
        return holds(first, (n + 7) / 8, 1);
    case ARROW_FIXED:
    case ARROW_VIEW:
    case ARROW_LIST_VIEW:
        return holds(first, n, width);
    default:
        return !n || holds(first, n + 1, width);
    }
}

/* What stands behind it: a text's bytes, a list's lengths, the buffers of views. */
static enum err load_behind(struct loading *l, enum arrow_layout layout,
                            struct arrow_array *array, size_t width)
{
    enum err err = OK;

    if (layout == ARROW_VIEW)
        return load_views(l, array);
    if (layout == ARROW_TEXT || layout == ARROW_LIST_VIEW)
        err = next_buffer(l, &array->texts);
    if (!err && layout == ARROW_LIST_VIEW && !holds(&array->texts, array->length, width))
        err = damaged();
    return err;
}

/* Validity first, then what the layout has, if anything: a struct has no more. */
static enum err load_buffers(struct loading *l, const struct arrow_node *node,
                             struct arrow_array *array, bool coded)
{
    const enum arrow_layout layout = coded ? ARROW_FIXED : node->layout;
    const size_t width = coded ? node->code_width : node->width;
    const int64_t n = array->length;
    enum err err = next_buffer(l, &array->valid);

    if (!err && array->valid.n && !holds(&array->valid, (n + 7) / 8, 1))
        return damaged();
    if (err || layout == ARROW_STRUCT || layout == ARROW_FIXED_LIST)
        return err;
    err = next_buffer(l, &array->first);
    if (!err && !first_holds(layout, &array->first, n, width))
        err = damaged();
    return err ? err : load_behind(l, layout, array, width);
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

/* Lengths are counted against what holds them here, once: arrow_value trusts them. */
enum err arrow_batch_load(struct arrow_batch *batch, const struct arrow_schema *schema,
                          size_t node, const struct flat *f, size_t table, uint8_t *body,
                          size_t n)
{
    struct loading l = {.batch = batch, .schema = schema, .f = f, .n_body = n};
    enum err err;

    arrow_batch_free(batch);
    batch->node = node;
    batch->body = body;
    batch->bytes = n;
    batch->rows = flat_int(f, table, 0, 8, 0);
    l.node = flat_vector(f, table, 1, 16, &l.n_nodes);
    l.buffer = flat_vector(f, table, 2, 16, &l.n_buffers);
    l.count = flat_vector(f, table, 4, 8, &l.n_counts);
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
