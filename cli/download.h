/* fetch: files over https, bounded and checked. */

#ifndef CLI_DOWNLOAD_H
#define CLI_DOWNLOAD_H

#include "base/err.h"
#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

/* The body of a small answer, zero-terminated; at most `limit` bytes. `accept` is the Accept
 * header or NULL. Free with free(). Errors: ERR_IO (words name URL and reason), ERR_RANGE. */
enum err download_text(char **out, size_t *n, const char *url, const char *accept,
                       size_t limit) MUST_CHECK;

struct download_want {
    const struct hash *sha256; /* of the bytes; NULL: not known before the answer */
    int64_t size;              /* bytes; -1: not known */
    int64_t limit;             /* at most */
};

/* Downloads to path.part, with progress on a terminal, and goes on where an earlier try stopped
 * if its bytes are of the same file: by SHA-256, or by the server's entity tag. What is whole
 * is compared with `want` or with the SHA-256 that the hub gives (X-Linked-Etag), then renamed
 * to `path`. `token`: bearer token or NULL. Errors: ERR_IO; ERR_PARSE if hash or size differs
 * (the partial file is removed). */
enum err download_file(const char *path, const char *url, const char *token,
                       const struct download_want *want) MUST_CHECK;

#endif
