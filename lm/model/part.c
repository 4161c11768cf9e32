/* The table is the description of every family's weights, written once; what stands below it
 * only reads rows. A new family adds its bit to rows that it shares and brings rows for names
 * of its own. Rows stand in the order of the forward pass, and params keep that order: so the
 * parts of a group (q, k, v; gate, up) are neighbours in memory and one product serves them.
 * Order and `stream` are part of what a seed and a checkpoint mean: append, never renumber. */

#include "lm/model/part.h"

#include <stdio.h>
#include <string.h>

#define BIT(family) (1u << FAMILY_##family)
#define GEMMAS (BIT(GEMMA2) | BIT(GEMMA3))
#define GATED (BIT(LLAMA) | BIT(MISTRAL) | BIT(QWEN2) | BIT(QWEN3) | GEMMAS)
#define SPLIT (GATED | BIT(STARCODER2)) /* q, k and v apart */
#define LLAMAS (SPLIT | BIT(PHI3))      /* who spells its weights as Llama does */
#define EVERY (LLAMAS | BIT(GPT2))

/* A row's second half: what it is, whom it is packed with, its sizes, its stream of first
 * values. */
#define PART(part_, group_, kind_, rows_, cols_, stream_) \
    .part = PART_##part_, .group = PART_##group_, .kind = KIND_##kind_, .rows = DIM_##rows_, \
    .cols = DIM_##cols_, .stream = stream_
#define LAYER "model.layers.%d."
#define BLOCK "transformer.h.%d."

static const struct part_row front_rows[] = {
    {LLAMAS, "model.embed_tokens.weight", "token_embd.weight",
     PART(EMBED, EMBED, EMBED, VOCAB, WIDTH, 0)},
    {BIT(GPT2), "transformer.wte.weight", "token_embd.weight",
     PART(EMBED, EMBED, EMBED, VOCAB, WIDTH, 0)},
    {BIT(GPT2), "transformer.wpe.weight", "position_embd.weight",
     PART(POSITION, POSITION, POSITION, CONTEXT, WIDTH, 17)},
};

