/* rows: the objects of a file, whether it is one object a line or one JSON document.
 *
 * A file of lines is read line by line (data/jsonl.h). A .json file whose first line is not an
 * object of its own is read whole: a list gives its items, an object gives itself. Either may
 * be gzip. */

#ifndef DATA_ROWS_H
#define DATA_ROWS_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

enum { ROWS_WHOLE_MAX = 256 << 20 }; /* bytes of a file that is read whole */

struct rows;

/* Errors: those of jsonl_open; ERR_PARSE, ERR_RANGE for a document. */
enum err rows_open(struct rows **out, const char *path) MUST_CHECK;
void rows_close(struct rows *rows); /* NULL is fine */

/* The next object, owned by the caller; NULL at the end. Errors: those of jsonl_next; ERR_PARSE
 * for an item that is no object (the next call goes on behind it). */
enum err rows_next(struct rows *rows, json_t **out) MUST_CHECK;

/* Line (or item, from 1) that the last rows_next returned or refused. */
long rows_line(const struct rows *rows);

/* Puts "path:line: " before the standing words. */
enum err rows_at(const struct rows *rows);

/* A whole JSON document, gzip or plain. Errors: ERR_IO, ERR_PARSE, ERR_RANGE; words name the
 * path. */
enum err rows_document(json_t **out, const char *path) MUST_CHECK;

#endif
