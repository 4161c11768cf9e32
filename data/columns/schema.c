/* How it works: the elements come depth first, each with the number of its children. read_all
 * takes them as they are; `settle` walks them once, counts levels and leaves, and finds out what
 * groups mean: LIST and MAP are groups around a repeated one, which the format's rules for older
 * writers say how to take apart.
 *
 * What must hold: every group has a child (a value without columns could not be counted), no
 * two children of one group share a name, nothing is deeper than SCHEMA_DEEP_MAX. */
#include "data/columns/schema.h"

#include "base/mem.h"
#include "data/columns/thrift.h"

#include <stdlib.h>
#include <string.h>

/* The format's numbers: older "converted" types, and the fields of the newer union. */
enum {
    CONVERTED_UTF8,
    CONVERTED_MAP,
    CONVERTED_MAP_KEY_VALUE,
    CONVERTED_LIST,
    CONVERTED_ENUM,
    CONVERTED_DECIMAL,
    CONVERTED_DATE,
    CONVERTED_TIME_MILLIS,
    CONVERTED_TIME_MICROS,
    CONVERTED_STAMP_MILLIS,
    CONVERTED_STAMP_MICROS,
    CONVERTED_UINT_32 = 13,
    CONVERTED_UINT_64,
    CONVERTED_JSON = 19,
    CONVERTED_BSON,
    CONVERTED_INTERVAL
};
enum {
    LOGICAL_STRING = 1,
    LOGICAL_MAP,
    LOGICAL_LIST,
    LOGICAL_ENUM,
    LOGICAL_DECIMAL,
    LOGICAL_DATE,
    LOGICAL_TIME,
    LOGICAL_STAMP,
    LOGICAL_INTEGER = 10,
    LOGICAL_UNKNOWN,
    LOGICAL_JSON,
    LOGICAL_BSON,
    LOGICAL_UUID,
    LOGICAL_HALF
};

/* An element as it stands in the file. */
struct element {
    int64_t type, width, repetition, children, converted, logical;
    int64_t bits; /* of an integer */
    bool is_signed, utc;
    int digits;
    const uint8_t *name;
    size_t n_name;
    bool typed;
};

/* {1 utc, 2 {1 ms, 2 us, 3 ns}} of times, {1 bits, 2 signed} of integers. */
static void read_annotation(struct thrift *t, struct element *e)
{
    struct thrift_field field = {.id = 0};

    while (thrift_next(t, &field)) {
        struct thrift_field unit = {.id = 0};
        if (e->logical == LOGICAL_INTEGER && field.id == 1)
            e->bits = thrift_int(t, &field);
        else if (e->logical == LOGICAL_INTEGER && field.id == 2)
            e->is_signed = thrift_bool(t, &field);
        else if (e->logical != LOGICAL_INTEGER && field.id == 1)
            e->utc = thrift_bool(t, &field);
        else if (field.id == 2 && field.type == THRIFT_STRUCT)
            while (thrift_next(t, &unit)) {
                e->digits = 3 * unit.id;
                thrift_skip(t, &unit);
            }
        else
            thrift_skip(t, &field);
    }
}

/* A union: one field is there, and which one says the type. */
static void read_logical(struct thrift *t, struct element *e)
{
    struct thrift_field field = {.id = 0};

    while (thrift_next(t, &field)) {
        e->logical = field.id;
        if (field.type == THRIFT_STRUCT &&
            (field.id == LOGICAL_TIME || field.id == LOGICAL_STAMP ||
             field.id == LOGICAL_INTEGER))
            read_annotation(t, e);
        else
            thrift_skip(t, &field);
    }
}

