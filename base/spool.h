/* spool: one block of bytes that grows, in memory while it is small; larger, it lies in a file
 * without a name, whose pages the kernel and spool_seen take out of memory again. For what grows
 * with the user's data and is read in any order: it may be larger than memory. */

#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include "base/err.h"

#include <stddef.h>

enum {
    SPOOL_WINDOW = 32 << 20, /* bytes of a file that a block holds in memory, about */
    SPOOL_PAGES = 1 << 16 /* that come with any one that is touched: its page and neighbours */
};

struct spool;

/* Up to `memory` bytes stay in memory. The file is made in `folder` (made, too, if it is missing;
 * NULL: $TMPDIR, else /var/tmp), and is gone with the process, however that ends. `what` names the
 * block in words to people; both texts are copied. */
struct spool *spool_new(const char *folder, size_t memory, const char *what);
void spool_free(struct spool *spool); /* NULL is fine */

/* Room for `bytes` at least: *data is where the block lies from now on, with what was in it; new
 * bytes are zero. Errors: ERR_NOMEM; ERR_IO (the folder, no space there): the block stands. */
enum err spool_room(struct spool *spool, size_t bytes, void *data) MUST_CHECK;

/* Some bytes of it were just written or read: when there have been SPOOL_WINDOW of them, the file's
 * pages leave this process' memory (they are read again when they are touched). */
void spool_seen(struct spool *spool, size_t bytes);

/* Whether it lies in a file. */
int spool_on_disk(const struct spool *spool);

#endif
