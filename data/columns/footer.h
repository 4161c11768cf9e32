/* footer: what a Parquet file says of itself at its end: columns, row groups, chunks. */

#ifndef DATA_COLUMNS_FOOTER_H
#define DATA_COLUMNS_FOOTER_H

#include "base/err.h"
#include "data/columns/codec.h"
#include "data/columns/schema.h"

#include <stddef.h>
#include <stdint.h>

struct bytes;

enum { FOOTER_BYTES_MAX = 64 << 20 };
#define FOOTER_ROWS_MAX ((int64_t)1 << 32)

/* A leaf's pages within one row group: bytes at..end of the file, which lie within it. */
struct footer_chunk {
    enum codec codec;
    uint64_t at, end;
    int64_t values; /* nulls and empty lists are counted, too */
};

struct footer_group {
    int64_t rows;
    struct footer_chunk *chunk; /* [schema.n_leaves] */
};

struct footer {
    struct schema schema;
    struct footer_group *group; /* [n_groups] */
    size_t n_groups;
};

/* Errors: ERR_IO, ERR_PARSE (no Parquet file, or damaged), ERR_RANGE (an encryption, codec or
 * type that is not read, by name). On an error *out holds nothing. */
enum err footer_read(struct footer *out, struct bytes *file) MUST_CHECK;
void footer_free(struct footer *footer);

#endif
