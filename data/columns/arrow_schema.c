/* How it works: fields are tables within tables; they are walked depth first into an array, as
 * Parquet's are. What a field's type means for its buffers (the layout) and for its values (the
 * cell) is said here once. Since a FlatBuffer may lead to one table over and over, the number of
 * nodes and the depth are bounded, not only the bytes. */
#include "data/columns/arrow_schema.h"

#include "base/mem.h"
#include "data/columns/flat.h"

#include <stdlib.h>
#include <string.h>

/* The format's numbers of types. */
enum {
    TYPE_NULL = 1,
    TYPE_INT,
    TYPE_REAL,
    TYPE_BINARY,
    TYPE_TEXT,
    TYPE_BOOL,
    TYPE_DECIMAL,
    TYPE_DATE,
    TYPE_TIME,
    TYPE_STAMP,
    TYPE_INTERVAL,
    TYPE_LIST,
    TYPE_STRUCT,
    TYPE_UNION,
    TYPE_FIXED_BINARY,
    TYPE_FIXED_LIST,
    TYPE_MAP,
    TYPE_DURATION,
    TYPE_LARGE_BINARY,
    TYPE_LARGE_TEXT,
    TYPE_LARGE_LIST,
    TYPE_RUNS,
    TYPE_BINARY_VIEW,
    TYPE_TEXT_VIEW,
    TYPE_LIST_VIEW,
    TYPE_LARGE_LIST_VIEW,
    TYPES
};

/* Numbers of 1 to 8 bytes; a sign or none. */
static enum err set_int(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    const int64_t bits = flat_int(f, type, 0, 4, 0);

    (void)kind;
    node->is_signed = flat_int(f, type, 1, 1, 0) != 0;
    if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
        return err_set(ERR_PARSE, "column '%s': numbers of %lld bits", node->name,
                       (long long)bits);
    node->layout = ARROW_FIXED;
    node->width = (size_t)bits / 8;
    node->cell.kind = bits == 64 && !node->is_signed ? CELL_UINT : CELL_INT;
    return OK;
}

/* Half, single and double precision: 2, 4 and 8 bytes. */
static enum err set_real(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    const int64_t precision = flat_int(f, type, 0, 2, 0);

    (void)kind;
    if (precision < 0 || precision > 2)
        return err_set(ERR_PARSE, "column '%s': numbers of no known size", node->name);
    node->layout = ARROW_FIXED;
    node->width = (size_t)2 << precision;
    node->cell.kind = (enum cell_kind)(CELL_HALF + precision);
    return OK;
}

/* Durations stay numbers, in their unit: JSON has no word for them, and no method reads
 * them. */
static void set_width(struct arrow_node *node, size_t width, enum cell_kind kind, int digits)
{
    node->layout = ARROW_FIXED;
    node->is_signed = true;
    node->width = width;
    node->cell.kind = kind;
    node->cell.digits = digits;
}

static enum err no_unit(const struct arrow_node *node)
{
    return err_set(ERR_PARSE, "column '%s': times of no known unit", node->name);
}

/* Days, or milliseconds, which are meant when nothing stands there. */
static enum err set_date(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    const int64_t unit = flat_int(f, type, 0, 2, 1);

    (void)kind;
    if (unit != 0 && unit != 1)
        return no_unit(node);
    set_width(node, unit ? 8 : 4, unit ? CELL_STAMP : CELL_DATE, 3);
    return OK;
}

/* The unit that is meant when none stands there differs from type to type. */
static enum err set_time(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    const int64_t unit = flat_int(f, type, 0, 2, kind == TYPE_STAMP ? 0 : 1);
    const int64_t bits = kind == TYPE_TIME ? flat_int(f, type, 1, 4, 32) : 64;
    const enum cell_kind cell = kind == TYPE_TIME    ? CELL_TIME
                                : kind == TYPE_STAMP ? CELL_STAMP
                                                     : CELL_INT;
    size_t n;

    if (unit < 0 || unit > 3 || (bits != 32 && bits != 64))
        return no_unit(node);
    set_width(node, (size_t)bits / 8, cell, 3 * (int)unit);
    node->cell.utc = kind == TYPE_STAMP && flat_text(f, type, 1, &n) && n;
    return OK;
}

/* Large lists have offsets of 8 bytes; lists of one size have none, and a count instead; those of
 * a view have lengths as well, and may lie in any order. */
static enum err set_list(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    const int64_t count = kind == TYPE_FIXED_LIST ? flat_int(f, type, 0, 4, 0) : 0;

    if (node->n_children != 1 || count < 0)
        return err_set(ERR_PARSE, "column '%s': a list of nothing", node->name);
    node->layout = kind == TYPE_FIXED_LIST                                  ? ARROW_FIXED_LIST
                   : kind == TYPE_MAP                                       ? ARROW_MAP
                   : kind == TYPE_LIST_VIEW || kind == TYPE_LARGE_LIST_VIEW ? ARROW_LIST_VIEW
                                                                            : ARROW_LIST;
    node->width = kind == TYPE_LARGE_LIST || kind == TYPE_LARGE_LIST_VIEW ? 8 : 4;
    node->count = (size_t)count;
    return OK;
}

