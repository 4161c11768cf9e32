/* slab: a large block of bytes in pages of its own, which another process of this machine can
 * map too.
 *
 * One process makes a slab, fills it and seals it: from then on nobody can change it, shorten
 * it or write to it, neither it nor whoever holds its descriptor (memfd_create(2), F_ADD_SEALS
 * in fcntl(2)). The kernel frees the pages with their last user, however that one ends. */

#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include "base/err.h"

#include <stddef.h>

struct slab;

/* `n` zeroed bytes that may be written until slab_seal; `what` names them in errors.
 * Errors: ERR_NOMEM. */
enum err slab_new(struct slab **out, size_t n, const char *what) MUST_CHECK;
/* The pages of another process, read-only. Takes `fd`, also on an error.
 * Errors: ERR_RANGE (not sealed, or not `n` bytes: they could change or go), ERR_NOMEM. */
enum err slab_open(struct slab **out, int fd, size_t n, const char *what) MUST_CHECK;
/* One user more; each calls slab_free. From any thread. */
struct slab *slab_share(struct slab *slab);
void slab_free(struct slab *slab); /* NULL is fine */

/* No more writes. Errors: ERR_IO. */
enum err slab_seal(struct slab *slab) MUST_CHECK;

/* Aligned to a page; to be written only between slab_new and slab_seal. */
void *slab_bytes(const struct slab *slab);
size_t slab_size(const struct slab *slab);
/* Of a sealed slab, for SCM_RIGHTS; the slab's own. -1 before. */
int slab_fd(const struct slab *slab);

#endif
