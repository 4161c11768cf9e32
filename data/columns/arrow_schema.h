/* arrow_schema: the columns of an Arrow stream as a tree. */

#ifndef DATA_COLUMNS_ARROW_SCHEMA_H
#define DATA_COLUMNS_ARROW_SCHEMA_H

#include "base/err.h"
#include "data/columns/cell.h"

#include <stddef.h>

struct flat;

enum { ARROW_SCHEMA_NODES_MAX = 8192, ARROW_SCHEMA_DEEP_MAX = 48 };

/* How a column's values lie in its buffers. */
enum arrow_layout {
    ARROW_NULL,
    ARROW_BITS,       /* truth values */
    ARROW_FIXED,      /* `width` bytes each */
    ARROW_TEXT,       /* offsets of `width` bytes, then bytes */
    ARROW_VIEW,       /* 16 bytes each: a short text, or where a long one lies */
    ARROW_LIST,       /* offsets of `width` bytes into the child */
    ARROW_LIST_VIEW,  /* offsets of `width` bytes and as many lengths */
    ARROW_FIXED_LIST, /* `count` of the child each */
    ARROW_STRUCT,
    ARROW_MAP /* a list of pairs */
};

struct arrow_node {
    char *name;
    enum arrow_layout layout;
    struct cell_type cell;
    size_t width, count;
    bool is_signed;          /* of whole numbers */
    size_t n_children, next; /* children lie behind it; `next` is the first node beyond them */
    bool coded;              /* what lies in the batch are places in dictionary `id` */
    int64_t id;
    size_t code_width;
    bool code_signed;
};

struct arrow_schema {
    struct arrow_node *node; /* [n], the root first, a struct of all columns */
    size_t n;
};

/* From a schema message's table. Errors: ERR_PARSE; ERR_RANGE names the column of a type that is
 * not read. On an error *out holds nothing. */
enum err arrow_schema_read(struct arrow_schema *out, const struct flat *f,
                           size_t table) MUST_CHECK;
void arrow_schema_free(struct arrow_schema *schema);

#endif
