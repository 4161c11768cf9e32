/* cache: keys and values of one sequence: the KV cache of decoding.
 *
 * A page holds 32 tokens: a block (kv_block.h) for each layer and kv head. Pages come from a pool; caches
 * whose sequences begin alike may hold the same ones, and a page that several hold is copied before a
 * token is put to it. One thread at a time, but for cache_put of different tokens. */

#ifndef LM_MODEL_CACHE_H
#define LM_MODEL_CACHE_H

#include "lm/kernel/kv_block.h"
#include "lm/model/shape.h"

#include <stddef.h>

/* What no token was put to takes no memory. */
struct cache_pool {
    struct kv_block_form form;
    int layers, kv_heads;
    size_t block, page; /* bytes of a block, of a page */
    int pages, n_free;
    int *free; /* [pages] those of them that no cache holds: the last is taken next */
    int *held; /* [pages] how many caches hold it */
    char *data;
};

struct cache {
    struct cache_pool *pool;
    bool alone; /* the pool is this cache's own */
    int capacity;
    char **page; /* [capacity / 32, up] NULL from the first that nothing was put to on */
};

/* Pages for any caches of that pool that together take `tokens` tokens, each rounded up to 32. Errors:
 * ERR_NOMEM. */
enum err cache_pool_new(struct cache_pool **out, const struct shape *shape,
                        size_t tokens) MUST_CHECK;
void cache_pool_free(struct cache_pool *pool);

/* Room for `capacity` tokens, in a pool that has it, or (NULL) in one of its own. Errors: ERR_RANGE
 * (capacity below 1), ERR_NOMEM. */
enum err cache_new(struct cache **out, const struct shape *shape, int capacity,
                   struct cache_pool *pool) MUST_CHECK;
void cache_free(struct cache *cache);
size_t cache_size(const struct shape *shape, int capacity); /* bytes */
int cache_capacity(const struct cache *cache);

/* Forgets all tokens. */
void cache_clear(struct cache *cache);

/* The first n tokens of `from`, of the same pool, become those of `to`, which forgets its own; they
 * lie there once. */
void cache_share(struct cache *to, const struct cache *from, int n);

/* Keys that two caches have in the same memory, from the first on: whole blocks. */
int cache_common(const struct cache *a, const struct cache *b);

/* Where the token at `pos` will be put is there, and this cache's alone; all before it have been. */
void cache_reach(struct cache *cache, int pos);

/* Puts keys and values of one token, [kv_heads][head_dim] each, at a position that was reached. */
void cache_put(const struct cache *cache, int layer, int pos, const float *keys,
               const float *values);

#endif
