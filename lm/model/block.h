/* block: a layer of a transformer as data: the list of operations that every pass walks.
 *
 * A family is a list (block.c). Forward (block_forward.h) walks it for decoding, prefill, scoring
 * and training alike, backward (backward.h) walks it in reverse, and block_plan reads from it what
 * must be kept between the two, what is made again, and which scratch may be shared. */

#ifndef LM_MODEL_BLOCK_H
#define LM_MODEL_BLOCK_H

#include "lm/kernel/rows.h"
#include "lm/model/params.h"

enum block_act {                /* activations of a layer: [rows, width] each */
                 ACT_IN,        /* [width] what enters: the residual stream */
                 ACT_NORM_ATTN, /* [width] */
                 ACT_QKV, /* [qkv] projected heads; placed ones where nothing normalises them */
                 ACT_HEADS,    /* [qkv] normalised, then placed heads */
                 ACT_MIXED,    /* [heads head_dim] what attention makes of the values */
                 ACT_O,        /* [width] projected back, before a norm of its own */
                 ACT_ATTN,     /* [width] what attention adds to the stream */
                 ACT_MIDDLE,   /* [width] the stream between attention and MLP */
                 ACT_NORM_MLP, /* [width] */
                 ACT_UP,       /* [2 ffn] gate and up; [ffn] where there is no gate */
                 ACT_GATED,    /* [ffn] */
                 ACT_DOWN,     /* [width] projected back, before a norm of its own */
                 ACT_MLP,      /* [width] what the MLP adds to the stream */
                 ACT_OUT,      /* [width] what leaves */
                 ACTS
};

enum block_kind {
    OP_NORM,      /* to = norm(from), weight, bias */
    OP_LINEAR,    /* to = from W^T + bias: the products with weights */
    OP_HEAD_NORM, /* to = from, q and k heads normalised; weight is q's, k's follows */
    OP_ROTATE,    /* in place: q and k rotated by their positions, q scaled */
    OP_SCALE,     /* in place: q scaled */
    OP_ATTEND,    /* to = attention over the keys in memory, from's own put there first */
    OP_GATE,      /* to = gate(from) */
    OP_ADD        /* to = with + from */
};
enum { NEEDS_FROM = 1, NEEDS_TO = 2 }; /* values that an operation's backward reads */
enum block_again {
    AGAIN_NO,       /* what it makes is kept, if backward needs it */
    AGAIN_FORWARD,  /* it is run once more in backward, instead */
    AGAIN_BACKWARD, /* its backward gives what it made once more */
};

struct block_op {
    enum block_kind kind;
    enum block_act from, with, to;
    /* PARTS: none. Biases, or a norm's weight, that the model has not are left out */
    enum part weight, bias;
    int count; /* tensors that lie side by side in the weight, and in the bias */
    unsigned needs;
    enum block_again again;
};

enum { BLOCK_OPS = 16 };

struct block_list {
    enum rows_kind norm; /* of all norms, the final one too */
    enum rows_gate gate;
    bool scaled;    /* the embedding is multiplied by sqrt(width) (Gemma) */
    bool positions; /* a learned vector for each position is added to it (GPT-2) */
    bool pairs;     /* columns 2i and 2i + 1 are rotated together (GPT-J), not i and i + half */
    bool whole_heads;     /* OP_HEAD_NORM: all heads of q together, and of k (OLMo 2) */
    enum part final_bias; /* of the final norm; PARTS: none */
    int n_ops;
    struct block_op op[BLOCK_OPS];
};

/* The list of a family: static. */
const struct block_list *block_of(const struct shape *shape);

/* What an OP_GATE does: the list's, or what the model says instead. */
enum rows_gate block_gate(const struct shape *shape);

/* Columns of an activation; 0 where the family has it not. */
int block_width(const struct shape *shape, enum block_act act);

/* Floats a row that an operation leaves for its backward, besides its activations. */
int block_factors(const struct shape *shape, const struct block_op *op);

/* Where scratch activations begin in a row of scratch: activation a of n rows lies at n * at[a].
 */
#define BLOCK_NOWHERE ((size_t)-1)
struct block_scratch {
    size_t at[ACTS]; /* BLOCK_NOWHERE: not in scratch */
    size_t floats;   /* a row's */
};

struct block_plan {
    bool kept[ACTS]; /* of each layer, until its backward. ACT_IN always is */
    size_t row_kept; /* floats of a row of them but ACT_IN, with the factors */
    int remake;      /* operations that a layer of which only ACT_IN was kept runs again */
    struct block_scratch decode;       /* all but the stream (ACT_IN, ACT_MIDDLE, ACT_OUT) */
    struct block_scratch train;        /* what is not kept */
    struct block_scratch value, slope; /* backward: what is made again, and gradients but the
                                        * stream's; both in one row of value.floats */
};
void block_plan(struct block_plan *plan, const struct shape *shape);

/* The first operation that makes an activation; NULL for ACT_IN. */
const struct block_op *block_maker(const struct block_list *block, enum block_act act);

/* Whether the slope of what an OP_LINEAR reads is there when its backward comes: of the stream,
 * or of an activation that a later operation reads too. Then it is added to. */
bool block_joins(const struct block_list *block, const struct block_op *op);

/* Whether an activation is the residual stream, or a branch on its way into it: their gradients
 * are one. */
bool block_stream(const struct block_list *block, enum block_act act);

#endif
