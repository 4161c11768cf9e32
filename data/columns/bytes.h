/* bytes: a file that is read at places, or memory in its stead. */

#ifndef DATA_COLUMNS_BYTES_H
#define DATA_COLUMNS_BYTES_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct bytes;

/* Errors: ERR_IO (words name path and reason). */
enum err bytes_open(struct bytes **out, const char *path) MUST_CHECK;
struct bytes *bytes_memory(const void *at, size_t n); /* borrowed; never NULL */
void bytes_close(struct bytes *bytes);                /* NULL is fine */

uint64_t bytes_size(const struct bytes *bytes);

/* Exactly n bytes from `at`. Errors: ERR_IO, also where the file has fewer (it may shrink under
 * us). */
enum err bytes_read(struct bytes *bytes, uint64_t at, void *to, size_t n) MUST_CHECK;

#endif
