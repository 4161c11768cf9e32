/* fetch: files over https, bounded and checked. */

#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include "base/err.h"
#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

/* The body of a small answer, zero-terminated; at most `limit` bytes. `accept` is the Accept
 * header or NULL. Free with free(). Errors: ERR_IO (words name URL and reason), ERR_RANGE. */
enum err fetch_text(char **out, size_t *n, const char *url, const char *accept,
                    size_t limit) MUST_CHECK;

/* Downloads to path.part, going on where an earlier try stopped, with progress on a terminal,
 * then compares SHA-256 (NULL: not known) and renames it to `path`. `token`: bearer token or
 * NULL. Errors: ERR_IO; ERR_PARSE if the hash differs (the partial file is removed). */
enum err fetch_file(const char *path, const char *url, const char *token,
                    const struct hash *sha256, int64_t limit) MUST_CHECK;

#endif
