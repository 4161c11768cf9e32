/* A family is one list here and nothing elsewhere: an operation names what it reads and makes,
 * the weight, and what of its values backward will read. Whoever adds a family writes its list, a case of block_of, its weights'
 * rows and its config's; kernels only where the list needs an operation that is not here.
 *
 * In a list an activation is made before it is read, ACT_IN first and ACT_OUT last; between two
 * OP_ADDs runs one branch (their gradients share a buffer, see block_plan.c). */

#include "lm/model/block.h"

#define NORM(part, bias_, from_, to_) \
    { \
        .kind = OP_NORM, .from = from_, .to = to_, .weight = part, .bias = bias_, .count = 1, \
        .needs = NEEDS_FROM, .again = AGAIN_FORWARD \
    }
#define LINEAR(part, n, bias_, from_, to_) \
    { \
        .kind = OP_LINEAR, .from = from_, .to = to_, .weight = part, .bias = bias_, \
        .count = n, .needs = NEEDS_FROM \
    }
#define IN_PLACE(kind_, act) \
    { \
        .kind = kind_, .from = act, .to = act, .weight = PARTS, .bias = PARTS \
    }
#define HEAD_NORM \
    { \
        .kind = OP_HEAD_NORM, .from = ACT_QKV, .to = ACT_HEADS, .weight = PART_NORM_Q, \
        .bias = PARTS, .count = 2, .needs = NEEDS_FROM, .again = AGAIN_FORWARD \
    }
#define ATTEND(from_) \
    { \
        .kind = OP_ATTEND, .from = from_, .to = ACT_MIXED, .weight = PARTS, .bias = PARTS, \
        .needs = NEEDS_FROM | NEEDS_TO \
    }
#define GATE \
    { \
        .kind = OP_GATE, .from = ACT_UP, .to = ACT_GATED, .weight = PARTS, .bias = PARTS, \
        .needs = NEEDS_FROM, .again = AGAIN_BACKWARD \
    }
#define ADD(with_, from_, to_) \
    { \
        .kind = OP_ADD, .from = from_, .with = with_, .to = to_, .weight = PARTS, \
        .bias = PARTS \
    }

/* Most families end alike: from the stream after attention on. */
#define GATED_MLP \
    NORM(PART_NORM_MLP, PARTS, ACT_MIDDLE, ACT_NORM_MLP), \
        LINEAR(PART_GATE, 2, PARTS, ACT_NORM_MLP, ACT_UP), GATE, \
        LINEAR(PART_DOWN, 1, PARTS, ACT_GATED, ACT_MLP), ADD(ACT_MIDDLE, ACT_MLP, ACT_OUT)

/* The stream's half before the MLP, of most: weight and bias of the projection to heads. */
#define PLAIN_ATTENTION(part, n, bias_) \
    NORM(PART_NORM_ATTN, PARTS, ACT_IN, ACT_NORM_ATTN), \
        LINEAR(part, n, bias_, ACT_NORM_ATTN, ACT_QKV), IN_PLACE(OP_ROTATE, ACT_QKV), \
        ATTEND(ACT_QKV), LINEAR(PART_O, 1, PARTS, ACT_MIXED, ACT_ATTN), \
        ADD(ACT_IN, ACT_ATTN, ACT_MIDDLE)

/* Touvron et al. 2023, arXiv:2302.13971; Mistral 7B (arXiv:2310.06825), whose window is the
 * shape's. */
static const struct block_list llama = {
    .final_bias = PARTS,
    .n_ops = 11,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PARTS), GATED_MLP},
};

/* arXiv:2407.10671. */
static const struct block_list qwen2 = {
    .final_bias = PARTS,
    .n_ops = 11,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PART_Q_BIAS), GATED_MLP},
};

