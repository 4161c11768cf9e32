/* activations: what the forward pass of training remembers, and the memory for it.
 *
 * Rows are the tokens of a packed batch. A layer keeps what its list's plan says (block.h), or, in
 * layers that checkpointing does not keep, its input alone: those share one layer's other buffers,
 * and backward fills them again from the input. */

#ifndef LM_MODEL_ACTIVATIONS_H
#define LM_MODEL_ACTIVATIONS_H

#include "lm/kernel/product.h"
#include "lm/kernel/softmax.h"
#include "lm/model/batch.h"
#include "lm/model/key_store.h"
#include "lm/model/lora.h"
#include "lm/model/model.h"
#include "lm/model/train_room.h"

struct activations_layer {
    float *act[ACTS];         /* kept: ACT_IN, and what the plan keeps; others NULL */
    float *factor[BLOCK_OPS]; /* of norms; NULL elsewhere */
};

/* Floats of a gradient: before the first layer's, of each layer, of all (0: nothing may lie there). */
struct activations_gradient {
    size_t first, each, all;
};

struct activations {
    struct shape shape;
    const struct block_list *block;
    struct block_plan plan;
    struct train_options options;
    struct activations_gradient gradient; /* where layers may lie */
    int rows;                             /* tokens that there is room for */
    int again;   /* the first so many layers are computed again in backward */
    int threads; /* that `scratch` has room for */
    int n;       /* tokens of the batch at hand */
    float temperature;
    int fixed; /* token whose input embedding gets no gradient; -1: none */
    const struct batch *batch;
    const struct lora *lora; /* NULL: all weights learn */
    struct train_drop drop;
    struct train_room own, *room; /* room: own, or the options' */

    /* Of these the floats lie in TRAIN_ROWS, */
    struct activations_layer *layer; /* [layers] */
    float *out;                      /* [n,width] of the last layer */
    float *hidden;                   /* [n,width] after the final norm */
    float *factor;                   /* of the final norm */
    float *cos[2], *sin[2];          /* [n, head_dim/2] of global and of local layers */
    float *dx;                       /* [n,width] the stream's gradient */
    float *dh;                       /* [n,width] of `hidden` */
    float *wide;                     /* scratch of the plan's train, value and slope */

    /* and of these in the other blocks of the room. */
    struct key_store keys; /* of the batch; its scratch serves backward too */
    size_t *key_at;        /* [n_seq+1] which of key_block each sequence's begin at */
    char **key_block;      /* where [kv_heads] blocks of keys and values of 32 tokens are */
    size_t key_blocks;     /* how many there are: those of a whole prefix are its trunk's */
    float *key;            /* [key_blocks][kv_heads] blocks of one layer */

    int head_rows;           /* rows of logits held at a time */
    float *logits;           /* [head_rows, vocab]; in backward some columns of all rows */
    float *head_in, *head_d; /* [n,width] of these rows, in `wide` */
    struct product_scratch product;
    float *branch; /* scratch of lora_branch */

    int *pos;                /* [n] */
    int *head_row, *head_to; /* [n] rows that the head is asked for; the tokens they predict */
    uint8_t *hit;            /* [n] */
    float *square, *mean_logit, *mean_logprob; /* [n] */
    bool scored;                               /* the head has seen the batch: `row` is its */
    struct softmax *row;     /* [n] of the logits from which each token was drawn */
    const float *mean_slope; /* [n] d loss / d mean_logprob of the next backward; NULL: none */
};

/* ---- activations_rows.c: the floats that a pass has for each token of its batch: every layer's input; what the
 * plan keeps, of each layer that is kept and once for all that are not; the scratch of both directions.
 *
 * They lie in the room's TRAIN_ROWS. Where an optimiser step is one backward pass (options.alone) gradients
 * of layers are made from the last to the first: until one is, what earlier layers keep may lie there. */

/* 0 but where activations may lie in it. */
struct activations_gradient activations_rows_gradient(const struct shape *shape,
                                                      const struct train_options *options);

/* The last layers are kept, as their backward comes first: when it is the turn of one that was
 * not, memory has to hold no more than before. How many layers, from the first, are computed
 * again for `rows` tokens. */
int activations_rows_again(const struct shape *shape, const struct block_plan *plan,
                           const struct train_options *options, size_t rows);

/* Floats of TRAIN_ROWS for so many. */
size_t activations_rows_floats(const struct shape *shape, const struct block_plan *plan,
                               const struct train_options *options, size_t rows);

/* Hands out the block, which has that many, and acts->gradient: acts->rows tokens, acts->again layers. */
void activations_rows_carve(struct activations *acts);

/* ---- activations.c */

/* Errors: ERR_NOMEM. */
enum err activations_new(struct activations **out, const struct shape *shape,
                         const struct train_options *options) MUST_CHECK;
void activations_free(struct activations *acts);

/* Bytes for n tokens with no sequence longer than the context. */
size_t activations_size(const struct shape *shape, const struct train_options *options, int n);

/* What options.keep must be so that so many layers of n tokens are kept. */
size_t activations_keep(const struct shape *shape, int n, int layers);

/* Room for the batch, its positions and runs. Errors: ERR_NOMEM, ERR_RANGE (lengths that do not fit
 * together, a sequence beyond the context, a token beyond the vocabulary). */
enum err activations_begin(struct activations *acts, const struct model *model,
                           const struct batch *batch) MUST_CHECK;

/* Tokens of the trunk that stand before sequence `seq` of the batch. */
int activations_prefix(const struct activations *acts, int seq);

/* Layer i's activations as a pass of `train` scratch: those kept, and where layer i's output goes. */
void activations_place(const struct activations *acts, int i, float *act[ACTS]);

/* The adapter's branches: their scratch. Errors: ERR_NOMEM. */
enum err activations_branch(struct activations *acts, size_t floats) MUST_CHECK;

#endif
