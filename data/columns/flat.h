/* flat: a reader of FlatBuffers, which Arrow's metadata are in.
 *
 * A place is an offset into the buffer, 0 none. Whatever lies outside gives the default or 0. */

#ifndef DATA_COLUMNS_FLAT_H
#define DATA_COLUMNS_FLAT_H

#include <stddef.h>
#include <stdint.h>

struct flat {
    const uint8_t *at;
    size_t n;
};

size_t flat_root(const struct flat *f); /* the table that the buffer is about */

/* Field `id` of a table as a number of 1, 2, 4 or 8 bytes, with its sign; `missing` when it is
 * not there. */
int64_t flat_int(const struct flat *f, size_t table, int id, size_t width, int64_t missing);

/* The table, text or vector that field `id` points to. */
size_t flat_table(const struct flat *f, size_t table, int id);
const uint8_t *flat_text(const struct flat *f, size_t table, int id,
                         size_t *n); /* NULL: none */

/* Elements of a vector of fixed size: the first one's place; *count of them lie within. */
size_t flat_vector(const struct flat *f, size_t table, int id, size_t size, size_t *count);

/* Element i of a vector of tables that begins at `first`. */
size_t flat_element(const struct flat *f, size_t first, size_t i);

int64_t flat_word(const struct flat *f, size_t at); /* 8 bytes */

#endif