/* Only the root lacks a repetition; a group lacks a type, a leaf lacks children. */
static void read_element(struct thrift *t, struct element *e)
{
    struct thrift_field field = {.id = 0};

    *e = (struct element){.converted = -1, .name = (const uint8_t *)""};
    while (thrift_next(t, &field))
        switch (field.id) {
        case 1:
            e->type = thrift_int(t, &field);
            e->typed = true;
            break;
        case 2:
            e->width = thrift_int(t, &field);
            break;
        case 3:
            e->repetition = thrift_int(t, &field);
            break;
        case 4:
            e->name = thrift_binary(t, &field, &e->n_name);
            break;
        case 5:
            e->children = thrift_int(t, &field);
            break;
        case 6:
            e->converted = thrift_int(t, &field);
            break;
        case 10:
            if (field.type == THRIFT_STRUCT)
                read_logical(t, e);
            else
                thrift_skip(t, &field);
            break;
        default:
            thrift_skip(t, &field);
        }
}

static enum err not_read(const struct schema_node *node, const char *what)
{
    return err_set(ERR_RANGE,
                   "column '%s' is %s, which is not read; leave it out, or write it "
                   "as text or as a number",
                   node->name, what);
}

/* Types that have no place in a record, by their names. */
static enum err check_known(const struct schema_node *node, const struct element *e)
{
    if (node->type == SCHEMA_INT96)
        return not_read(node, "INT96 (an old form of timestamps)");
    if (e->logical == LOGICAL_DECIMAL || e->converted == CONVERTED_DECIMAL)
        return not_read(node, "a decimal");
    if (e->converted == CONVERTED_INTERVAL)
        return not_read(node, "an interval");
    if (e->logical == LOGICAL_BSON || e->converted == CONVERTED_BSON)
        return not_read(node, "BSON");
    if ((e->logical == LOGICAL_TIME || e->logical == LOGICAL_STAMP) && e->digits != 3 &&
        e->digits != 6 && e->digits != 9)
        return not_read(node, "a time of no known unit");
    if (e->logical > LOGICAL_HALF)
        return not_read(node, "of a kind that is newer than this reader");
    return OK;
}

/* Kinds of times and numbers, told by the newer annotation or the older. */
static struct cell_type cell_of_int(const struct element *e)
{
    struct cell_type cell = {.kind = CELL_INT, .digits = e->digits, .utc = e->utc};

    if (e->logical == LOGICAL_DATE || e->converted == CONVERTED_DATE) {
        cell.kind = CELL_DATE;
    } else if (e->logical == LOGICAL_TIME || e->logical == LOGICAL_STAMP) {
        cell.kind = e->logical == LOGICAL_TIME ? CELL_TIME : CELL_STAMP;
    } else if (e->converted >= CONVERTED_TIME_MILLIS &&
               e->converted <= CONVERTED_STAMP_MICROS) {
        cell.kind = e->converted < CONVERTED_STAMP_MILLIS ? CELL_TIME : CELL_STAMP;
        cell.digits =
            e->converted == CONVERTED_TIME_MILLIS || e->converted == CONVERTED_STAMP_MILLIS ? 3
                                                                                            : 6;
        cell.utc = true; /* the older annotation means UTC */
    } else if (e->converted == CONVERTED_UINT_64 ||
               (e->logical == LOGICAL_INTEGER && !e->is_signed && e->bits == 64)) {
        cell.kind = CELL_UINT;
    }
    return cell;
}

/* Bytes without an annotation may be text all the same, of older writers: cell.h finds out. */
static struct cell_type cell_of_bytes(const struct element *e, size_t width)
{
    struct cell_type cell = {.kind = CELL_BYTES};

    if (e->logical == LOGICAL_HALF && width == 2)
        cell.kind = CELL_HALF;
    else if (e->logical == LOGICAL_UUID && width == 16)
        cell.kind = CELL_UUID;
    else if (e->logical == LOGICAL_STRING || e->logical == LOGICAL_ENUM ||
             e->logical == LOGICAL_JSON || e->converted == CONVERTED_UTF8 ||
             e->converted == CONVERTED_ENUM || e->converted == CONVERTED_JSON)
        cell.kind = CELL_TEXT;
    return cell;
}

