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

static enum err not_read(const struct arrow_node *node, const char *what)
{
    return err_set(ERR_RANGE,
                   "column '%s' is %s, which is not read; leave it out, or write it "
                   "in another type",
                   node->name, what);
}

/* Numbers of 1 to 8 bytes; a sign or none. */
static enum err set_int(struct arrow_node *node, const struct flat *f, size_t type)
{
    const int64_t bits = flat_int(f, type, 0, 4, 0);

    node->is_signed = flat_int(f, type, 1, 1, 0) != 0;
    if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
        return err_set(ERR_PARSE, "column '%s': numbers of %lld bits", node->name,
                       (long long)bits);
    node->layout = ARROW_FIXED;
    node->width = (size_t)bits / 8;
    node->cell.kind = bits == 64 && !node->is_signed ? CELL_UINT : CELL_INT;
    return OK;
}

static enum err set_real(struct arrow_node *node, const struct flat *f, size_t type)
{
    const int64_t precision = flat_int(f, type, 0, 2, 0);

    if (precision < 0 || precision > 2)
        return err_set(ERR_PARSE, "column '%s': numbers of no known size", node->name);
    node->layout = ARROW_FIXED;
    node->width = (size_t)2 << precision;
    node->cell.kind = (enum cell_kind)(CELL_HALF + precision);
    return OK;
}

/* The unit that is meant when none stands there differs from type to type. */
static enum err set_time(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    const bool date = kind == TYPE_DATE;
    const int64_t unit = flat_int(f, type, 0, 2, kind == TYPE_STAMP ? 0 : 1);
    const int64_t bits = kind == TYPE_TIME ? flat_int(f, type, 1, 4, 32) : 64;
    size_t n;

    if (unit < 0 || unit > 3 || (date && unit > 1) || (bits != 32 && bits != 64))
        return err_set(ERR_PARSE, "column '%s': times of no known unit", node->name);
    node->layout = ARROW_FIXED;
    node->is_signed = true;
    node->width = (date && !unit) || bits == 32 ? 4 : 8;
    node->cell.digits = date ? 3 : 3 * (int)unit;
    node->cell.kind = kind == TYPE_TIME       ? CELL_TIME
                      : kind == TYPE_DURATION ? CELL_INT
                      : date && !unit         ? CELL_DATE
                                              : CELL_STAMP;
    node->cell.utc = kind == TYPE_STAMP && flat_text(f, type, 1, &n) && n;
    return OK;
}

static enum err set_list(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    const int64_t count = kind == TYPE_FIXED_LIST ? flat_int(f, type, 0, 4, 0) : 0;

    if (node->n_children != 1 || count < 0)
        return err_set(ERR_PARSE, "column '%s': a list of nothing", node->name);
    node->layout = kind == TYPE_FIXED_LIST ? ARROW_FIXED_LIST
                   : kind == TYPE_MAP      ? ARROW_MAP
                                           : ARROW_LIST;
    node->width = kind == TYPE_LARGE_LIST ? 8 : 4;
    node->count = (size_t)count;
    return OK;
}

static enum err set_bytes(struct arrow_node *node, const struct flat *f, size_t type, int kind)
{
    const int64_t width = kind == TYPE_FIXED_BINARY ? flat_int(f, type, 0, 4, 0) : 0;

    if (width < 0 || width > 1 << 20)
        return err_set(ERR_PARSE, "column '%s': values of %lld bytes", node->name,
                       (long long)width);
    node->layout = kind == TYPE_FIXED_BINARY ? ARROW_FIXED : ARROW_TEXT;
    node->width = kind == TYPE_FIXED_BINARY                              ? (size_t)width
                  : kind == TYPE_LARGE_BINARY || kind == TYPE_LARGE_TEXT ? 8
                                                                         : 4;
    node->cell.kind = kind == TYPE_TEXT || kind == TYPE_LARGE_TEXT ? CELL_TEXT : CELL_BYTES;
    return OK;
}

static enum err set_type(struct arrow_node *node, const struct flat *f, size_t table)
{
    static const char *const refused[TYPES] = {[TYPE_DECIMAL] = "a decimal",
                                               [TYPE_INTERVAL] = "an interval",
                                               [TYPE_UNION] = "a union",
                                               [TYPE_RUNS] = "encoded in runs",
                                               [TYPE_BINARY_VIEW] = "a view of bytes",
                                               [TYPE_TEXT_VIEW] = "a view of texts",
                                               [TYPE_LIST_VIEW] = "a view of lists",
                                               [TYPE_LARGE_LIST_VIEW] = "a view of lists"};
    const int64_t kind = (uint8_t)flat_int(f, table, 2, 1, 0);
    const size_t type = flat_table(f, table, 3);

    switch (kind) {
    case TYPE_NULL:
        node->layout = ARROW_NULL;
        return OK;
    case TYPE_BOOL:
        node->layout = ARROW_BITS;
        node->cell.kind = CELL_BOOL;
        return OK;
    case TYPE_INT:
        return set_int(node, f, type);
    case TYPE_REAL:
        return set_real(node, f, type);
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_STAMP:
    case TYPE_DURATION:
        return set_time(node, f, type, (int)kind);
    case TYPE_STRUCT:
        node->layout = ARROW_STRUCT;
        return OK;
    case TYPE_LIST:
    case TYPE_LARGE_LIST:
    case TYPE_FIXED_LIST:
    case TYPE_MAP:
        return set_list(node, f, type, (int)kind);
    case TYPE_BINARY:
    case TYPE_TEXT:
    case TYPE_LARGE_BINARY:
    case TYPE_LARGE_TEXT:
    case TYPE_FIXED_BINARY:
        return set_bytes(node, f, type, (int)kind);
    default:
        return not_read(node, kind > 0 && kind < TYPES && refused[kind]
                                  ? refused[kind]
                                  : "of a kind that is newer than this reader");
    }
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
