/* cache: where the keys and values of one sequence lie. Verbs: forward.h. */

#ifndef LM_MODEL_CACHE_H
#define LM_MODEL_CACHE_H

#include "lm/model/forward.h"

/* Floats of one kv head of one layer: keys in attention.h's blocks, then values as rows. */
struct cache {
    int layers, kv_heads, head_dim, capacity;
    size_t keys, values; /* floats of one (layer, head): keys, and values */
    float *data;         /* [layers][kv_heads][keys, values] */
};

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
