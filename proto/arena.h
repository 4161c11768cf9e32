/* arena: memory that is given back all at once: where decoded messages live.
 *
 * It never hands out more than its limit, so no message can ask for more. */

#ifndef PROTO_ARENA_H
#define PROTO_ARENA_H

#include "base/err.h"

#include <stddef.h>

struct arena;
void arena_new(struct arena **out, size_t limit);
void arena_free(struct arena *arena); /* NULL is fine */

/* `n` zeroed elements of `size` bytes, aligned for any type; never NULL on OK, even for none.
 * Errors: ERR_RANGE if that passes the limit. */
enum err arena_take(struct arena *arena, void *out, size_t n, size_t size) MUST_CHECK;

/* Everything taken is void; the memory is kept for the next message. */
void arena_reset(struct arena *arena);

#endif
