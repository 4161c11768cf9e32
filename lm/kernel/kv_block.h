/* kv_block: keys and values of 32 tokens of one kv head, as attention reads them.
 *
 * Floats: keys [head_dim][32], then values [32][columns], columns = head_dim up to a multiple of 16.
 * Pairs, of keys and values that are numbers of bfloat16: keys as a panel of pairs.h, tokens its columns
 * and head_dim its depth; then values as panels, 32 of head_dim the columns and tokens the depth. The
 * chains are the same, so either gives the same bits. What no token was put to is in no result. */

#ifndef LM_KERNEL_KV_BLOCK_H
#define LM_KERNEL_KV_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

enum { KV_BLOCK_TOKENS = 32 };

struct kv_block_form {
    bool pairs;
    int head_dim;
};

/* Bytes of a block, a multiple of 64; how many blocks `length` tokens take. */
size_t kv_block_size(const struct kv_block_form *form);
size_t kv_block_count(int length);

/* Floats between rows of what kv_block_values makes. */
size_t kv_block_columns(const struct kv_block_form *form);

/* Key and value, [head_dim] each, of token t < 32 of the block. Two tokens may be put at once. */
void kv_block_put(const struct kv_block_form *form, void *block, int t, const float *key,
                  const float *value);

/* p [m,32] of stride ldp: q [m,head_dim] times each key, chains over head_dim from +0. */
void kv_block_scores(const struct kv_block_form *form, const void *block, float *p, size_t ldp,
                     const float *q, int m);

/* out [m,columns]: chains over the first n <= 32 values, times p [m,n] of stride ldp; from +0, or with
 * `add` from what out holds. What is beyond head_dim in a row means nothing. */
void kv_block_values(const struct kv_block_form *form, const void *block, float *out,
                     const float *p, size_t ldp, int m, int n, bool add);

#endif
