/* arrow_value: values out of the arrays of a batch. */

#ifndef DATA_COLUMNS_ARROW_VALUE_H
#define DATA_COLUMNS_ARROW_VALUE_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct arrow_batch;
struct arrow_dictionary;
struct arrow_schema;
struct cell_row;

/* What a value is taken from. */
struct arrow_values {
    const struct arrow_schema *schema;
    const struct arrow_dictionary *dictionary; /* [n_dictionaries] */
    size_t n_dictionaries;
    struct cell_row *cells;
};

/* Row i of the batch's first node. Errors: ERR_IO (damaged). A value that JSON cannot say, or a
 * record that is too large, stands in `cells`. */
enum err arrow_value_row(const struct arrow_values *from, const struct arrow_batch *batch,
                         int64_t i, json_t **out) MUST_CHECK;

#endif
