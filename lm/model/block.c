/* A family is one list here and nothing elsewhere: an operation names what it reads and makes,
 * the weight, and what of its values backward will read. Whoever adds a family writes its list, a case of block_of, its weights'
 * rows and its config's; kernels only where the list needs an operation that is not here.
 *
 * In a list an activation is made before it is read, ACT_IN first and ACT_OUT last. A branch ends
 * in an OP_ADD, and the stream has one gradient for all of a layer (block_plan.c): what backward
 * adds to it, norms do and products that read the stream, must come when every branch that ends
 * behind them has read it. So two branches of one input have their norms first, both. */

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

/* Perceptrons, from what they read to the stream: with a gate, and plain. */
#define GATED_FROM(act) \
    LINEAR(PART_GATE, 2, PART_GATE_BIAS, act, ACT_UP), GATE, \
        LINEAR(PART_DOWN, 1, PART_DOWN_BIAS, ACT_GATED, ACT_MLP), \
        ADD(ACT_MIDDLE, ACT_MLP, ACT_OUT)
#define PLAIN_FROM(act) \
    LINEAR(PART_UP, 1, PART_UP_BIAS, act, ACT_UP), GATE, \
        LINEAR(PART_DOWN, 1, PART_DOWN_BIAS, ACT_GATED, ACT_MLP), \
        ADD(ACT_MIDDLE, ACT_MLP, ACT_OUT)

/* Most families end alike: from the stream after attention on. */
#define GATED_MLP NORM(PART_NORM_MLP, PARTS, ACT_MIDDLE, ACT_NORM_MLP), GATED_FROM(ACT_NORM_MLP)

/* Attention from the normed input to the stream: weight and bias of the projection to heads, what
 * is done with positions. */
#define ATTENTION(part, n, bias_, place) \
    LINEAR(part, n, bias_, ACT_NORM_ATTN, ACT_QKV), IN_PLACE(place, ACT_QKV), ATTEND(ACT_QKV), \
        LINEAR(PART_O, 1, PART_O_BIAS, ACT_MIXED, ACT_ATTN), ADD(ACT_IN, ACT_ATTN, ACT_MIDDLE)
#define FIRST_NORM NORM(PART_NORM_ATTN, PART_NORM_ATTN_BIAS, ACT_IN, ACT_NORM_ATTN)

/* The stream's half before the MLP, of most. */
#define PLAIN_ATTENTION(part, n, bias_) FIRST_NORM, ATTENTION(part, n, bias_, OP_ROTATE)

/* Arcee's AFM: Llama with a squared ReLU instead of a gate. */
static const struct block_list arcee = {
    .gate = ROWS_RELU2_PLAIN,
    .final_bias = PARTS,
    .n_ops = 11,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PART_Q_BIAS),
           NORM(PART_NORM_MLP, PARTS, ACT_MIDDLE, ACT_NORM_MLP), PLAIN_FROM(ACT_NORM_MLP)},
};

/* Touvron et al. 2023, arXiv:2302.13971; Mistral 7B (arXiv:2310.06825), whose window is the
 * shape's; Qwen2 (arXiv:2407.10671), which has biases; SmolLM3, of which every fourth layer does
 * not rotate; Granite, whose multipliers are the shape's. */
static const struct block_list llama = {
    .final_bias = PARTS,
    .n_ops = 11,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PART_Q_BIAS), GATED_MLP},
};

/* arXiv:2505.09388. */
static const struct block_list qwen3 = {
    .final_bias = PARTS,
    .n_ops = 12,
    .op = {NORM(PART_NORM_ATTN, PARTS, ACT_IN, ACT_NORM_ATTN),
           LINEAR(PART_Q, 3, PART_Q_BIAS, ACT_NORM_ATTN, ACT_QKV), HEAD_NORM,
           IN_PLACE(OP_ROTATE, ACT_HEADS), ATTEND(ACT_HEADS),
           LINEAR(PART_O, 1, PART_O_BIAS, ACT_MIXED, ACT_ATTN),
           ADD(ACT_IN, ACT_ATTN, ACT_MIDDLE), GATED_MLP},
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

/* GLM-4 (arXiv:2406.12793): gate and up as one, pairs of columns. */
static const struct block_list glm = {
    .pairs = true,
    .final_bias = PARTS,
    .n_ops = 11,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PART_Q_BIAS),
           NORM(PART_NORM_MLP, PARTS, ACT_MIDDLE, ACT_NORM_MLP),
           LINEAR(PART_GATE_UP, 1, PARTS, ACT_NORM_MLP, ACT_UP), GATE,
           LINEAR(PART_DOWN, 1, PARTS, ACT_GATED, ACT_MLP), ADD(ACT_MIDDLE, ACT_MLP, ACT_OUT)},
};