/* What a value of the physical type becomes. */
static struct cell_type cell_of(const struct schema_node *node, const struct element *e)
{
    switch (e->logical == LOGICAL_UNKNOWN ? SCHEMA_INT96 : node->type) {
    case SCHEMA_BOOLEAN:
        return (struct cell_type){.kind = CELL_BOOL};
    case SCHEMA_INT32:
    case SCHEMA_INT64:
        return cell_of_int(e);
    case SCHEMA_FLOAT:
        return (struct cell_type){.kind = CELL_SINGLE};
    case SCHEMA_DOUBLE:
        return (struct cell_type){.kind = CELL_DOUBLE};
    case SCHEMA_BYTE_ARRAY:
    case SCHEMA_FIXED:
        return cell_of_bytes(e, node->width);
    case SCHEMA_INT96: /* refused before; here: nothing but nulls */
        break;
    }
    return (struct cell_type){.kind = CELL_NULL};
}

/* The older annotation counts where the newer is not there; where both are, they say the
 * same. */
static enum err set_leaf(struct schema_node *node, const struct element *e)
{
    static const size_t width[] = {0, 4, 8, 12, 4, 8, 0};
    enum err err;

    if (!e->typed || e->type < 0 || e->type > SCHEMA_FIXED)
        return err_set(ERR_PARSE, "column '%s' has no type", node->name);
    node->type = (enum schema_physical)e->type;
    err = check_known(node, e);
    if (err)
        return err;
    if (node->type == SCHEMA_FIXED && (e->width < 1 || e->width > SCHEMA_WIDTH_MAX))
        return err_set(ERR_PARSE, "column '%s': values of %lld bytes", node->name,
                       (long long)e->width);
    node->width = node->type == SCHEMA_FIXED ? (size_t)e->width : width[node->type];
    node->cell = cell_of(node, e);
    node->narrow = e->converted == CONVERTED_UINT_32 ||
                   (e->logical == LOGICAL_INTEGER && !e->is_signed && e->bits == 32);
    return OK;
}

/* Children are counted here and found in `settle`, which knows where they end. */
static enum err set_node(struct schema_node *node, const struct element *e)
{
    const enum err err = cell_name(e->name, e->n_name);

    if (err)
        return err;
    node->name = mem_new(e->n_name + 1, 1);
    memcpy(node->name, e->name, e->n_name);
    if (e->repetition < 0 || e->repetition > SCHEMA_REPEATED || e->children < 0 ||
        e->children > SCHEMA_NODES_MAX)
        return err_set(ERR_PARSE, "column '%s' has no form", node->name);
    node->repetition = (enum schema_repetition)e->repetition;
    node->n_children = (size_t)e->children;
    if (!node->n_children)
        return set_leaf(node, e);
    node->form = SCHEMA_STRUCT;
    if (e->logical == LOGICAL_LIST || e->converted == CONVERTED_LIST)
        node->form = SCHEMA_LIST;
    else if (e->logical == LOGICAL_MAP || e->converted == CONVERTED_MAP ||
             e->converted == CONVERTED_MAP_KEY_VALUE)
        node->form = SCHEMA_MAP;
    return OK;
}

/* A list's repeated group with one child is a shell around the element, unless its name says
 * that an older writer meant the group itself. */
static bool is_shell(const struct schema_node *list, const struct schema_node *group)
{
    const size_t n = strlen(list->name);

    return group->n_children == 1 && strcmp(group->name, "array") != 0 &&
           !(!strncmp(group->name, list->name, n) && !strcmp(group->name + n, "_tuple"));
}

