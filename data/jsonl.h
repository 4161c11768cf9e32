/* jsonl: one JSON object a line, plain, gzip or zstd, read one line at a time.
 *
 * Bytes from outside become objects here, whole or not at all. Empty lines are skipped, a byte
 * order mark at the start as well. */

#ifndef DATA_JSONL_H
#define DATA_JSONL_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

enum { JSONL_LINE_MAX = 64 << 20 };

struct jsonl;

/* Why a text of people's was not read as JSON: what JSON allows and drover does not hold
 * (integers beyond 64 bits, the character U+0000) is not called "not JSON". Puts no place
 * before it. ERR_PARSE. */
enum err jsonl_refused(const json_error_t *why);

/* Opens a .jsonl or .json file of lines, packed or not (told by its content). Errors: ERR_IO
 * (words name path and reason). */
enum err jsonl_open(struct jsonl **out, const char *path) MUST_CHECK;
void jsonl_close(struct jsonl *file); /* NULL is fine */

/* The next line's object, owned by the caller; NULL at the end of the file. Errors: ERR_PARSE
 * (words: path:line: reason; the next call goes on with the next line), ERR_RANGE (a line
 * longer than JSONL_LINE_MAX), ERR_IO (unreadable or cut off): after these two, no
 * going on. */
enum err jsonl_next(struct jsonl *file, json_t **out) MUST_CHECK;

/* Number of the line that the last jsonl_next returned or refused, from 1. */
long jsonl_line(const struct jsonl *file);
const char *jsonl_path(const struct jsonl *file);

#endif
