/* cache: keys and values of one sequence: the KV cache of decoding. */

#ifndef LM_MODEL_CACHE_H
#define LM_MODEL_CACHE_H

#include "lm/model/shape.h"

#include <stddef.h>

/* Room for `capacity` tokens: for each layer and kv head keys in attention.h's blocks, then values
 * as rows. */
struct cache {
    int layers, kv_heads, head_dim, capacity;
    size_t keys, values; /* floats of one (layer, head): keys, and values */
    float *data;         /* [layers][kv_heads][keys, values] */
};

/* Errors: ERR_RANGE (capacity below 1), ERR_NOMEM. */
enum err cache_new(struct cache **out, const struct shape *shape, int capacity) MUST_CHECK;
void cache_free(struct cache *cache);
size_t cache_size(const struct shape *shape, int capacity); /* bytes */
int cache_capacity(const struct cache *cache);

/* The first n tokens of `from` become those of `to` (prompt shared by n samples). */
void cache_copy(struct cache *to, const struct cache *from, int n);

/* Puts keys and values of one token, [kv_heads][head_dim] each, at position pos. */
void cache_put(struct cache *cache, int layer, int pos, const float *keys, const float *values);

static inline float *cache_keys(const struct cache *c, int layer, int head)
{
    return c->data +
           ((size_t)layer * (size_t)c->kv_heads + (size_t)head) * (c->keys + c->values);
}

static inline float *cache_values(const struct cache *c, int layer, int head)
{
    return cache_keys(c, layer, head) + c->keys;
}

#endif
