/* One block for all layers and heads; a sequence's tokens fill it from 0 up, and what lies
 * beyond them is never read into a result (attention.h), so nothing is cleared and a cache is
 * used again as it is. forward_work.c writes to it as rows pass through the layers; generate
 * copies a prompt's part when several samples go on from it. A sliding window reads less of it
 * but frees nothing. */

#include "lm/model/cache.h"

#include "base/mem.h"
#include "lm/kernel/attention.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Sizes without the block: for cache_size, and for a cache that is about to get one. */
static struct cache measure(const struct shape *shape, int capacity)
{
    return (struct cache){
        .layers = shape->layers,
        .kv_heads = shape->kv_heads,
        .head_dim = shape->head_dim,
        .capacity = capacity,
        .keys = attention_keys(shape->head_dim, capacity),
        .values = (size_t)capacity * (size_t)shape->head_dim,
    };
}

size_t cache_size(const struct shape *shape, int capacity)
{
    const struct cache c = measure(shape, capacity);

    return (size_t)c.layers * (size_t)c.kv_heads * (c.keys + c.values) * sizeof *c.data;
}

enum err cache_new(struct cache **out, const struct shape *shape, int capacity)
{
    struct cache *c;

    *out = NULL;
    if (capacity < 1)
        return err_set(ERR_RANGE, "key-value cache: room for %d tokens", capacity);
    c = mem_new(1, sizeof *c);
    *c = measure(shape, capacity);
    /* Not cleared: see above; a page that no token reaches is never touched. */
    if (mem_big(&c->data, cache_size(shape, capacity), 1, "key-value cache")) {
        free(c);
        return ERR_NOMEM;
    }
    *out = c;
    return OK;
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    free(cache->data);
    free(cache);
}

int cache_capacity(const struct cache *cache)
{
    return cache->capacity;
}

void cache_copy(struct cache *to, const struct cache *from, int n)
{
    /* Whole blocks: what is copied beyond token n is never read before it is written. */
    const size_t keys = attention_keys(from->head_dim, n);
    const size_t values = (size_t)n * (size_t)from->head_dim;

    assert(n <= to->capacity && n <= from->capacity);
    assert(to->layers == from->layers && to->kv_heads == from->kv_heads &&
           to->head_dim == from->head_dim);
    /* Capacities may differ, and with them where a head's part lies: head by head. */
    for (int l = 0; l < from->layers; l++)
        for (int h = 0; h < from->kv_heads; h++) {
            memcpy(cache_keys(to, l, h), cache_keys(from, l, h), keys * sizeof *to->data);
            memcpy(cache_values(to, l, h), cache_values(from, l, h), values * sizeof *to->data);
        }
}

void cache_put(struct cache *cache, int layer, int pos, const float *keys, const float *values)
{
    const size_t dim = (size_t)cache->head_dim;

    for (int h = 0; h < cache->kv_heads; h++) {
        attention_put_key(cache_keys(cache, layer, h), keys + (size_t)h * dim, pos,
                          cache->head_dim);
        memcpy(cache_values(cache, layer, h) + (size_t)pos * dim, values + (size_t)h * dim,
               dim * sizeof *values);
    }
}
