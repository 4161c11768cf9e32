#include "lm/model/cache.h"

#include "base/mem.h"
#include "lm/kernel/attention.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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
    const size_t keys = attention_keys(from->head_dim, n);
    const size_t values = (size_t)n * (size_t)from->head_dim;

    assert(n <= to->capacity && n <= from->capacity);
    assert(to->layers == from->layers && to->kv_heads == from->kv_heads &&
           to->head_dim == from->head_dim);
    for (int l = 0; l < from->layers; l++)
        for (int h = 0; h < from->kv_heads; h++) {
            memcpy(cache_keys(to, l, h), cache_keys(from, l, h), keys * sizeof *to->data);
            memcpy(cache_values(to, l, h), cache_values(from, l, h), values * sizeof *to->data);
        }
}
