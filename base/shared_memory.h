/* shared_memory: a large block of bytes in pages of its own, which another process of this
 * machine can map too.
 *
 * One process makes a block, fills it and seals it: from then on nobody can change it,
 * shorten it or write to it, neither it nor whoever holds its descriptor (memfd_create(2),
 * F_ADD_SEALS in fcntl(2)). The kernel frees the pages with their last user, however that one
 * ends. */

#ifndef BASE_SHARED_MEMORY_H
#define BASE_SHARED_MEMORY_H

#include "base/err.h"

#include <stddef.h>

struct shared_memory;

/* `n` zeroed bytes that may be written until shared_memory_seal; `what` names them in errors.
 * Errors: ERR_NOMEM. */
enum err shared_memory_new(struct shared_memory **out, size_t n, const char *what) MUST_CHECK;
/* The pages of another process, read-only. Takes `fd`, also on an error.
 * Errors: ERR_RANGE (not sealed, or not `n` bytes: they could change or go), ERR_NOMEM. */
enum err shared_memory_open(struct shared_memory **out, int fd, size_t n,
                            const char *what) MUST_CHECK;
/* One user more; each calls shared_memory_free. From any thread. */
struct shared_memory *shared_memory_share(struct shared_memory *shared);
void shared_memory_free(struct shared_memory *shared); /* NULL is fine */
/* How many there are now. Others may take or give back theirs meanwhile, but whoever sees that
 * it is the only one stays that. */
unsigned shared_memory_users(const struct shared_memory *shared);

/* No more writes. Errors: ERR_IO. */
enum err shared_memory_seal(struct shared_memory *shared) MUST_CHECK;

/* Aligned to a page; to be written only between shared_memory_new and shared_memory_seal. */
void *shared_memory_bytes(const struct shared_memory *shared);
size_t shared_memory_size(const struct shared_memory *shared);
/* Of a sealed shared memory, for SCM_RIGHTS; the shared memory's own. -1 before. */
int shared_memory_fd(const struct shared_memory *shared);

#endif
