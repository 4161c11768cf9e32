/* How it works: chunks that double up to a size, each carved from its front. A request that is
 * larger than a chunk gets one of its own, put behind the newest so that this one goes on.
 * Nothing is given back before the end: a template runs for milliseconds, and what it may take
 * in all is bounded. */
#include "lm/text/template/pool.h"

#include "base/mem.h"
#include "lm/text/template/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN = 1 << 12, CHUNK_MAX = 1 << 20, ALIGN = 16 };

struct pool_chunk {
    _Alignas(ALIGN) struct pool_chunk *next;
};

void pool_init(struct pool *pool, size_t total_max)
{
    memset(pool, 0, sizeof *pool);
    pool->total_max = total_max;
}

/* All at once, the newest first. */
void pool_free(struct pool *pool)
{
    while (pool->chunk) {
        struct pool_chunk *next = pool->chunk->next;

        free(pool->chunk);
        pool->chunk = next;
    }
}

static struct pool_chunk *chunk_new(struct pool *pool, size_t n)
{
    pool->total += n;
    return mem_new(1, sizeof(struct pool_chunk) + n);
}

/* From the newest chunk, or from one of its own where it is
 * large. */
void *pool_take(struct pool *pool, size_t n)
{
    struct pool_chunk *chunk = pool->chunk;

    if (n > pool->total_max || pool->total + n > pool->total_max)
        pool_fail(pool, ERR_RANGE, "more than %zu MiB of texts and values",
                  pool->total_max >> 20);
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (chunk && pool->room - pool->used >= n) {
        pool->used += n;
        return (char *)(chunk + 1) + pool->used - n;
    }
    if (chunk && n > CHUNK_MAX / 4) {
        struct pool_chunk *own = chunk_new(pool, n);

        own->next = chunk->next;
        chunk->next = own;
        return own + 1;
    }
    pool->room = pool->room < CHUNK_MIN ? CHUNK_MIN : 2 * pool->room;
    if (pool->room > CHUNK_MAX)
        pool->room = CHUNK_MAX;
    if (pool->room < n)
        pool->room = n;
    chunk = chunk_new(pool, pool->room);
    chunk->next = pool->chunk;
    pool->chunk = chunk;
    pool->used = n;
    return chunk + 1;
}

void pool_work(struct pool *pool, size_t n)
{
    if (n > JINJA_WORK_MAX - pool->work)
        pool_fail(pool, ERR_RANGE, "too much work: it looked at more than %d MiB of text",
                  JINJA_WORK_MAX >> 20);
    pool->work += n;
}

_Noreturn void pool_fail(struct pool *pool, enum err err, const char *fmt, ...)
{
    char words[ERR_WORDS];
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    pool->err = err_set(err, "chat template, line %d: %s", pool->line, words);
    longjmp(pool->out, 1);
}