/* Parts of one group stand one behind another, as they are packed. */
static const struct part_row layer_rows[] = {
    /* attention */
    {LLAMAS & ~GEMMAS, LAYER "input_layernorm.weight", "blk.%d.attn_norm.weight",
     PART(NORM_ATTN, NORM_ATTN, NORM, ONE, WIDTH, 1)},
    {GEMMAS, LAYER "input_layernorm.weight", "blk.%d.attn_norm.weight",
     PART(NORM_ATTN, NORM_ATTN, NORM_PLUS, ONE, WIDTH, 1)},
    {BIT(GPT2), BLOCK "ln_1.weight", "blk.%d.attn_norm.weight",
     PART(NORM_ATTN, NORM_ATTN, NORM, ONE, WIDTH, 1)},
    {BIT(GPT2), BLOCK "ln_1.bias", "blk.%d.attn_norm.bias",
     PART(NORM_ATTN_BIAS, NORM_ATTN_BIAS, BIAS, ONE, WIDTH, 18)},
    {BIT(STARCODER2), LAYER "input_layernorm.bias", "blk.%d.attn_norm.bias",
     PART(NORM_ATTN_BIAS, NORM_ATTN_BIAS, BIAS, ONE, WIDTH, 18)},
    {SPLIT, LAYER "self_attn.q_proj.weight", "blk.%d.attn_q.weight",
     PART(Q, Q, LINEAR, QUERIES, WIDTH, 2), .usual = true, .interleaved = true},
    {SPLIT, LAYER "self_attn.k_proj.weight", "blk.%d.attn_k.weight",
     PART(K, Q, LINEAR, KEYS, WIDTH, 3), .interleaved = true},
    {SPLIT, LAYER "self_attn.v_proj.weight", "blk.%d.attn_v.weight",
     PART(V, Q, LINEAR, KEYS, WIDTH, 4), .usual = true},
    {BIT(PHI3), LAYER "self_attn.qkv_proj.weight", "blk.%d.attn_qkv.weight",
     PART(QKV, QKV, LINEAR, QKV, WIDTH, 2), .usual = true},
    {BIT(GPT2), BLOCK "attn.c_attn.weight", "blk.%d.attn_qkv.weight",
     PART(QKV, QKV, LINEAR, QKV, WIDTH, 2), .usual = true, .turned = true},
    {BIT(QWEN2) | BIT(STARCODER2), LAYER "self_attn.q_proj.bias", "blk.%d.attn_q.bias",
     PART(Q_BIAS, Q_BIAS, BIAS, ONE, QUERIES, 5)},
    {BIT(QWEN2) | BIT(STARCODER2), LAYER "self_attn.k_proj.bias", "blk.%d.attn_k.bias",
     PART(K_BIAS, Q_BIAS, BIAS, ONE, KEYS, 6)},
    {BIT(QWEN2) | BIT(STARCODER2), LAYER "self_attn.v_proj.bias", "blk.%d.attn_v.bias",
     PART(V_BIAS, Q_BIAS, BIAS, ONE, KEYS, 7)},
    {BIT(GPT2), BLOCK "attn.c_attn.bias", "blk.%d.attn_qkv.bias",
     PART(QKV_BIAS, QKV_BIAS, BIAS, ONE, QKV, 19)},
    {BIT(QWEN3), LAYER "self_attn.q_norm.weight", "blk.%d.attn_q_norm.weight",
     PART(NORM_Q, NORM_Q, NORM, ONE, HEAD, 20)},
    {BIT(QWEN3), LAYER "self_attn.k_norm.weight", "blk.%d.attn_k_norm.weight",
     PART(NORM_K, NORM_K, NORM, ONE, HEAD, 21)},
    {BIT(GEMMA3), LAYER "self_attn.q_norm.weight", "blk.%d.attn_q_norm.weight",
     PART(NORM_Q, NORM_Q, NORM_PLUS, ONE, HEAD, 20)},
    {BIT(GEMMA3), LAYER "self_attn.k_norm.weight", "blk.%d.attn_k_norm.weight",
     PART(NORM_K, NORM_K, NORM_PLUS, ONE, HEAD, 21)},
    {LLAMAS, LAYER "self_attn.o_proj.weight", "blk.%d.attn_output.weight",
     PART(O, O, LINEAR, WIDTH, QUERIES, 8)},
    {BIT(GPT2), BLOCK "attn.c_proj.weight", "blk.%d.attn_output.weight",
     PART(O, O, LINEAR, WIDTH, QUERIES, 8), .turned = true},
    {BIT(GPT2), BLOCK "attn.c_proj.bias", "blk.%d.attn_output.bias",
     PART(O_BIAS, O_BIAS, BIAS, ONE, WIDTH, 22)},
    {BIT(STARCODER2), LAYER "self_attn.o_proj.bias", "blk.%d.attn_output.bias",
     PART(O_BIAS, O_BIAS, BIAS, ONE, WIDTH, 22)},
    {GEMMAS, LAYER "post_attention_layernorm.weight", "blk.%d.post_attention_norm.weight",
     PART(NORM_ATTN_POST, NORM_ATTN_POST, NORM_PLUS, ONE, WIDTH, 23)},
    /* the gated, or GPT-2's plain, two-layer perceptron */
    {LLAMAS & ~GEMMAS, LAYER "post_attention_layernorm.weight", "blk.%d.ffn_norm.weight",
     PART(NORM_MLP, NORM_MLP, NORM, ONE, WIDTH, 9)},
    {GEMMAS, LAYER "pre_feedforward_layernorm.weight", "blk.%d.ffn_norm.weight",
     PART(NORM_MLP, NORM_MLP, NORM_PLUS, ONE, WIDTH, 9)},
    {BIT(GPT2), BLOCK "ln_2.weight", "blk.%d.ffn_norm.weight",
     PART(NORM_MLP, NORM_MLP, NORM, ONE, WIDTH, 9)},
    {BIT(GPT2), BLOCK "ln_2.bias", "blk.%d.ffn_norm.bias",
     PART(NORM_MLP_BIAS, NORM_MLP_BIAS, BIAS, ONE, WIDTH, 24)},
    {BIT(STARCODER2), LAYER "post_attention_layernorm.bias", "blk.%d.ffn_norm.bias",
     PART(NORM_MLP_BIAS, NORM_MLP_BIAS, BIAS, ONE, WIDTH, 24)},
    {GATED, LAYER "mlp.gate_proj.weight", "blk.%d.ffn_gate.weight",
     PART(GATE, GATE, LINEAR, FFN, WIDTH, 10)},
    {GATED, LAYER "mlp.up_proj.weight", "blk.%d.ffn_up.weight",
     PART(UP, GATE, LINEAR, FFN, WIDTH, 11)},
    {BIT(PHI3), LAYER "mlp.gate_up_proj.weight", "blk.%d.ffn_up.weight",
     PART(GATE_UP, GATE_UP, LINEAR, GATE_UP, WIDTH, 10)},
    {BIT(GPT2), BLOCK "mlp.c_fc.weight", "blk.%d.ffn_up.weight",
     PART(UP, UP, LINEAR, FFN, WIDTH, 11), .turned = true},
    {BIT(GPT2), BLOCK "mlp.c_fc.bias", "blk.%d.ffn_up.bias",
     PART(UP_BIAS, UP_BIAS, BIAS, ONE, FFN, 25)},
    {BIT(STARCODER2), LAYER "mlp.c_fc.weight", "blk.%d.ffn_up.weight",
     PART(UP, UP, LINEAR, FFN, WIDTH, 11)},
    {BIT(STARCODER2), LAYER "mlp.c_fc.bias", "blk.%d.ffn_up.bias",
     PART(UP_BIAS, UP_BIAS, BIAS, ONE, FFN, 25)},
    {LLAMAS & ~BIT(STARCODER2), LAYER "mlp.down_proj.weight", "blk.%d.ffn_down.weight",
     PART(DOWN, DOWN, LINEAR, WIDTH, FFN, 12)},
    {BIT(GPT2), BLOCK "mlp.c_proj.weight", "blk.%d.ffn_down.weight",
     PART(DOWN, DOWN, LINEAR, WIDTH, FFN, 12), .turned = true},
    {BIT(GPT2), BLOCK "mlp.c_proj.bias", "blk.%d.ffn_down.bias",
     PART(DOWN_BIAS, DOWN_BIAS, BIAS, ONE, WIDTH, 26)},
    {BIT(STARCODER2), LAYER "mlp.c_proj.weight", "blk.%d.ffn_down.weight",
     PART(DOWN, DOWN, LINEAR, WIDTH, FFN, 12)},
    {BIT(STARCODER2), LAYER "mlp.c_proj.bias", "blk.%d.ffn_down.bias",
     PART(DOWN_BIAS, DOWN_BIAS, BIAS, ONE, WIDTH, 26)},
    {GEMMAS, LAYER "post_feedforward_layernorm.weight", "blk.%d.post_ffw_norm.weight",
     PART(NORM_MLP_POST, NORM_MLP_POST, NORM_PLUS, ONE, WIDTH, 27)},
};

