/* record_fields: a payload as a table of its fields, from which writing, reading and freeing
 * follow. Knows no kind of record: the tables are record.c's.
 *
 * Little-endian, without gaps, in the order of the table. */

#ifndef LEARNER_JOURNAL_RECORD_FIELDS_H
#define LEARNER_JOURNAL_RECORD_FIELDS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum record_field_kind {
    RECORD_U32,
    RECORD_U64,
    RECORD_BYTES,  /* `width` bytes as they are: ids, hashes */
    RECORD_TEXT,   /* char *, its own; NULL is "". u32 count, bytes */
    RECORD_STRUCT, /* a struct inside: the fields `of` */
    RECORD_COUNT,  /* uint32_t: the elements of the columns behind it that name it */
    RECORD_COLUMN, /* pointer to [count] numbers of `width` bytes, 1 or 4; the count stood before */
    RECORD_LIST,  /* pointer to [count] structs: u32 count, then the fields `of` of each */
    RECORD_EACH,  /* of a list that stood before: further fields `of` of each */
    RECORD_LATER, /* not in records of version 1, which may end here */
};

struct record_table;
struct record_field {
    enum record_field_kind kind;
    size_t offset, count, width; /* of the member; of its count; bytes */
    const struct record_table *of;
};
struct record_table {
    size_t size; /* of the struct */
    const struct record_field *field;
    int n;
};

/* Bytes in the making; zeroed at first, freed with record_bytes_fini. */
struct record_bytes {
    uint8_t *byte;
    size_t n, room;
};

/* Appends the object's fields. */
void record_fields_write(struct record_bytes *to, const struct record_table *table,
                         const void *object);
/* Fills `object` (zeroed here) from n bytes, all of them; what it points to is its own. On an
 * error nothing is left to free. Errors: ERR_PARSE (cut short, bytes left over; `what` says of
 * which record). */
enum err record_fields_read(void *object, const struct record_table *table, const uint8_t *from,
                            size_t n, const char *what) MUST_CHECK;
/* Frees what the object points to, and zeroes it. */
void record_fields_fini(void *object, const struct record_table *table);

void record_fields_bytes_fini(struct record_bytes *bytes);

#endif
