/* attention: causal, grouped-query, exact, in two passes over the keys (docs/MATH.md §1, R6).
 *
 *   s[t] = q . k[t] (chain over d), p = exp(s - max s), o = (sum_t p[t] v[t]) * (1 / sum p)
 *
 * with q already scaled; with a cap, s is cap tanh(s / cap) first; with a window, a query at
 * position i sees keys i - window + 1 .. i. Keys of one kv head lie in blocks of 32 tokens,
 * [block][head_dim][32]; values as rows. Keys beyond a query's position never enter a chain;
 * what lies there is not read into any result. Serial: the caller spreads (rows x kv heads)
 * over threads. */

#ifndef LM_KERNEL_ATTENTION_H
#define LM_KERNEL_ATTENTION_H

#include <stddef.h>

enum { ATTENTION_BLOCK = 32 };

/* Query rows worth taking together when `group` query heads share a kv head. */
int attention_rows(int group);

/* Floats of scratch for `rows` rows of `group` heads over up to `length` keys. */
size_t attention_scratch(int rows, int group, int head_dim, int length);

/* Floats of the key blocks of one kv head over `length` tokens. */
size_t attention_keys(int head_dim, int length);

/* The first key that a query at `pos` sees. */
int attention_first(int pos, int window);

/* Puts key [head_dim] of token t where it belongs. */
void attention_put_key(float *keys, const float *key, int t, int head_dim);

struct attention {
    const float *q;      /* row i, head g at q[i*ldq + g*head_dim], rotated and scaled */
    size_t ldq;          /* floats between rows */
    const float *keys;   /* key blocks of this kv head, from token 0 */
    const float *values; /* token t at values[t*ldv] */
    size_t ldv;
    float *out; /* row i, head g at out[i*ldo + g*head_dim] */
    size_t ldo;
    int pos; /* row i stands at token pos + i and sees no key after it */
    int rows, group, head_dim;
    int window;     /* 0: all keys before it */
    float cap;      /* 0: none */
    float *scratch; /* attention_scratch floats */
};
void attention_run(const struct attention *attention);

#endif
