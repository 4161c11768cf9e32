/* unpack: the bytes of a text file, unpacked where it is gzip or zstd (told by its content). */

#ifndef DATA_UNPACK_H
#define DATA_UNPACK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct unpack;

/* Errors: ERR_IO (words name path and reason). */
enum err unpack_open(struct unpack **out, const char *path) MUST_CHECK;
void unpack_close(struct unpack *file); /* NULL is fine */

/* Up to `room` unpacked bytes; *n is 0 at the end only. Errors: ERR_IO (words without the
 * path): unreadable, cut off or damaged; no going on. */
enum err unpack_read(struct unpack *file, char *to, size_t room, size_t *n) MUST_CHECK;

/* The next line up to and without its newline, the bytes as they are, zeros among them; it
 * lives until the next call. *end: there was none left. Errors: unpack_read's; ERR_RANGE for
 * one of more than `limit` bytes. */
enum err unpack_line(struct unpack *file, char **line, size_t *n, size_t limit,
                     bool *end) MUST_CHECK;

#endif
