/* parquet: the rows of a Parquet file, one at a time.
 *
 * Read: pages of both versions; PLAIN, dictionaries, RLE, the three DELTA encodings,
 * BYTE_STREAM_SPLIT; snappy, gzip, zstd, both kinds of LZ4; lists, maps and structs. Refused by
 * name: brotli, LZO, encryption, INT96, decimals, intervals. Values: cell.h. Memory: a page and a
 * dictionary a column, whatever the size of the file or of its row groups. */

#ifndef DATA_COLUMNS_PARQUET_H
#define DATA_COLUMNS_PARQUET_H

#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

struct bytes;
struct parquet;

/* Takes `file`, whatever it returns. Errors: footer.h's. */
enum err parquet_open(struct parquet **out, struct bytes *file) MUST_CHECK;
void parquet_close(struct parquet *file); /* NULL is fine */

/* The next row, owned by the caller; NULL at the end. Errors: ERR_PARSE (a value that JSON cannot
 * say, words name the column; the next call goes on behind the row); ERR_IO (damaged or
 * unreadable), ERR_RANGE (an encoding that is not read, too large a page or row): no going on. */
enum err parquet_next(struct parquet *file, json_t **out) MUST_CHECK;

int64_t parquet_row(const struct parquet *file); /* of the last parquet_next, from 1 */

#endif
