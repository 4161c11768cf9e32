/* pool: memory of one template, or of one run of it, that is freed at once; and its way out.
 *
 * What cannot go on leaves by pool_fail, a jump to where the pool was opened: in
 * an interpreter every step can fail, and nothing in here owns anything but the pool. For the
 * files of lm/text/template alone. */

#ifndef LM_TEXT_TEMPLATE_POOL_H
#define LM_TEXT_TEMPLATE_POOL_H

#include "base/err.h"

#include <setjmp.h>
#include <stddef.h>

struct pool_chunk;

struct pool {
    struct pool_chunk *chunk; /* the newest first */
    size_t used, room;        /* of the newest */
    size_t total, total_max;
    size_t work; /* bytes that were looked at, and what takes as long */
    jmp_buf out;
    enum err err;
    int line; /* of the template, for the words */
};

/* `if (setjmp(pool->out))` stands in the opener, for a frame that returned is no way out. */
void pool_init(struct pool *pool, size_t total_max);
void pool_free(struct pool *pool);

/* n zeroed bytes, aligned to 16. Fails beyond total_max. */
void *pool_take(struct pool *pool, size_t n) __attribute__((returns_nonnull));

/* Counts n bytes that are looked at, JINJA_WORK_VALUE for a value; fails beyond JINJA_WORK_MAX.
 * What takes no step and no memory of its own must count, or a loop of it never ends. */
void pool_work(struct pool *pool, size_t n);

/* Records "chat template, line N: words" and jumps. */
_Noreturn void pool_fail(struct pool *pool, enum err err, const char *fmt, ...) PRINTF(3, 4);

#endif
