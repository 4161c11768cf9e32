/* grad_attention: backward of attention.h, for whole sequences.
 *
 * Probabilities are made again from q and k, a tile of queries at a time: memory is tile x
 * length, never length x length. Dao et al. 2022, arXiv:2205.14135, appendix B.2:
 *
 *   dv[t] += sum_i p[i,t] do[i]            ds[i,t] = p[i,t] (do[i] . v[t] - do[i] . o[i])
 *   dq[i]  = sum_t ds[i,t] k[t]            dk[t]  += sum_i ds[i,t] q[i]
 *
 * With a cap, ds is that of the capped scores, and grad_cap leads on; with a window, the keys
 * of a tile begin at its first query's. Rotation and the scale of q are grad_qkv's. */

#ifndef LM_KERNEL_GRAD_ATTENTION_H
#define LM_KERNEL_GRAD_ATTENTION_H

#include "lm/kernel/rows.h"

#include <stdbool.h>
#include <stddef.h>

struct grad_attention {
    const float *qkv;  /* [n, (heads + 2 kv_heads) head_dim] as rows_qkv left it */
    const float *out;  /* [n, heads head_dim] o */
    const float *dout; /* [n, heads head_dim] */
    float *dqkv;       /* like qkv, out */
    const int *seq;    /* [n_seq+1] where each sequence starts */
    int n_seq;
    const int *n_prefix; /* [n_seq] tokens of the nearest sequence before without a prefix that
                          * stand before this one's own; NULL: none */
    struct rows_heads heads;
    int window;     /* 0: all keys before a query */
    float cap;      /* 0: none */
    float *scratch; /* [threads][grad_attention_scratch] */
    int threads;
};

/* Floats of scratch for one thread when no sequence, prefix included, is longer than `length`;
 * `prefixes`: some have one; `capped`: there is a cap. */
size_t grad_attention_scratch(const struct rows_heads *heads, int length, bool prefixes,
                              bool capped);

void grad_attention(const struct grad_attention *job);

#endif
