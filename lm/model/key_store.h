/* key_store: where a pass finds keys and values, and attention over them.
 *
 * A pass over rows of many sequences differs in one thing: decoding keeps keys in caches that
 * outlive it (forward_work.c), training keeps those of one layer of one batch (activations.c).
 * Both say, for runs of rows that follow one another in a sequence, where its keys lie. */

#ifndef LM_MODEL_KEY_STORE_H
#define LM_MODEL_KEY_STORE_H

#include "lm/kernel/rows.h"

#include <stddef.h>

/* Rows from .. from + n stand at pos .. of one sequence. Of kv head h: key blocks (attention.h) of
 * all its tokens at keys + h * apart, token t's value at values + h * values_apart + t * ldv. */
struct key_run {
    int from, n, pos;
    const float *keys, *values;
    size_t apart, values_apart, ldv;
};

struct key_store {
    int n_runs;
    struct key_run *run;
    /* Puts keys and values of qkv [rows, qkv] of this layer away, and sets where runs find them:
     * valid until the next call. */
    void (*put)(struct key_store *store, int layer, const float *qkv);
    float *scratch; /* [threads][scratch_each], enough for every run */
    size_t scratch_each;
    int threads;
    void *self;
};

/* Attention's numbers that differ by layer (attention.h). */
struct key_view {
    int window;
    float cap;
};

/* out [rows, heads head_dim] of placed qkv [rows, qkv] that was put away. */
void key_store_attend(const struct key_store *store, const struct rows_heads *heads,
                      const struct key_view *view, const float *qkv, float *out);

#endif