/* A group that is called LIST or MAP and is not built so is a struct, as it stands. */
static void set_form(struct schema *schema, size_t at)
{
    struct schema_node *node = &schema->node[at], *inner = &schema->node[at + 1];

    if (node->form != SCHEMA_LIST && node->form != SCHEMA_MAP)
        return;
    /* The annotation of a pair is the old one of the group within a map. */
    if (node->n_children != 1 || inner->repetition != SCHEMA_REPEATED ||
        node->repetition == SCHEMA_REPEATED)
        node->form = SCHEMA_STRUCT;
    else if (node->form == SCHEMA_MAP && inner->n_children != 2)
        node->form = SCHEMA_LIST; /* keys alone */
    if (node->form == SCHEMA_LIST)
        inner->bare = is_shell(node, inner);
}

/* Names tell an object's members apart. */
static enum err check_names(const struct schema *schema, size_t at)
{
    const size_t end = schema->node[at].next;

    for (size_t a = at + 1; a < end; a = schema->node[a].next)
        for (size_t b = schema->node[a].next; b < end; b = schema->node[b].next)
            if (!strcmp(schema->node[a].name, schema->node[b].name))
                return err_set(ERR_PARSE, "two columns are called '%s'", schema->node[a].name);
    return OK;
}

/* Levels, leaves and ends below `at`; *next is the first node beyond. */
static enum err settle(struct schema *schema, size_t at, int deep, size_t *next)
{
    struct schema_node *node = &schema->node[at];
    enum err err = OK;

    if (deep == SCHEMA_DEEP_MAX)
        return err_set(ERR_RANGE, "columns nested more than %d deep", SCHEMA_DEEP_MAX);
    *next = at + 1;
    node->leaf = schema->n_leaves;
    if (node->form == SCHEMA_LEAF)
        schema->leaf[schema->n_leaves++] = at;
    for (size_t i = 0; i < node->n_children && !err; i++) {
        struct schema_node *child = &schema->node[*next];
        if (*next >= schema->n)
            return err_set(ERR_PARSE, "column '%s' lacks parts", node->name);
        child->def = node->def + (child->repetition != SCHEMA_REQUIRED);
        child->rep = node->rep + (child->repetition == SCHEMA_REPEATED);
        err = settle(schema, *next, deep + 1, next);
    }
    node->n_leaves = schema->n_leaves - node->leaf;
    node->next = *next;
    if (err)
        return err;
    if (node->form != SCHEMA_LEAF)
        set_form(schema, at);
    return check_names(schema, at);
}

static enum err read_all(struct schema *schema, struct thrift *t)
{
    for (size_t i = 0; i < schema->n; i++) {
        struct element e;
        enum err err;
        read_element(t, &e);
        if (t->bad)
            return err_set(ERR_PARSE, "the footer is damaged");
        if (!i) { /* the root has a name and children, and is there once */
            e.repetition = SCHEMA_REQUIRED;
            e.converted = -1;
            e.logical = 0;
            if (e.children < 1)
                return err_set(ERR_PARSE, "holds no column");
        }
        err = set_node(&schema->node[i], &e);
        if (err)
            return err;
    }
    return OK;
}

enum err schema_read(struct schema *out, struct thrift *t, const struct thrift_field *field)
{
    const size_t n = thrift_list(t, field, THRIFT_STRUCT);
    size_t end = 0;
    enum err err;

    *out = (struct schema){.n = n};
    if (!n)
        return err_set(ERR_PARSE, "holds no column");
    if (n > SCHEMA_NODES_MAX)
        return err_set(ERR_RANGE, "more than %d columns", SCHEMA_NODES_MAX);
    out->node = mem_new(n, sizeof(*out->node));
    out->leaf = mem_new(n, sizeof(*out->leaf));
    err = read_all(out, t);
    if (!err)
        err = settle(out, 0, 0, &end);
    if (!err && end != n)
        err = err_set(ERR_PARSE, "columns that belong to nothing");
    if (err)
        schema_free(out);
    return err;
}

void schema_free(struct schema *schema)
{
    for (size_t i = 0; schema->node && i < schema->n; i++)
        free(schema->node[i].name);
    free(schema->node);
    free(schema->leaf);
    *schema = (struct schema){.n = 0};
}
