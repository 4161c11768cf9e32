/* thrift: a cursor over Thrift's compact encoding, which Parquet's headers are in.
 *
 * Nothing is read beyond `end`: the first thing that is not there, or not as it must be, sets
 * `bad`, after which every call gives zeros and every loop ends. */

#ifndef DATA_COLUMNS_THRIFT_H
#define DATA_COLUMNS_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum thrift_type {
    THRIFT_STOP,
    THRIFT_TRUE,
    THRIFT_FALSE,
    THRIFT_I8,
    THRIFT_I16,
    THRIFT_I32,
    THRIFT_I64,
    THRIFT_DOUBLE,
    THRIFT_BINARY,
    THRIFT_LIST,
    THRIFT_SET,
    THRIFT_MAP,
    THRIFT_STRUCT
};

struct thrift {
    const uint8_t *at, *end;
    bool bad;
};

/* A field of a struct; begins as zeros, for each struct anew. */
struct thrift_field {
    int id;
    enum thrift_type type;
};

/* The next field; false at the struct's end. Its value must then be read or skipped. */
bool thrift_next(struct thrift *t, struct thrift_field *field);

/* A number of the field's width; `bad` if it is no number. */
int64_t thrift_int(struct thrift *t, const struct thrift_field *field);
bool thrift_bool(struct thrift *t, const struct thrift_field *field);

/* Bytes or text, borrowed. */
const uint8_t *thrift_binary(struct thrift *t, const struct thrift_field *field, size_t *n);

/* How many elements follow, all of `type`; `bad` if they are others, or more than there are
 * bytes left. */
size_t thrift_list(struct thrift *t, const struct thrift_field *field, enum thrift_type type);

void thrift_skip(struct thrift *t, const struct thrift_field *field);

#endif
