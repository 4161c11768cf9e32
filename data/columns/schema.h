/* schema: the columns of a Parquet file as a tree, and where the leaves' levels begin. */

#ifndef DATA_COLUMNS_SCHEMA_H
#define DATA_COLUMNS_SCHEMA_H

#include "base/err.h"
#include "data/columns/cell.h"

#include <stddef.h>

struct thrift;
struct thrift_field;

enum { SCHEMA_NODES_MAX = 8192, SCHEMA_DEEP_MAX = 48, SCHEMA_WIDTH_MAX = 1 << 20 };

enum schema_repetition { SCHEMA_REQUIRED, SCHEMA_OPTIONAL, SCHEMA_REPEATED };

/* What a node's value becomes. */
enum schema_form {
    SCHEMA_LEAF,
    SCHEMA_STRUCT,
    SCHEMA_LIST, /* a group around one repeated node, whose elements are the list */
    SCHEMA_MAP   /* a group around a repeated pair */
};

/* Parquet's physical types. */
enum schema_physical {
    SCHEMA_BOOLEAN,
    SCHEMA_INT32,
    SCHEMA_INT64,
    SCHEMA_INT96,
    SCHEMA_FLOAT,
    SCHEMA_DOUBLE,
    SCHEMA_BYTE_ARRAY,
    SCHEMA_FIXED
};

struct schema_node {
    char *name;
    enum schema_repetition repetition;
    enum schema_form form;
    int def, rep;            /* levels at which a value of it is there, and repeats */
    size_t n_children, next; /* children lie behind it; `next` is the first node beyond them */
    size_t leaf, n_leaves;   /* leaves below it, counted in order */
    bool bare;               /* of a list's repeated group: its only child is the element */
    enum schema_physical type; /* of a leaf */
    size_t width;              /* bytes of a fixed value; 0: each says its own */
    bool narrow;               /* 32 bits without a sign */
    struct cell_type cell;
};

struct schema {
    struct schema_node *node; /* [n], the root first, depth first */
    size_t n, n_leaves;
    size_t *leaf; /* [n_leaves] their nodes */
};

/* From the footer's list of elements. Errors: ERR_PARSE; ERR_RANGE names the column of a type
 * that is not read. On an error *out holds nothing. */
enum err schema_read(struct schema *out, struct thrift *t,
                     const struct thrift_field *field) MUST_CHECK;
void schema_free(struct schema *schema);

#endif