/* Bounded, so that width times rows stays far from where size_t ends. */
static enum err set_fixed(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    const int64_t width = flat_int(f, type, 0, 4, 0);

    (void)kind;
    if (width < 0 || width > 1 << 20)
        return err_set(ERR_PARSE, "column '%s': values of %lld bytes", node->name,
                       (long long)width);
    set_width(node, (size_t)width, CELL_BYTES, 0);
    return OK;
}

static enum err set_text(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    (void)f;
    (void)type;
    node->layout = ARROW_TEXT;
    node->width = kind == TYPE_LARGE_BINARY || kind == TYPE_LARGE_TEXT ? 8 : 4;
    node->cell.kind = kind == TYPE_TEXT || kind == TYPE_LARGE_TEXT ? CELL_TEXT : CELL_BYTES;
    return OK;
}

/* As polars writes texts. */
static enum err set_view(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    (void)f;
    (void)type;
    node->layout = ARROW_VIEW;
    node->width = 16;
    node->cell.kind = kind == TYPE_TEXT_VIEW ? CELL_TEXT : CELL_BYTES;
    return OK;
}

/* Those that a layout says all of. */
static enum err set_bare(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    (void)f;
    (void)type;
    node->layout = kind == TYPE_NULL   ? ARROW_NULL
                   : kind == TYPE_BOOL ? ARROW_BITS
                                       : ARROW_STRUCT;
    node->cell.kind = kind == TYPE_BOOL ? CELL_BOOL : CELL_NULL;
    return OK;
}

/* What each type is, or what it is called when it is not read. */
static const struct {
    enum err (*set)(struct arrow_node *node, const struct flat *f, size_t type, int kind);
    const char *refused;
} types[TYPES] = {
    [TYPE_NULL] = {set_bare, NULL},          [TYPE_INT] = {set_int, NULL},
    [TYPE_REAL] = {set_real, NULL},          [TYPE_BINARY] = {set_text, NULL},
    [TYPE_TEXT] = {set_text, NULL},          [TYPE_BOOL] = {set_bare, NULL},
    [TYPE_DECIMAL] = {NULL, "a decimal"},    [TYPE_DATE] = {set_date, NULL},
    [TYPE_TIME] = {set_time, NULL},          [TYPE_STAMP] = {set_time, NULL},
    [TYPE_INTERVAL] = {NULL, "an interval"}, [TYPE_LIST] = {set_list, NULL},
    [TYPE_STRUCT] = {set_bare, NULL},        [TYPE_UNION] = {NULL, "a union"},
    [TYPE_FIXED_BINARY] = {set_fixed, NULL}, [TYPE_FIXED_LIST] = {set_list, NULL},
    [TYPE_MAP] = {set_list, NULL},           [TYPE_DURATION] = {set_time, NULL},
    [TYPE_LARGE_BINARY] = {set_text, NULL},  [TYPE_LARGE_TEXT] = {set_text, NULL},
    [TYPE_LARGE_LIST] = {set_list, NULL},    [TYPE_RUNS] = {NULL, "encoded in runs"},
    [TYPE_BINARY_VIEW] = {set_view, NULL},   [TYPE_TEXT_VIEW] = {set_view, NULL},
    [TYPE_LIST_VIEW] = {set_list, NULL},     [TYPE_LARGE_LIST_VIEW] = {set_list, NULL},
};

static enum err set_type(struct arrow_node *node, const struct flat *f, size_t table)
{
    const int kind = (uint8_t)flat_int(f, table, 2, 1, 0);
    const char *refused = "of a kind that is newer than this reader";

    if (kind < TYPES && types[kind].set)
        return types[kind].set(node, f, flat_table(f, table, 3), kind);
    if (kind < TYPES && types[kind].refused)
        refused = types[kind].refused;
    return err_set(ERR_RANGE,
                   "column '%s' is %s, which is not read; leave it out, or write it "
                   "in another type",
                   node->name, refused);
}

/* Its values are then in a batch of their own, and here are their places. */
static enum err set_code(struct arrow_node *node, const struct flat *f, size_t coding)
{
    const size_t index = flat_table(f, coding, 1);
    const int64_t bits = index ? flat_int(f, index, 0, 4, 0) : 32;

    if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
        return err_set(ERR_PARSE, "column '%s': places of %lld bits", node->name,
                       (long long)bits);
    node->coded = true;
    node->id = flat_int(f, coding, 0, 8, 0);
    node->code_width = (size_t)bits / 8;
    node->code_signed = !index || flat_int(f, index, 1, 1, 0);
    return OK;
}

