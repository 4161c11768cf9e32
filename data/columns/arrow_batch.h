/* arrow_batch: the arrays of one record batch or dictionary, and their values. */

#ifndef DATA_COLUMNS_ARROW_BATCH_H
#define DATA_COLUMNS_ARROW_BATCH_H

#include "base/err.h"
#include "data/columns/arrow_schema.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct flat;
struct cell_row;

enum { ARROW_BATCH_MAX = 1 << 30 }; /* bytes, unpacked */

struct arrow_array;

/* The arrays of a node and of all below it. Begins as zeros. */
struct arrow_batch {
    size_t node; /* the first one's */
    int64_t rows;
    struct arrow_array *array; /* of node, node + 1, …; NULL: nothing is loaded */
    uint8_t *body;             /* owned */
    uint8_t **unpacked;        /* [n_unpacked] buffers that were packed */
    size_t n_unpacked, bytes;
};

/* The values that coded columns name. */
struct arrow_dictionary {
    int64_t id;
    struct arrow_batch batch;
};

/* What a value is taken from. */
struct arrow_values {
    const struct arrow_schema *schema;
    const struct arrow_dictionary *dictionary; /* [n_dictionaries] */
    size_t n_dictionaries;
    struct cell_row *cells;
};

/* Loads from a record batch's table and its body (n bytes, taken whatever it returns); `coded`:
 * the root node's own places are meant, not its dictionary. What was loaded before is gone.
 * Errors: ERR_IO (damaged), ERR_RANGE (a codec that is not read, too large). */
enum err arrow_batch_load(struct arrow_batch *batch, const struct arrow_schema *schema,
                          size_t node, const struct flat *f, size_t table, uint8_t *body,
                          size_t n) MUST_CHECK;
void arrow_batch_free(struct arrow_batch *batch);

/* Row i of the batch's first node. Errors: ERR_IO (damaged). A value that JSON cannot say, or a
 * record that is too large, stands in `cells`. */
enum err arrow_batch_value(const struct arrow_values *from, const struct arrow_batch *batch,
                           int64_t i, json_t **out) MUST_CHECK;

#endif
