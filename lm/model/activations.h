/* acts: what the forward pass of training remembers, and the memory for it.
 *
 * Rows are the tokens of a packed batch. Per layer and token 3 width + heads head_dim + (heads
 * + 2 kv_heads) head_dim + 2 ffn floats, or width alone in layers that checkpointing does not
 * keep: those share one layer's other buffers, and backward fills them again from the layer's
 * input. */

#ifndef LM_MODEL_ACTIVATIONS_H
#define LM_MODEL_ACTIVATIONS_H

#include "lm/kernel/rows.h"
#include "lm/model/model.h"
#include "lm/model/train.h"

struct activations_layer {
    float *in;       /* [n,width] what enters the layer */
    float *qkv;      /* [n,qkv] rotated, q scaled */
    float *attended; /* [n, heads head_dim] */
    float *middle;   /* [n,width] after attention's residual */
    float *gate_up;  /* [n, 2 ffn] */
    float *rms[2];   /* [n] of the two norms */
};

struct activations_tile { /* queries of one sequence that attention takes together */
    int seq, from, rows;
};

struct activations {
    struct shape shape;
    struct train_options options;
    int rows;     /* tokens that there is room for */
    int again;    /* the first so many layers are computed again in backward */
    int threads;  /* that `scratch` and `aside` have room for */
    int tiles, n; /* of the batch at hand */
    size_t keys;  /* floats of one kv head's key blocks, all sequences */
    float temperature;
    float *embed; /* where the gradient of a tied matrix as an embedding goes; NULL: with the
                   * rest */
    int fixed;    /* token whose input embedding gets no gradient; -1: none */
    const struct batch *batch;
    const struct lora *lora; /* NULL: all weights learn */
    struct train_drop drop;
    float *branch; /* scratch of lora_branch */
    size_t branch_room;

    struct activations_layer *layer; /* [layers] */
    float *out;                      /* [n,width] of the last layer */
    float *hidden;                   /* [n,width] after the final norm */
    float *rms;                      /* [n] of the final norm */
    float *cos, *sin;                /* [n, head_dim/2] */
    float *norm;                     /* [n,width] scratch: a norm's output */
    float *dx, *dh;                  /* [n,width] scratch of backward */
    float *wide;                     /* scratch: 3 ffn, or qkv + heads head_dim floats a row */
    float *memory;                   /* all of the above, one block */
    float *key;                      /* key blocks of one layer */
    float *scratch;                  /* of attention, forward or backward, for each thread */
    size_t key_room, scratch_room;

    int head_rows;                    /* rows of logits held at a time */
    float *logits, *head_in, *head_d; /* [head_rows, vocab], [head_rows,width] twice */
    float *aside;                     /* [threads, vocab] */
    size_t aside_room;

    int *pos, *seq;          /* [n]; [n_seq] where each one's keys start */
    int *head_row, *head_to; /* [n] rows that the head is asked for; the tokens they predict */
    struct activations_tile *tile; /* [n] */
    uint8_t *hit;                  /* [n] */
    float *square, *mean_logit;    /* [n] */
};

enum err activations_new(struct activations **out, const struct shape *shape,
                         const struct train_options *options) MUST_CHECK;
void activations_free(struct activations *acts);

/* Bytes for n tokens with no sequence longer than the context. */
size_t activations_size(const struct shape *shape, const struct train_options *options, int n);

/* Room for the batch, its positions and tiles. Errors: ERR_NOMEM, ERR_RANGE. */
enum err activations_begin(struct activations *acts, const struct model *model,
                           const struct batch *batch) MUST_CHECK;

/* Tokens of the trunk that stand before sequence `seq` of the batch. */
int activations_prefix(const struct activations *acts, int seq);

/* Runs layer i from layer[i].in; `to` [n,width] gets its output, NULL: only what backward
 * needs.
 */
void activations_layer(struct activations *acts, const struct model *model, int i, float *to);

/* Where layer i's output goes. */
float *activations_next(const struct activations *acts, int i);

struct rows_heads activations_heads(const struct activations *acts);

/* At least `floats` in *block, whose size *room remembers; contents are lost. */
enum err activations_room(float **block, size_t *room, size_t floats,
                          const char *what) MUST_CHECK;

#endif
