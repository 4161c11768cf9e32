/* How it works: a value is walked down the schema's nodes: each layout says where in its node's
 * buffers the value lies, and where those below it begin. That the buffers are long enough was
 * seen when the batch was loaded; what they say (offsets, lengths, places in a dictionary) is
 * held against what it leads into here, since it is as much as there are values.
 *
 * What must hold: a dictionary's values may be coded themselves, but only by dictionaries that
 * came before, so that a circle of them ends; within one batch depth ends at DEEP_MAX. */
#include "data/columns/arrow_value.h"

#include "data/columns/arrow_batch.h"
#include "data/columns/cell.h"

#include <stdbool.h>

enum { DEEP_MAX = 2 * ARROW_SCHEMA_DEEP_MAX };

/* ERR_IO, as in arrow_batch. */
static enum err damaged(void)
{
    return err_set(ERR_IO, "a batch is damaged");
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
static bool bit(const struct arrow_buffer *buffer, int64_t i)
{
    return buffer->at[i / 8] >> (i % 8) & 1;
}

/* Offsets i and i + 1, or an offset and a length, which must lie within `n`. */
static bool range(const struct arrow_array *array, const struct arrow_node *node, int64_t i,
                  int64_t n, int64_t *begin, int64_t *end)
{
    const size_t skip = (size_t)i * node->width;
    const uint8_t *at = array->first.at + skip;

    *begin = number(at, node->width, true);
    if (node->layout == ARROW_LIST_VIEW) {
        *end = number(array->texts.at + skip, node->width, true);
        return *begin >= 0 && *begin <= n && !__builtin_add_overflow(*begin, *end, end) &&
               *begin <= *end && *end <= n;
    }
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
        if (dictionary->id != node->id || !dictionary->batch.array || at < dictionary->first ||
            at - dictionary->first >= dictionary->batch.rows)
            continue;
        return arrow_value_row(
            &(struct arrow_values){.schema = from->schema,
                                   /* Those before it: a circle of dictionaries ends. */
                                   .dictionary = from->dictionary,
                                   .n_dictionaries = k,
                                   .cells = from->cells},
            &dictionary->batch, at - dictionary->first, out);
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

/* {i32 n; the text, up to 12 bytes} or {i32 n; u8 begin[4]; i32 buffer, offset}: what it says is
 * looked at here, for each value. */
static enum err view_value(const struct arrow_values *from, struct arrow_place p, json_t **out)
{
    const struct arrow_array *array = &p.batch->array[p.node - p.batch->node];
    const uint8_t *view = array->first.at + 16 * (size_t)p.i, *at = view + 4;
    const uint64_t which = (uint64_t)number(view + 8, 4, false);
    const uint64_t begin = (uint64_t)number(view + 12, 4, false);
    const int64_t n = number(view, 4, true);

    if (n < 0 || (n > 12 && which >= array->n_views))
        return damaged();
    if (n > 12) {
        const struct arrow_buffer *buffer = &p.batch->view[array->view + which];

        if (begin + (uint64_t)n > buffer->n)
            return damaged();
        at = buffer->at + begin;
    }
    *out = cell_bytes(from->cells, &from->schema->node[p.node].cell, at, (size_t)n);
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
    case ARROW_LIST_VIEW:
    case ARROW_FIXED_LIST:
        return list_value(from, p, out);
    case ARROW_TEXT:
        return text_value(from, p, out);
    case ARROW_VIEW:
        return view_value(from, p, out);
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

enum err arrow_value_row(const struct arrow_values *from, const struct arrow_batch *batch,
                         int64_t i, json_t **out)
{
    return value(from, (struct arrow_place){.batch = batch, .node = batch->node, .i = i}, out);
}
