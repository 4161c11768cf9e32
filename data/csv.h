/* csv: the rows of a CSV file (RFC 4180), plain, gzip or zstd; the first line names the columns. Where
 * that has no comma but semicolons or tabs, as spreadsheets of many countries write it, those are
 * what stands between fields, and this is said once.
 *
 * Types are those that `datasets` infers: a column whose first ROWS values are all whole numbers,
 * numbers or truth values is one of those, else it is text; what data frames take for missing
 * ("", NA, null, NaN and kin) is null, and a column of whole numbers with some missing is one of
 * fractions. */

#ifndef DATA_CSV_H
#define DATA_CSV_H

#include "base/err.h"

#include <jansson.h>

struct csv;

/* `separator` is a tab, or ',': as the first line tells. Errors: ERR_IO, ERR_PARSE (no header). */
enum err csv_open(struct csv **out, const char *path, char separator) MUST_CHECK;
void csv_close(struct csv *file); /* NULL is fine */

/* The next row, owned by the caller; NULL at the end. Errors: ERR_PARSE (too many fields, no
 * UTF-8, a value that its column's type is not; the next call goes on behind it); ERR_IO,
 * ERR_RANGE (a record longer than JSONL_LINE_MAX): no going on. Words begin with "path:line: ". */
enum err csv_next(struct csv *file, json_t **out) MUST_CHECK;

/* Line on which the last row began, from 1. */
long csv_line(const struct csv *file);

#endif