/* ERNIE 4.5, the dense ones: Llama, in pairs of columns. */
static const struct block_list ernie = {
    .pairs = true,
    .final_bias = PARTS,
    .n_ops = 11,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PART_Q_BIAS), GATED_MLP},
};

/* What comes back from the heads, and the MLP, with norms of their own before the sums. */
#define POST_NORM_ATTENTION_END \
    LINEAR(PART_O, 1, PART_O_BIAS, ACT_MIXED, ACT_O), \
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
           LINEAR(PART_Q, 3, PART_Q_BIAS, ACT_NORM_ATTN, ACT_QKV), IN_PLACE(OP_ROTATE, ACT_QKV),
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
           LINEAR(PART_Q, 3, PART_Q_BIAS, ACT_NORM_ATTN, ACT_QKV), HEAD_NORM,
           IN_PLACE(OP_ROTATE, ACT_HEADS), ATTEND(ACT_HEADS), POST_NORM_ATTENTION_END,
           POST_NORM_MLP},
};

/* arXiv:2403.08295. */
static const struct block_list gemma = {
    .norm = ROWS_RMS_PLUS,
    .gate = ROWS_GELU,
    .scaled = true,
    .final_bias = PARTS,
    .n_ops = 11,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PART_Q_BIAS), GATED_MLP},
};

/* OLMo et al. 2025, arXiv:2501.00656, and OLMo 3, whose windows are the shape's: branches read the
 * stream as it is; norms come behind them. */
#define BEHIND_ATTENTION \
    LINEAR(PART_Q, 3, PART_Q_BIAS, ACT_IN, ACT_QKV), HEAD_NORM, \
        IN_PLACE(OP_ROTATE, ACT_HEADS), ATTEND(ACT_HEADS), POST_NORM_ATTENTION_END
#define BEHIND_MLP \
    LINEAR(PART_GATE, 2, PART_GATE_BIAS, ACT_MIDDLE, ACT_UP), GATE, \
        LINEAR(PART_DOWN, 1, PART_DOWN_BIAS, ACT_GATED, ACT_DOWN), \
        NORM(PART_NORM_MLP_POST, PARTS, ACT_DOWN, ACT_MLP), ADD(ACT_MIDDLE, ACT_MLP, ACT_OUT)
static const struct block_list olmo2 = {
    .whole_heads = true,
    .final_bias = PARTS,
    .n_ops = 12,
    .op = {BEHIND_ATTENTION, BEHIND_MLP},
};

/* EXAONE 4 (arXiv:2507.11407): the same, each head by itself. */
static const struct block_list exaone4 = {
    .final_bias = PARTS,
    .n_ops = 12,
    .op = {BEHIND_ATTENTION, BEHIND_MLP},
};

/* GLM-4 of 2025: as before, and norms behind the branches too. */
static const struct block_list glm4 = {
    .pairs = true,
    .final_bias = PARTS,
    .n_ops = 13,
    .op = {NORM(PART_NORM_ATTN, PARTS, ACT_IN, ACT_NORM_ATTN),
           LINEAR(PART_Q, 3, PART_Q_BIAS, ACT_NORM_ATTN, ACT_QKV), IN_PLACE(OP_ROTATE, ACT_QKV),
           ATTEND(ACT_QKV), POST_NORM_ATTENTION_END,
           NORM(PART_NORM_MLP, PARTS, ACT_MIDDLE, ACT_NORM_MLP),
           LINEAR(PART_GATE_UP, 1, PARTS, ACT_NORM_MLP, ACT_UP), GATE,
           LINEAR(PART_DOWN, 1, PARTS, ACT_GATED, ACT_DOWN),
           NORM(PART_NORM_MLP_POST, PARTS, ACT_DOWN, ACT_MLP),
           ADD(ACT_MIDDLE, ACT_MLP, ACT_OUT)},
};

/* OLMo (arXiv:2402.00838), whose norms have neither weights nor biases; StableLM 2
 * (arXiv:2402.17834), whose norms have both. */