/* arXiv:2505.09388. */
static const struct block_list qwen3 = {
    .final_bias = PARTS,
    .n_ops = 12,
    .op = {NORM(PART_NORM_ATTN, PARTS, ACT_IN, ACT_NORM_ATTN),
           LINEAR(PART_Q, 3, PARTS, ACT_NORM_ATTN, ACT_QKV), HEAD_NORM,
           IN_PLACE(OP_ROTATE, ACT_HEADS), ATTEND(ACT_HEADS),
           LINEAR(PART_O, 1, PARTS, ACT_MIXED, ACT_ATTN), ADD(ACT_IN, ACT_ATTN, ACT_MIDDLE),
           GATED_MLP},
};

/* arXiv:2404.14219: as Llama, out of two wide matrices. */
static const struct block_list phi3 = {
    .final_bias = PARTS,
    .n_ops = 11,
    .op = {PLAIN_ATTENTION(PART_QKV, 1, PARTS),
           NORM(PART_NORM_MLP, PARTS, ACT_MIDDLE, ACT_NORM_MLP),
           LINEAR(PART_GATE_UP, 1, PARTS, ACT_NORM_MLP, ACT_UP), GATE,
           LINEAR(PART_DOWN, 1, PARTS, ACT_GATED, ACT_MLP), ADD(ACT_MIDDLE, ACT_MLP, ACT_OUT)},
};

/* What comes back from the heads, and the MLP, with norms of their own before the sums. */
#define POST_NORM_ATTENTION_END \
    LINEAR(PART_O, 1, PARTS, ACT_MIXED, ACT_O), \
        NORM(PART_NORM_ATTN_POST, PARTS, ACT_O, ACT_ATTN), ADD(ACT_IN, ACT_ATTN, ACT_MIDDLE)
#define POST_NORM_MLP \
    NORM(PART_NORM_MLP, PARTS, ACT_MIDDLE, ACT_NORM_MLP), \
        LINEAR(PART_GATE, 2, PARTS, ACT_NORM_MLP, ACT_UP), GATE, \
        LINEAR(PART_DOWN, 1, PARTS, ACT_GATED, ACT_DOWN), \
        NORM(PART_NORM_MLP_POST, PARTS, ACT_DOWN, ACT_MLP), ADD(ACT_MIDDLE, ACT_MLP, ACT_OUT)

/* arXiv:2408.00118. */
static const struct block_list gemma2 = {
    .norm = ROWS_RMS_PLUS,
    .gate = ROWS_GELU,
    .scaled = true,
    .final_bias = PARTS,
    .n_ops = 13,
    .op = {NORM(PART_NORM_ATTN, PARTS, ACT_IN, ACT_NORM_ATTN),
           LINEAR(PART_Q, 3, PARTS, ACT_NORM_ATTN, ACT_QKV), IN_PLACE(OP_ROTATE, ACT_QKV),
           ATTEND(ACT_QKV), POST_NORM_ATTENTION_END, POST_NORM_MLP},
};

/* arXiv:2503.19786. */
static const struct block_list gemma3 = {
    .norm = ROWS_RMS_PLUS,
    .gate = ROWS_GELU,
    .scaled = true,
    .final_bias = PARTS,
    .n_ops = 14,
    .op = {NORM(PART_NORM_ATTN, PARTS, ACT_IN, ACT_NORM_ATTN),
           LINEAR(PART_Q, 3, PARTS, ACT_NORM_ATTN, ACT_QKV), HEAD_NORM,
           IN_PLACE(OP_ROTATE, ACT_HEADS), ATTEND(ACT_HEADS), POST_NORM_ATTENTION_END,
           POST_NORM_MLP},
};