/* A name is text or nothing at all (a list's child may have none). */
static enum err set_name(struct arrow_node *node, const struct flat *f, size_t table)
{
    size_t n = 0;
    const uint8_t *text = flat_text(f, table, 0, &n);
    const enum err err = text ? cell_name(text, n) : OK;

    if (err)
        return err;
    node->name = mem_new(n + 1, 1);
    if (n)
        memcpy(node->name, text, n);
    return OK;
}

/* Names tell a struct's members apart. */
static enum err check_names(const struct arrow_schema *s, size_t at)
{
    const size_t end = s->node[at].next;

    for (size_t a = at + 1; a < end; a = s->node[a].next)
        for (size_t b = s->node[a].next; b < end; b = s->node[b].next)
            if (!strcmp(s->node[a].name, s->node[b].name))
                return err_set(ERR_PARSE, "two columns are called '%s'", s->node[a].name);
    return OK;
}

static enum err walk(struct arrow_schema *s, const struct flat *f, size_t table, int deep);

/* `n` fields of a vector, as the children of node `at`. */
static enum err walk_all(struct arrow_schema *s, const struct flat *f, size_t at, size_t first,
                         int deep)
{
    enum err err = OK;

    for (size_t i = 0; i < s->node[at].n_children && !err; i++)
        err = walk(s, f, flat_element(f, first, i), deep + 1);
    s->node[at].next = s->n;
    if (!err && s->node[at].layout == ARROW_STRUCT)
        err = check_names(s, at);
    return err;
}

/* Room is doubled; pointers to nodes do not outlive a call of this. */
static enum err grow(struct arrow_schema *s)
{
    if (s->n == ARROW_SCHEMA_NODES_MAX)
        return err_set(ERR_RANGE, "more than %d columns", ARROW_SCHEMA_NODES_MAX);
    if (!(s->n & (s->n - 1))) /* doubled at each power of two */
        s->node = mem_grow(s->node, s->n ? 2 * s->n : 1, sizeof(*s->node));
    memset(&s->node[s->n++], 0, sizeof(*s->node));
    return OK;
}

/* Only what is nested has children; a map's child is a struct of a key and a value. */
static enum err check_children(const struct arrow_schema *s, size_t at)
{
    const struct arrow_node *pair = &s->node[at + 1]; /* looked at if there is one */

    if (s->node[at].layout < ARROW_LIST && s->node[at].n_children)
        return err_set(ERR_PARSE, "column '%s': parts of a plain value", s->node[at].name);
    if (s->node[at].layout == ARROW_MAP &&
        (pair->layout != ARROW_STRUCT || pair->n_children != 2 || pair->coded))
        return err_set(ERR_PARSE, "column '%s': a map without pairs", s->node[at].name);
    return OK;
}

/* The node's own facts first, then its children behind it: `next` needs their number. */
static enum err walk(struct arrow_schema *s, const struct flat *f, size_t table, int deep)
{
    const size_t at = s->n;
    size_t first, coding;
    enum err err;

    if (deep == ARROW_SCHEMA_DEEP_MAX)
        return err_set(ERR_RANGE, "columns nested more than %d deep", ARROW_SCHEMA_DEEP_MAX);
    if (!table)
        return err_set(ERR_PARSE, "the schema is damaged");
    err = grow(s);
    if (err)
        return err;
    err = set_name(&s->node[at], f, table);
    first = flat_vector(f, table, 5, 4, &s->node[at].n_children);
    if (!err)
        err = set_type(&s->node[at], f, table);
    coding = flat_table(f, table, 4);
    if (!err && coding)
        err = set_code(&s->node[at], f, coding);
    if (!err)
        err = walk_all(s, f, at, first, deep);
    return err ? err : check_children(s, at);
}

/* Big-endian streams exist, but no writer of data sets makes them. */
enum err arrow_schema_read(struct arrow_schema *out, const struct flat *f, size_t table)
{
    size_t first;
    enum err err;

    *out = (struct arrow_schema){.n = 0};
    if (flat_int(f, table, 0, 2, 0))
        return err_set(ERR_RANGE, "its numbers are big-endian, which is not read");
    err = grow(out);
    if (err)
        return err;
    out->node[0].name = mem_text("");
    out->node[0].layout = ARROW_STRUCT;
    first = flat_vector(f, table, 1, 4, &out->node[0].n_children);
    err = out->node[0].n_children ? walk_all(out, f, 0, first, 0)
                                  : err_set(ERR_PARSE, "holds no column");
    if (err)
        arrow_schema_free(out);
    return err;
}

void arrow_schema_free(struct arrow_schema *schema)
{
    for (size_t i = 0; i < schema->n; i++)
        free(schema->node[i].name);
    free(schema->node);
    *schema = (struct arrow_schema){.n = 0};
}