static const struct block_list centred = {
    .norm = ROWS_LAYER,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 11,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PART_Q_BIAS),
           NORM(PART_NORM_MLP, PART_NORM_MLP_BIAS, ACT_MIDDLE, ACT_NORM_MLP),
           GATED_FROM(ACT_NORM_MLP)},
};

/* Both branches read one norm of the input: the larger StableLM 2. */
static const struct block_list beside = {
    .norm = ROWS_LAYER,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 10,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PART_Q_BIAS), GATED_FROM(ACT_NORM_ATTN)},
};

/* Command R, Command R7B: the same, in pairs of columns. */
static const struct block_list cohere = {
    .norm = ROWS_LAYER,
    .pairs = true,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 10,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PART_Q_BIAS), GATED_FROM(ACT_NORM_ATTN)},
};

/* GPT-2 (Radford et al. 2019), GPT-Neo, StarCoder and, with its own order of norms before, OPT
 * (arXiv:2205.01068): learned positions. */
#define SERIAL(part, n, bias_, place) \
    FIRST_NORM, ATTENTION(part, n, bias_, place), \
        NORM(PART_NORM_MLP, PART_NORM_MLP_BIAS, ACT_MIDDLE, ACT_NORM_MLP), \
        PLAIN_FROM(ACT_NORM_MLP)
static const struct block_list gpt2 = {
    .norm = ROWS_LAYER,
    .gate = ROWS_GELU_PLAIN,
    .positions = true,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 11,
    .op = {SERIAL(PART_QKV, 1, PART_QKV_BIAS, OP_SCALE)},
};
static const struct block_list opt = {
    .norm = ROWS_LAYER,
    .gate = ROWS_GELU_PLAIN,
    .positions = true,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 11,
    .op = {SERIAL(PART_Q, 3, PART_Q_BIAS, OP_SCALE)},
};

/* Nemotron-4 (arXiv:2402.16819), Minitron: norms that hold w for 1 + w, a squared ReLU. */
static const struct block_list nemotron = {
    .norm = ROWS_LAYER_PLUS,
    .gate = ROWS_RELU2_PLAIN,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 11,
    .op = {SERIAL(PART_Q, 3, PART_Q_BIAS, OP_ROTATE)},
};

/* Lozhkov et al. 2024, arXiv:2402.19173. */
static const struct block_list starcoder2 = {
    .norm = ROWS_LAYER,
    .gate = ROWS_GELU_PLAIN,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 11,
    .op = {SERIAL(PART_Q, 3, PART_Q_BIAS, OP_ROTATE)},
};

/* Black et al. 2022, arXiv:2204.06745, Pythia (arXiv:2304.01373), Falcon (arXiv:2311.16867):
 * serial; both branches of the input through norms of their own; through one. */
static const struct block_list neox_serial = {
    .norm = ROWS_LAYER,
    .gate = ROWS_GELU_PLAIN,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 11,
    .op = {SERIAL(PART_QKV, 1, PART_QKV_BIAS, OP_ROTATE)},
};
static const struct block_list neox = {
    .norm = ROWS_LAYER,
    .gate = ROWS_GELU_PLAIN,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 11,
    .op = {FIRST_NORM, NORM(PART_NORM_MLP, PART_NORM_MLP_BIAS, ACT_IN, ACT_NORM_MLP),
           ATTENTION(PART_QKV, 1, PART_QKV_BIAS, OP_ROTATE), PLAIN_FROM(ACT_NORM_MLP)},
};
static const struct block_list falcon = {
    .norm = ROWS_LAYER,
    .gate = ROWS_GELU_PLAIN,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 10,
    .op = {PLAIN_ATTENTION(PART_QKV, 1, PART_QKV_BIAS), PLAIN_FROM(ACT_NORM_ATTN)},
};

/* Phi-1.5 (arXiv:2309.05463), Phi-2; GPT-J, in pairs of columns. */
static const struct block_list phi = {
    .norm = ROWS_LAYER,
    .gate = ROWS_GELU_PLAIN,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 10,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PART_Q_BIAS), PLAIN_FROM(ACT_NORM_ATTN)},
};
static const struct block_list gptj = {
    .norm = ROWS_LAYER,
    .gate = ROWS_GELU_PLAIN,
    .pairs = true,
    .final_bias = PART_NORM_FINAL_BIAS,
    .n_ops = 10,
    .op = {PLAIN_ATTENTION(PART_Q, 3, PART_Q_BIAS), PLAIN_FROM(ACT_NORM_ATTN)},
};

