/* values: the values of one Parquet page, decoded one at a time; nulls are not among them. */

#ifndef DATA_COLUMNS_VALUES_H
#define DATA_COLUMNS_VALUES_H

#include "base/err.h"
#include "data/columns/delta.h"
#include "data/columns/hybrid.h"
#include "data/columns/schema.h"

#include <stddef.h>
#include <stdint.h>

/* Parquet's numbers. */
enum values_encoding {
    VALUES_PLAIN = 0,
    VALUES_PLAIN_DICTIONARY = 2,
    VALUES_RLE = 3,
    VALUES_BIT_PACKED = 4,
    VALUES_DELTA = 5,
    VALUES_DELTA_LENGTH = 6,
    VALUES_DELTA_BYTES = 7,
    VALUES_DICTIONARY = 8,
    VALUES_STREAMS = 9
};

/* The values that a column's pages name by number. */
struct values_dictionary {
    uint8_t *bytes;
    size_t n, count;
    uint32_t *start; /* [count] of texts, behind their lengths; NULL: all of one width */
};

struct values {
    enum values_encoding encoding;
    enum schema_physical type;
    size_t width; /* of a fixed value */
    const uint8_t *at, *end;
    size_t streams, taken; /* VALUES_STREAMS: values in all, and given */
    int bit;               /* plain truth values */
    struct hybrid places;  /* numbers of the dictionary, or truth values */
    struct delta first, second;
    const struct values_dictionary *dictionary; /* borrowed; NULL: none came */
    uint8_t *scratch; /* a value that does not stand in the page as it is */
    size_t room,
        n_scratch; /* n_scratch: of the value before, whose front VALUES_DELTA_BYTES takes */
};

/* Bytes of the page from the first value on; the page must outlive it, the scratch stays from
 * page to page. Errors: ERR_IO (damaged), ERR_RANGE (an encoding that is not read, by number). */
enum err values_begin(struct values *v, const struct schema_node *leaf, int64_t encoding,
                      const uint8_t *at, size_t n,
                      const struct values_dictionary *dictionary) MUST_CHECK;
void values_free(struct values *v);

/* The next value's bytes, valid until the next call: a truth value is a byte, numbers are
 * little-endian of their width. Errors: ERR_IO (damaged, or fewer values than the page said). */
enum err values_next(struct values *v, const uint8_t **bytes, size_t *n) MUST_CHECK;

/* A dictionary page's values: takes `bytes` (n of them, of malloc) whatever it returns. Errors:
 * ERR_IO. */
enum err values_dictionary(struct values_dictionary *out, const struct schema_node *leaf,
                           uint8_t *bytes, size_t n, int64_t count) MUST_CHECK;
void values_dictionary_free(struct values_dictionary *dictionary);

#endif
