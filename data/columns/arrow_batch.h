/* arrow_batch: the arrays of one record batch or dictionary; arrow_value takes values from them. */

#ifndef DATA_COLUMNS_ARROW_BATCH_H
#define DATA_COLUMNS_ARROW_BATCH_H

#include "base/err.h"
#include "data/columns/arrow_schema.h"

#include <stddef.h>
#include <stdint.h>

struct flat;

enum { ARROW_BATCH_MAX = 1 << 30 }; /* bytes of its body, and of what is unpacked */

struct arrow_buffer {
    const uint8_t *at;
    size_t n;
};

struct arrow_array {
    int64_t length;
    struct arrow_buffer valid; /* bits; none: all are there */
    struct arrow_buffer first; /* values, places or offsets */
    struct arrow_buffer texts; /* or the lengths of a view's lists */
    size_t view, n_views;      /* of the batch's */
};

/* The arrays of a node and of all below it. Begins as zeros. */
struct arrow_batch {
    size_t node; /* the first one's */
    int64_t rows;
    struct arrow_array *array; /* of node, node + 1, …; NULL: nothing is loaded */
    uint8_t *body;             /* owned */
    uint8_t **unpacked;        /* [n_unpacked] buffers that were packed */
    size_t n_unpacked, bytes;
    struct arrow_buffer *view; /* [n_views] where views lead, column after column */
    size_t n_views;
};

/* The values that coded columns name, or a part of them: there may be more of one id, each of
 * which goes on where the one before it ended. */
struct arrow_dictionary {
    int64_t id, first; /* how many values stand in the parts before */
    struct arrow_batch batch;
};

/* Loads from a record batch's table and its body (n bytes, taken whatever it returns); `coded`:
 * the root node's own places are meant, not its dictionary. What was loaded before is gone.
 * Errors: ERR_IO (damaged), ERR_RANGE (a codec that is not read, too large). */
enum err arrow_batch_load(struct arrow_batch *batch, const struct arrow_schema *schema,
                          size_t node, const struct flat *f, size_t table, uint8_t *body,
                          size_t n) MUST_CHECK;
void arrow_batch_free(struct arrow_batch *batch);

#endif