const struct block_list *block_of(const struct shape *shape)
{
    static const struct {
        const struct block_list *serial, *parallel; /* parallel NULL: it has no such kind */
    } blocks[FAMILIES] = {
        [FAMILY_LLAMA] = {&llama, NULL},
        [FAMILY_MISTRAL] = {&llama, NULL},
        [FAMILY_QWEN2] = {&llama, NULL},
        [FAMILY_QWEN3] = {&qwen3, NULL},
        [FAMILY_PHI3] = {&phi3, NULL},
        [FAMILY_GEMMA2] = {&gemma2, NULL},
        [FAMILY_GEMMA3] = {&gemma3, NULL},
        [FAMILY_GPT2] = {&gpt2, NULL},
        [FAMILY_STARCODER2] = {&starcoder2, NULL},
        [FAMILY_GEMMA] = {&gemma, NULL},
        [FAMILY_PHI] = {&phi, NULL},
        [FAMILY_NEOX] = {&neox_serial, &neox},
        [FAMILY_OPT] = {&opt, NULL},
        [FAMILY_SMOLLM3] = {&llama, NULL},
        [FAMILY_OLMO] = {&centred, NULL},
        [FAMILY_OLMO2] = {&olmo2, NULL},
        [FAMILY_GRANITE] = {&llama, NULL},
        [FAMILY_STABLELM] = {&centred, &beside},
        [FAMILY_COHERE] = {&cohere, NULL},
        [FAMILY_COHERE2] = {&cohere, NULL},
        [FAMILY_FALCON] = {&neox_serial, &falcon},
        [FAMILY_GPTJ] = {&gptj, NULL},
        [FAMILY_GPTNEO] = {&opt, NULL},
        [FAMILY_BIGCODE] = {&gpt2, NULL},
        [FAMILY_OLMO3] = {&olmo2, NULL},
        [FAMILY_SEEDOSS] = {&llama, NULL},
        [FAMILY_ARCEE] = {&arcee, NULL},
        [FAMILY_GLM] = {&glm, NULL},
        [FAMILY_GLM4] = {&glm4, NULL},
        [FAMILY_ERNIE] = {&ernie, NULL},
        [FAMILY_EXAONE4] = {&exaone4, NULL},
        [FAMILY_NEMOTRON] = {&nemotron, NULL},
    };
    const struct block_list *parallel = blocks[shape->family].parallel;

    /* Falcon alone has all three kinds: its files say which by three keys (hffamily). */
    if (shape->two_norms && shape->family == FAMILY_FALCON)
        return &neox;
    return shape->parallel && parallel ? parallel : blocks[shape->family].serial;
}

/* A family's own activation stands in its list; models of some families bring another, and then
 * the shape says it: widths are asked of this, never of the list. */
enum rows_gate block_gate(const struct shape *s)
{
    static const enum rows_gate of[ACT_KINDS] = {
        [ACT_GELU_TANH] = ROWS_GELU_PLAIN, [ACT_GELU] = ROWS_GELU_EXACT_PLAIN,
        [ACT_RELU] = ROWS_RELU_PLAIN,      [ACT_RELU2] = ROWS_RELU2_PLAIN,
        [ACT_SILU] = ROWS_SILU_PLAIN,
    };

    return s->act == ACT_FAMILY ? block_of(s)->gate : of[s->act];
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
        return rows_gate_width(block_gate(s), s->ffn);
    case ACT_GATED:
        return s->ffn;
    default:
        return s->width;
    }
}

int block_factors(const struct shape *s, const struct block_op *op)
{
    if (op->kind == OP_HEAD_NORM)
        return block_of(s)->whole_heads ? 2 : s->heads + s->kv_heads;
    if (op->kind == OP_NORM)
        return rows_centred(block_of(s)->norm) ? 2 : 1;
    return 0;
}

const struct block_op *block_maker(const struct block_list *block, enum block_act act)
{
    for (int i = 0; i < block->n_ops; i++)
        if (block->op[i].to == act)
            return &block->op[i];
    return NULL;
}

/* Backward comes from the end of the list: who reads an activation last writes its slope, those
 * before add to it. Of the stream there is always one: what came from behind the layer. */
bool block_joins(const struct block_list *block, const struct block_op *op)
{
    if (block_stream(block, op->from))
        return true;
    for (const struct block_op *later = op + 1; later < block->op + block->n_ops; later++)
        if (later->kind == OP_LINEAR && later->from == op->from)
            return true;
    return false;
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
