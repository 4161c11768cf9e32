/* arrow: the rows of an Arrow file, one at a time: of a stream, as `save_to_disk` and the cache
 * of `datasets` write it, or of the file form (Feather version 2).
 *
 * Refused by name: decimals, intervals, unions, runs, big-endian numbers. Values: cell.h.
 * Memory: a batch and all
 * dictionaries. */

#ifndef DATA_COLUMNS_ARROW_H
#define DATA_COLUMNS_ARROW_H

#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

struct arrow;
struct bytes;

/* Takes `file`, whatever it returns. Errors: ERR_IO, ERR_PARSE, ERR_RANGE. */
enum err arrow_open(struct arrow **out, struct bytes *file) MUST_CHECK;
void arrow_close(struct arrow *file); /* NULL is fine */

/* As parquet_next. */
enum err arrow_next(struct arrow *file, json_t **out) MUST_CHECK;

int64_t arrow_row(const struct arrow *file); /* of the last arrow_next, from 1 */

#endif
