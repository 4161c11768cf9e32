/* key_store: where a pass finds keys and values, and attention over them.
 *
 * A pass over rows of many sequences differs in one thing: decoding keeps keys in caches that
 * outlive it (forward_work.c), training keeps those of one layer of one batch (activations.c).
 * Both say which blocks (kv_block.h) hold a sequence's tokens; as pairs wherever keys and values are
 * numbers of bfloat16. */

#ifndef LM_MODEL_KEY_STORE_H
#define LM_MODEL_KEY_STORE_H

#include "lm/kernel/attention.h"
#include "lm/kernel/rows.h"
#include "lm/model/shape.h"

#include <stddef.h>

/* Rows that attention takes together: n from row `from` on, in strands of which all begin with the
 * same `common` keys (attention.h); the longest strand ends at `length`. */
struct key_run {
    int from, n;
    int strand, strands, common, length;
};

struct key_store {
    int n_runs;
    struct key_run *run;
    struct attention_strand *strand; /* each run's follow those of the run before it */
    struct kv_block_form form;
    int kv_heads;
    size_t at,
        apart; /* bytes from where a strand's block is to this layer's; between kv heads */
    /* Puts keys and values of qkv [rows, qkv] of this layer away, and sets `at`. */
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

/* How this shape's keys and values lie. */
struct kv_block_form key_store_form(const struct shape *shape);

/* The next run, which begins at row `from`: one strand, of one row at `pos`. */
struct key_run *key_store_open(struct key_store *store, int from, int pos,
                               const char *const *block);

/* out [rows, heads head_dim] of placed qkv [rows, qkv] that was put away. */
void key_store_attend(const struct key_store *store, const struct rows_heads *heads,
                      const struct key_view *view, const float *qkv, float *out);

#endif
