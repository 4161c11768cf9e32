/* attention: causal, grouped-query, exact, in two passes over the keys (docs/MATH.md §1, R6).
 *
 *   s[t] = q . k[t] (chain over d), p = exp(s - max s), o = (sum_t p[t] v[t]) * (1 / sum p)
 *
 * with q already scaled; with a cap, s is cap tanh(s / cap) first; with a window, a query at
 * position i sees keys i - window + 1 .. i. Keys and values lie in blocks of 32 tokens (kv_block.h).
 * Keys beyond a query's position never enter a chain; what lies there is not read into any result.
 * Serial: the caller spreads (rows x kv heads) over threads. */

#ifndef LM_KERNEL_ATTENTION_H
#define LM_KERNEL_ATTENTION_H

#include "lm/kernel/kv_block.h"

/* Query rows worth taking together when `group` query heads share a kv head. */
int attention_rows(int group);

/* Floats of scratch for `rows` rows of `group` heads over up to `length` keys. */
size_t attention_scratch(int rows, int group, int head_dim, int length);

/* The first key that a query at `pos` sees. */
int attention_first(int pos, int window);

/* Rows that follow one another in a sequence: row i stands at pos + i and sees no key after it. The
 * sequence's tokens 32 b .. lie at block[b], of this kv head `at` bytes further. */
struct attention_strand {
    int rows, pos;
    const char *const *block;
};

struct attention {
    const float *q;       /* row i, head g at q[i*ldq + g*head_dim], rotated and scaled */
    const float *values;  /* row i's own at values[i*ldv], as in its block */
    float *out;           /* row i, head g at out[i*ldo + g*head_dim] */
    size_t ldq, ldv, ldo; /* floats between rows */
    const struct attention_strand *strand;
    int strands; /* their rows follow one another */
    int common; /* of more strands than one: keys, whole blocks of them, that all have in the same
                  * blocks and all rows see: read once */
    struct kv_block_form form;
    size_t at;
    int group;
    int window;     /* 0: all keys before it */
    float cap;      /* 0: none */
    float *scratch; /* attention_scratch floats */
};
void attention_run(const struct attention *attention);

#endif
