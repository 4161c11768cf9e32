/* download: a file over https, bounded and checked, gone on with where it stopped. */

#ifndef HFHUB_DOWNLOAD_H
#define HFHUB_DOWNLOAD_H

#include "base/err.h"
#include "base/hash.h"

#include <stdint.h>

struct request_answer;
struct download_want {
    const struct hash *sha256; /* of the bytes; NULL: not known before the answer */
    int64_t size;              /* bytes; -1: not known */
    int64_t limit;             /* at most */
    const char *git; /* git's SHA-1 of the bytes in hex (or their own); NULL: not known */
    const char
        *part; /* where bytes wait: of a known hash, which is its name; NULL: path.part */
    int tries; /* further ones after a broken line that brought next to nothing */
    void (*tell)(void *self, int64_t have); /* of bytes so far; NULL: a line on a terminal */
    void *self;
    struct request_answer *seen; /* out: the last answer; may be NULL */
};

/* Downloads to path.part, with progress on a terminal, and goes on where an earlier try stopped
 * if its bytes are of the same file: by hash, or by the server's entity tag. What is whole
 * is compared with `want` or with the SHA-256 that the hub gives (X-Linked-Etag), then renamed
 * to `path`. `token`: bearer token or NULL. Errors: ERR_IO; ERR_PARSE if hash or size differs
 * (the partial file is removed). */
enum err download_file(const char *path, const char *url, const char *token,
                       const struct download_want *want) MUST_CHECK;

#endif
