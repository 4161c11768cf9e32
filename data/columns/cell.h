/* cell: one value of a column as JSON, the same for every format of columns.
 *
 * Numbers and truth values are themselves, texts must be UTF-8 without U+0000, a missing value
 * and a number that is none (NaN, how data frames say "missing") are null, dates and times are
 * text as Python's isoformat gives it (those with a zone in UTC), lists and structs are lists
 * and objects. A struct within a record has only the members that are not null: its column has
 * the keys of all structs in it, and null stands for the ones that this one lacks (with
 * TRL, people strip them by hand). */

#ifndef DATA_COLUMNS_CELL_H
#define DATA_COLUMNS_CELL_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CELL_ROW_MAX = 64 << 20 }; /* bytes of a record: its texts, and some for each value */

enum cell_kind {
    CELL_NULL, /* nothing but nulls */
    CELL_BOOL,
    CELL_INT,
    CELL_UINT, /* 64 bits without a sign */
    CELL_HALF, /* IEEE numbers of 2, 4 and 8 bytes */
    CELL_SINGLE,
    CELL_DOUBLE,
    CELL_TEXT,
    CELL_BYTES, /* what is UTF-8 is text */
    CELL_UUID,  /* 16 bytes */
    CELL_DATE,  /* days since 1970 */
    CELL_TIME,  /* of a day */
    CELL_STAMP  /* since 1970 */
};

struct cell_type {
    enum cell_kind kind;
    int digits; /* of times: below the second: 0, 3, 6 or 9 */
    bool utc;   /* of stamps */
};

/* The record that is being made. */
struct cell_row {
    size_t left;     /* of CELL_ROW_MAX */
    char flaw[160];  /* why the record is left out; "" none. The first one stands. */
    const char *at;  /* the record's column that is being read, for words */
    enum err broken; /* ERR_RANGE: larger than a record may be: no going on */
};

void cell_begin(struct cell_row *row);

/* OK, or what became of the record as an error: ERR_PARSE for a flaw, ERR_RANGE for its size. */
enum err cell_end(const struct cell_row *row) MUST_CHECK;

/* Hands a record out that was read with `err`, NULL behind the last one; one with an error or a
 * flaw is dropped. An error after which nothing can be read on stands in *over from then on. */
enum err cell_give(const struct cell_row *row, enum err err, json_t *record, json_t **out,
                   enum err *over) MUST_CHECK;

/* Each a new reference, null where the record has a flaw; never NULL. */
json_t *cell_null(struct cell_row *row);
json_t *cell_int(struct cell_row *row, const struct cell_type *type, int64_t value);
json_t *cell_real(struct cell_row *row, double value);
/* n is 2, 4 or 8 for the IEEE kinds, little-endian. */
json_t *cell_bytes(struct cell_row *row, const struct cell_type *type, const uint8_t *bytes,
                   size_t n);

/* Counts a list or a struct; false when the record is full. */
bool cell_take(struct cell_row *row, size_t bytes);

/* A map's pair into its object: keys are texts, each once, else the record has a flaw. Takes
 * both references. */
void cell_pair(struct cell_row *row, json_t *object, json_t *key, json_t *value);

/* A name of a column. Errors: ERR_PARSE: no UTF-8, or U+0000 within it. */
enum err cell_name(const uint8_t *bytes, size_t n) MUST_CHECK;

#endif