/* Lozhkov et al. 2024, arXiv:2402.19173. */
static const struct block_list starcoder2 = {
    .norm = ROWS_LAYER,
    .gate = ROWS_GELU_PLAIN,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 11,
    .op = {NORM(PART_NORM_ATTN, PART_NORM_ATTN_BIAS, ACT_IN, ACT_NORM_ATTN),
           LINEAR(PART_Q, 3, PART_Q_BIAS, ACT_NORM_ATTN, ACT_QKV), IN_PLACE(OP_ROTATE, ACT_QKV),
           ATTEND(ACT_QKV), LINEAR(PART_O, 1, PART_O_BIAS, ACT_MIXED, ACT_ATTN),
           ADD(ACT_IN, ACT_ATTN, ACT_MIDDLE),
           NORM(PART_NORM_MLP, PART_NORM_MLP_BIAS, ACT_MIDDLE, ACT_NORM_MLP),
           LINEAR(PART_UP, 1, PART_UP_BIAS, ACT_NORM_MLP, ACT_UP), GATE,
           LINEAR(PART_DOWN, 1, PART_DOWN_BIAS, ACT_GATED, ACT_MLP),
           ADD(ACT_MIDDLE, ACT_MLP, ACT_OUT)},
};

/* Radford et al. 2019. */
static const struct block_list gpt2 = {
    .norm = ROWS_LAYER,
    .gate = ROWS_GELU_PLAIN,
    .positions = true,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 11,
    .op = {NORM(PART_NORM_ATTN, PART_NORM_ATTN_BIAS, ACT_IN, ACT_NORM_ATTN),
           LINEAR(PART_QKV, 1, PART_QKV_BIAS, ACT_NORM_ATTN, ACT_QKV),
           IN_PLACE(OP_SCALE, ACT_QKV), ATTEND(ACT_QKV),
           LINEAR(PART_O, 1, PART_O_BIAS, ACT_MIXED, ACT_ATTN),
           ADD(ACT_IN, ACT_ATTN, ACT_MIDDLE),
           NORM(PART_NORM_MLP, PART_NORM_MLP_BIAS, ACT_MIDDLE, ACT_NORM_MLP),
           LINEAR(PART_UP, 1, PART_UP_BIAS, ACT_NORM_MLP, ACT_UP), GATE,
           LINEAR(PART_DOWN, 1, PART_DOWN_BIAS, ACT_GATED, ACT_MLP),
           ADD(ACT_MIDDLE, ACT_MLP, ACT_OUT)},
};

const struct block_list *block_of(const struct shape *shape)
{
    static const struct block_list *const blocks[FAMILIES] = {
        [FAMILY_LLAMA] = &llama,   [FAMILY_MISTRAL] = &llama, [FAMILY_QWEN2] = &qwen2,
        [FAMILY_QWEN3] = &qwen3,   [FAMILY_PHI3] = &phi3,     [FAMILY_GEMMA2] = &gemma2,
        [FAMILY_GEMMA3] = &gemma3, [FAMILY_GPT2] = &gpt2,     [FAMILY_STARCODER2] = &starcoder2,
    };

    return blocks[shape->family];
}

/* Only what some list makes is ever asked for; most activations are as wide as the stream. */
int block_width(const struct shape *s, enum block_act act)
{
    switch (act) {
    case ACT_QKV:
    case ACT_HEADS:
        return (s->heads + 2 * s->kv_heads) * s->head_dim;
    case ACT_MIXED:
        return s->heads * s->head_dim;
    case ACT_UP:
        return rows_gate_width(block_of(s)->gate, s->ffn);
    case ACT_GATED:
        return s->ffn;
    default:
        return s->width;
    }
}

int block_factors(const struct shape *s, const struct block_op *op)
{
    if (op->kind == OP_HEAD_NORM)
        return s->heads + s->kv_heads;
    if (op->kind == OP_NORM)
        return block_of(s)->norm == ROWS_LAYER ? 2 : 1;
    return 0;
}

const struct block_op *block_maker(const struct block_list *block, enum block_act act)
{
    for (int i = 0; i < block->n_ops; i++)
        if (block->op[i].to == act)
            return &block->op[i];
    return NULL;
}

bool block_stream(const struct block_list *block, enum block_act act)
{
    for (int i = 0; i < block->n_ops; i++) {
        const struct block_op *op = &block->op[i];

        if (op->kind == OP_ADD && (op->to == act || op->from == act || op->with == act))
            return true;
    }
    return false;
}