/* llama.cpp has no reward models, so a score has no name there. GPT-2's process reward model
 * has the name that its token classifier has. */
static const struct part_row back_rows[] = {
    {LLAMAS & ~GEMMAS, "model.norm.weight", "output_norm.weight",
     PART(NORM_FINAL, NORM_FINAL, NORM, ONE, WIDTH, 13)},
    {GEMMAS, "model.norm.weight", "output_norm.weight",
     PART(NORM_FINAL, NORM_FINAL, NORM_PLUS, ONE, WIDTH, 13)},
    {BIT(GPT2), "transformer.ln_f.weight", "output_norm.weight",
     PART(NORM_FINAL, NORM_FINAL, NORM, ONE, WIDTH, 13)},
    {BIT(GPT2), "transformer.ln_f.bias", "output_norm.bias",
     PART(NORM_FINAL_BIAS, NORM_FINAL_BIAS, BIAS, ONE, WIDTH, 28)},
    {BIT(STARCODER2), "model.norm.bias", "output_norm.bias",
     PART(NORM_FINAL_BIAS, NORM_FINAL_BIAS, BIAS, ONE, WIDTH, 28)},
    {EVERY, "lm_head.weight", "output.weight", PART(HEAD, HEAD, HEAD, VOCAB, WIDTH, 14),
     .when = WHEN_UNTIED},
    {LLAMAS, "score.weight", NULL, PART(SCORE, SCORE, SCORE, LABELS, WIDTH, 15),
     .when = WHEN_VALUE},
    {LLAMAS, "score.bias", NULL, PART(SCORE_BIAS, SCORE_BIAS, BIAS, ONE, LABELS, 16),
     .when = WHEN_STEP},
    {BIT(GPT2), "score.weight", NULL, PART(SCORE, SCORE, SCORE, LABELS, WIDTH, 15),
     .when = WHEN_SCALAR},
    {BIT(GPT2), "classifier.weight", NULL, PART(SCORE, SCORE, SCORE, LABELS, WIDTH, 15),
     .when = WHEN_STEP},
    {BIT(GPT2), "classifier.bias", NULL, PART(SCORE_BIAS, SCORE_BIAS, BIAS, ONE, LABELS, 16),
     .when = WHEN_STEP},
};
#define COUNT(rows) ((int)(sizeof(rows) / sizeof *(rows)))

