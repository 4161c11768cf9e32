/* One block of memory is cut into pages. A sequence's tokens fill its pages from 0 up, and what lies
 * beyond them is never read into a result (attention.h), so nothing is cleared and a page is used
 * again as it is. The page given back last is taken first: its memory is there already.
 * forward_work.c reaches every row's position before a pass and puts tokens as rows pass through the
 * layers; generate shares a prompt's pages when several samples go on from it. A pool never runs dry: a
 * cache has no more pages than its capacity, and each counts where it is shared, too. A sliding window
 * reads less of a cache but frees nothing. */

#include "lm/model/cache.h"

#include "base/mem.h"
#include "lm/model/key_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = KV_BLOCK_TOKENS };

/* All layers' blocks of 32 tokens are one page: a sequence grows by all of them at once, and what two
 * sequences share they share in every layer. */
static size_t page_size(const struct shape *shape)
{
    const struct kv_block_form form = key_store_form(shape);

    return (size_t)shape->layers * (size_t)shape->kv_heads * kv_block_size(&form);
}

size_t cache_size(const struct shape *shape, int capacity)
{
    return kv_block_count(capacity) * page_size(shape);
}

enum err cache_pool_new(struct cache_pool **out, const struct shape *shape, size_t tokens)
{
    struct cache_pool *p = mem_new(1, sizeof *p);
    const size_t pages = (tokens + TOKENS - 1) / TOKENS;

    *out = NULL;
    p->form = key_store_form(shape);
    p->layers = shape->layers;
    p->kv_heads = shape->kv_heads;
    p->block = kv_block_size(&p->form);
    p->page = page_size(shape);
    if (pages > INT32_MAX || mem_later(&p->data, pages, p->page, "key-value cache")) {
        free(p);
        return pages > INT32_MAX ? err_set(ERR_NOMEM, "key-value cache: of %zu tokens", tokens)
                                 : ERR_NOMEM;
    }
    p->pages = p->n_free = (int)pages;
    p->free = mem_new(pages, sizeof *p->free);
    p->held = mem_new(pages, sizeof *p->held);
    for (int i = 0; i < p->pages; i++)
        p->free[i] = p->pages - 1 - i;
    *out = p;
    return OK;
}

void cache_pool_free(struct cache_pool *pool)
{
    if (!pool)
        return;
    free(pool->data);
    free(pool->free);
    free(pool->held);
    free(pool);
}

enum err cache_new(struct cache **out, const struct shape *shape, int capacity,
                   struct cache_pool *pool)
{
    struct cache *c;

    *out = NULL;
    if (capacity < 1)
        return err_set(ERR_RANGE, "key-value cache: room for %d tokens", capacity);
    c = mem_new(1, sizeof *c);
    c->pool = pool;
    c->alone = !pool;
    c->capacity = capacity;
    if (!pool && cache_pool_new(&c->pool, shape, (size_t)capacity)) {
        free(c);
        return ERR_NOMEM;
    }
    c->page = mem_new(kv_block_count(capacity), sizeof *c->page);
    *out = c;
    return OK;
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    cache_clear(cache);
    if (cache->alone)
        cache_pool_free(cache->pool);
    free(cache->page);
    free(cache);
}

int cache_capacity(const struct cache *cache)
{
    return cache->capacity;
}

/* Pages are told apart by where they lie: a cache knows them by address, as attention does. */
static int *holders(const struct cache_pool *pool, const char *page)
{
    return &pool->held[(size_t)(page - pool->data) / pool->page];
}

/* Its first holder is whoever asks. */
static char *take(struct cache_pool *pool)
{
    int page;

    assert(pool->n_free > 0);
    page = pool->free[--pool->n_free];
    pool->held[page] = 1;
    return pool->data + (size_t)page * pool->page;
}

/* The last holder's going makes it free. */
static void give(struct cache_pool *pool, const char *page)
{
    int *const held = holders(pool, page);

    if (--*held == 0)
        pool->free[pool->n_free++] = (int)(held - pool->held);
}

/* From the end on, so that whoever is next begins with the page that begins here. */
void cache_clear(struct cache *cache)
{
    for (int i = (int)kv_block_count(cache->capacity) - 1; i >= 0; i--) {
        if (cache->page[i])
            give(cache->pool, cache->page[i]);
        cache->page[i] = NULL;
    }
}

/* The last page may be one that either goes on to fill: cache_reach parts them when it comes to that. */
void cache_share(struct cache *to, const struct cache *from, int n)
{
    assert(to != from && to->pool == from->pool);
    assert(n <= to->capacity && n <= from->capacity);
    cache_clear(to);
    for (int i = 0; i < (int)kv_block_count(n); i++) {
        to->page[i] = from->page[i];
        ++*holders(to->pool, to->page[i]);
    }
}

/* By address, not by content: what was computed apart lies apart. */
int cache_common(const struct cache *a, const struct cache *b)
{
    const int most = a->capacity < b->capacity ? a->capacity : b->capacity;
    int t = 0;

    while (t + TOKENS <= most && a->page[t / TOKENS] &&
           a->page[t / TOKENS] == b->page[t / TOKENS])
        t += TOKENS;
    return t;
}

void cache_reach(struct cache *cache, int pos)
{
    char **const page = &cache->page[pos / TOKENS];

    assert(pos < cache->capacity && (pos < TOKENS || page[-1]));
    if (!*page) {
        *page = take(cache->pool);
    } else if (*holders(cache->pool, *page) > 1) {
        char *const other = take(cache->pool);

        /* What is copied beyond the last token is never read before it is written. */
        memcpy(other, *page, cache->pool->page);
        give(cache->pool, *page);
        *page = other;
    }
}

void cache_put(const struct cache *cache, int layer, int pos, const float *keys,
               const float *values)
{
    const struct cache_pool *p = cache->pool;
    const size_t dim = (size_t)p->form.head_dim;
    char *block = cache->page[pos / TOKENS] + (size_t)layer * (size_t)p->kv_heads * p->block;

    for (int h = 0; h < p->kv_heads; h++, block += p->block)
        kv_block_put(&p->form, block, pos % TOKENS, keys + (size_t)h * dim,
                     values + (size_t)h * dim);
}