static const struct part_rows places[] = {
    [PLACE_FRONT] = {front_rows, COUNT(front_rows)},
    [PLACE_LAYER] = {layer_rows, COUNT(layer_rows)},
    [PLACE_BACK] = {back_rows, COUNT(back_rows)},
};

struct part_rows part_rows(enum part_place place)
{
    return places[place];
}

/* Family, then head: what a shape does not have is in no list, file or image. */
bool part_has(const struct part_row *row, const struct shape *s)
{
    if (!(row->families >> s->family & 1))
        return false;
    switch (row->when) {
    case WHEN_UNTIED:
        return s->head == HEAD_LM && !s->tied;
    case WHEN_VALUE:
        return s->head != HEAD_LM;
    case WHEN_SCALAR:
        return s->head == HEAD_SCALAR;
    case WHEN_STEP:
        return s->head == HEAD_STEP;
    default:
        return true;
    }
}

int part_dim(const struct shape *s, enum part_dim dim)
{
    const int queries = s->heads * s->head_dim, keys = s->kv_heads * s->head_dim;

    switch (dim) {
    case DIM_WIDTH:
        return s->width;
    case DIM_VOCAB:
        return s->vocab;
    case DIM_CONTEXT:
        return s->context;
    case DIM_QUERIES:
        return queries;
    case DIM_KEYS:
        return keys;
    case DIM_QKV:
        return queries + 2 * keys;
    case DIM_HEAD:
        return s->head_dim;
    case DIM_FFN:
        return s->ffn;
    /* both halves in one matrix, gate first */
    case DIM_GATE_UP:
        return 2 * s->ffn;
    case DIM_LABELS:
        return s->head == HEAD_STEP ? 2 : 1;
    default:
        return 1;
    }
}

/* Not by printf: the pattern is a table's, and a format must be the compiler's to check. */
void part_name(char *out, size_t size, const char *pattern, int layer)
{
    const char *number = strstr(pattern, "%d");

    if (number)
        snprintf(out, size, "%.*s%d%s", (int)(number - pattern), pattern, layer, number + 2);
    else
        snprintf(out, size, "%s", pattern);
}

bool part_is_vector(const struct part_row *row)
{
    return row->rows == DIM_ONE;
}

/* What is read by rows alone, and the few rows of a score, would gain nothing from panels. */
bool part_in_panels(const struct part_row *row)
{
    return row->kind == KIND_EMBED || row->kind == KIND_LINEAR || row->kind == KIND_HEAD;
}

double part_count(const struct shape *s)
{
    double count = 0; /* no int: this is asked of shapes that no memory holds */

    for (int place = PLACE_FRONT; place <= PLACE_BACK; place++)
        for (int i = 0; i < places[place].n; i++) {
            const struct part_row *row = &places[place].row[i];

            if (part_has(row, s))
                count += (place == PLACE_LAYER ? (double)s->layers : 1) *
                         part_dim(s, row->rows) * part_dim(s, row->cols);
        }
    return count;
}
