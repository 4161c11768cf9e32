/* The table is the description of every family's weights, written once; what stands below it
 * only reads rows. A new family adds its bit to rows that it shares and brings rows for names
 * of its own. Rows stand in the order of the forward pass, and params keep that order: so the
 * parts of a group (q, k, v; gate, up) are neighbours in memory and one product serves them.
 * Order and `stream` are part of what a seed and a checkpoint mean: append, never renumber. */

#include "lm/model/part.h"

#include <stdio.h>
#include <string.h>

#define BIT(family) (1u << FAMILY_##family)
#define SANDWICH (BIT(GEMMA2) | BIT(GEMMA3)) /* norms before and behind each branch */
#define GEMMAS (SANDWICH | BIT(GEMMA))
#define PLUS (GEMMAS | BIT(NEMOTRON)) /* norms hold w for 1 + w */
#define COHERES (BIT(COHERE) | BIT(COHERE2))
/* Biases where the model's configuration has them. */
#define FREE_BIAS \
    (BIT(LLAMA) | BIT(QWEN3) | GEMMAS | COHERES | BIT(GRANITE) | BIT(OLMO) | BIT(OLMO2) | \
     BIT(SMOLLM3) | BIT(OLMO3) | BIT(SEEDOSS) | BIT(ERNIE))
#define GLMS (BIT(GLM) | BIT(GLM4))
#define PLAINLY (BIT(ARCEE) | BIT(NEMOTRON)) /* Llama's words, and no gate */
#define QKV_BIAS (FREE_BIAS | BIT(STABLELM) | PLAINLY | GLMS)
#define GATED (FREE_BIAS | BIT(EXAONE4) | BIT(MISTRAL) | BIT(QWEN2) | BIT(STABLELM))
#define BIASED (BIT(QWEN2) | BIT(STARCODER2) | BIT(PHI)) /* q, k, v always have them */
#define SPLIT (GATED | BIT(STARCODER2) | BIT(PHI) | PLAINLY | GLMS) /* q, k and v apart */
#define LLAMAS (SPLIT | BIT(PHI3)) /* who spells its weights as Llama does */
#define CENTRED \
    (BIT(STARCODER2) | BIT(PHI) | BIT(STABLELM) | \
     BIT(NEMOTRON)) /* norms of Llama's names, biases */
/* norms behind the branches alone */
#define BEHIND (BIT(OLMO2) | BIT(OLMO3) | BIT(EXAONE4))
#define PLAIN (BIT(OLMO) | BEHIND) /* no weight in the first norm of a branch */
#define WTES (BIT(GPT2) | BIT(GPTJ) | BIT(GPTNEO) | BIT(BIGCODE)) /* who spells as GPT-2 does */
#define EVERY (~0u >> (32 - FAMILIES)) /* bits of an unsigned: 32 families */

/* A row's second half: what it is, whom it is packed with, its sizes, its stream of first
 * values. */
#define PART(part_, group_, kind_, rows_, cols_, stream_) \
    .part = PART_##part_, .group = PART_##group_, .kind = KIND_##kind_, .rows = DIM_##rows_, \
    .cols = DIM_##cols_, .stream = stream_
#define LAYER "model.layers.%d."
#define BLOCK "transformer.h.%d."
#define NEOX_LAYER "gpt_neox.layers.%d."
#define OPT_LAYER "model.decoder.layers.%d."
/* What many families call alike but for the name: a vector, its bias, a pair of matrices. */
#define NORM_ROWS(families_, name, gguf_, part_, stream_, bias_stream) \
    {families_, name ".weight", gguf_ ".weight", \
     PART(part_, part_, NORM, ONE, WIDTH, stream_)}, \
    { \
        families_, name ".bias", gguf_ ".bias", \
            PART(part_##_BIAS, part_##_BIAS, BIAS, ONE, WIDTH, bias_stream) \
    }
#define MLP_ROWS(families_, name, gguf_, part_, rows_, cols_, stream_, bias_stream) \
    {families_, name ".weight", gguf_ ".weight", \
     PART(part_, part_, LINEAR, rows_, cols_, stream_)}, \
    { \
        families_, name ".bias", gguf_ ".bias", \
            PART(part_##_BIAS, part_##_BIAS, BIAS, ONE, rows_, bias_stream) \
    }

static const struct part_row front_rows[] = {
    {LLAMAS, "model.embed_tokens.weight", "token_embd.weight",
     PART(EMBED, EMBED, EMBED, VOCAB, WIDTH, 0)},
    {WTES, "transformer.wte.weight", "token_embd.weight",
     PART(EMBED, EMBED, EMBED, VOCAB, WIDTH, 0)},
    {BIT(NEOX), "gpt_neox.embed_in.weight", "token_embd.weight",
     PART(EMBED, EMBED, EMBED, VOCAB, WIDTH, 0)},
    {BIT(OPT), "model.decoder.embed_tokens.weight", "token_embd.weight",
     PART(EMBED, EMBED, EMBED, VOCAB, WIDTH, 0)},
    {BIT(FALCON), "transformer.word_embeddings.weight", "token_embd.weight",
     PART(EMBED, EMBED, EMBED, VOCAB, WIDTH, 0)},
    {WTES & ~BIT(GPTJ), "transformer.wpe.weight", "position_embd.weight",
     PART(POSITION, POSITION, POSITION, POSITIONS, WIDTH, 17)},
    {BIT(OPT), "model.decoder.embed_positions.weight", "position_embd.weight",
     PART(POSITION, POSITION, POSITION, POSITIONS, WIDTH, 17)},
};

/* Parts of one group stand one behind another, as they are packed. */
static const struct part_row layer_rows[] = {
    /* attention */
    {LLAMAS & ~PLUS & ~PLAIN, LAYER "input_layernorm.weight", "blk.%d.attn_norm.weight",
     PART(NORM_ATTN, NORM_ATTN, NORM, ONE, WIDTH, 1)},
    {PLUS, LAYER "input_layernorm.weight", "blk.%d.attn_norm.weight",
     PART(NORM_ATTN, NORM_ATTN, NORM_PLUS, ONE, WIDTH, 1)},
    {CENTRED, LAYER "input_layernorm.bias", "blk.%d.attn_norm.bias",
     PART(NORM_ATTN_BIAS, NORM_ATTN_BIAS, BIAS, ONE, WIDTH, 18)},
    /* The other trunks have their own words for the same norms, and biases in all of them. */
    NORM_ROWS(WTES, BLOCK "ln_1", "blk.%d.attn_norm", NORM_ATTN, 1, 18),
    NORM_ROWS(BIT(NEOX), NEOX_LAYER "input_layernorm", "blk.%d.attn_norm", NORM_ATTN, 1, 18),
    NORM_ROWS(BIT(OPT), OPT_LAYER "self_attn_layer_norm", "blk.%d.attn_norm", NORM_ATTN, 1, 18),
    {BIT(FALCON), BLOCK "input_layernorm.weight", "blk.%d.attn_norm.weight",
     PART(NORM_ATTN, NORM_ATTN, NORM, ONE, WIDTH, 1), .when = WHEN_ONE_NORM},
    {BIT(FALCON), BLOCK "input_layernorm.bias", "blk.%d.attn_norm.bias",
     PART(NORM_ATTN_BIAS, NORM_ATTN_BIAS, BIAS, ONE, WIDTH, 18), .when = WHEN_ONE_NORM},
    /* llama.cpp's second norm of Falcon is attention's */
    {BIT(FALCON), BLOCK "ln_attn.weight", "blk.%d.attn_norm_2.weight",
     PART(NORM_ATTN, NORM_ATTN, NORM, ONE, WIDTH, 1), .when = WHEN_TWO_NORMS},
    {BIT(FALCON), BLOCK "ln_attn.bias", "blk.%d.attn_norm_2.bias",
     PART(NORM_ATTN_BIAS, NORM_ATTN_BIAS, BIAS, ONE, WIDTH, 18), .when = WHEN_TWO_NORMS},
    /* q, k and v apart: neighbours here whatever the file's order, so that one product serves all
     * three. The pairs of columns that a rotation turns differ from llama.cpp's for arch llama and
     * its kin, which reorder these rows (interleaved); GPT-J and Cohere turn other pairs in both. */
    {SPLIT, LAYER "self_attn.q_proj.weight", "blk.%d.attn_q.weight",
     PART(Q, Q, LINEAR, QUERIES, WIDTH, 2), .usual = true, .interleaved = true},
    {SPLIT, LAYER "self_attn.k_proj.weight", "blk.%d.attn_k.weight",
     PART(K, Q, LINEAR, KEYS, WIDTH, 3), .interleaved = true},
    {SPLIT, LAYER "self_attn.v_proj.weight", "blk.%d.attn_v.weight",
     PART(V, Q, LINEAR, KEYS, WIDTH, 4), .usual = true},
    {BIT(OPT), OPT_LAYER "self_attn.q_proj.weight", "blk.%d.attn_q.weight",
     PART(Q, Q, LINEAR, QUERIES, WIDTH, 2), .usual = true},
    {BIT(OPT), OPT_LAYER "self_attn.k_proj.weight", "blk.%d.attn_k.weight",
     PART(K, Q, LINEAR, KEYS, WIDTH, 3)},
    {BIT(OPT), OPT_LAYER "self_attn.v_proj.weight", "blk.%d.attn_v.weight",
     PART(V, Q, LINEAR, KEYS, WIDTH, 4), .usual = true},
    {BIT(GPTJ), BLOCK "attn.q_proj.weight", "blk.%d.attn_q.weight",
     PART(Q, Q, LINEAR, QUERIES, WIDTH, 2), .usual = true},
    {BIT(GPTJ), BLOCK "attn.k_proj.weight", "blk.%d.attn_k.weight",
     PART(K, Q, LINEAR, KEYS, WIDTH, 3)},
    {BIT(GPTJ), BLOCK "attn.v_proj.weight", "blk.%d.attn_v.weight",
     PART(V, Q, LINEAR, KEYS, WIDTH, 4), .usual = true},
    {BIT(GPTNEO), BLOCK "attn.attention.q_proj.weight", "blk.%d.attn_q.weight",
     PART(Q, Q, LINEAR, QUERIES, WIDTH, 2), .usual = true},
    {BIT(GPTNEO), BLOCK "attn.attention.k_proj.weight", "blk.%d.attn_k.weight",
     PART(K, Q, LINEAR, KEYS, WIDTH, 3)},
    {BIT(GPTNEO), BLOCK "attn.attention.v_proj.weight", "blk.%d.attn_v.weight",
     PART(V, Q, LINEAR, KEYS, WIDTH, 4), .usual = true},
    /* … or as one matrix. GPT-2's is a Conv1D and so turned; StarCoder's is none; those of NeoX and
     * Falcon are grouped, but not in a GGUF file, whose writer takes the groups apart. */
    {BIT(PHI3), LAYER "self_attn.qkv_proj.weight", "blk.%d.attn_qkv.weight",
     PART(QKV, QKV, LINEAR, QKV, WIDTH, 2), .usual = true},
    {BIT(GPT2), BLOCK "attn.c_attn.weight", "blk.%d.attn_qkv.weight",
     PART(QKV, QKV, LINEAR, QKV, WIDTH, 2), .usual = true, .turned = true},
    {BIT(BIGCODE), BLOCK "attn.c_attn.weight", "blk.%d.attn_qkv.weight",
     PART(QKV, QKV, LINEAR, QKV, WIDTH, 2), .usual = true},
    {BIT(NEOX), NEOX_LAYER "attention.query_key_value.weight", "blk.%d.attn_qkv.weight",
     PART(QKV, QKV, LINEAR, QKV, WIDTH, 2), .usual = true, .grouped = true},
    {BIT(FALCON), BLOCK "self_attention.query_key_value.weight", "blk.%d.attn_qkv.weight",
     PART(QKV, QKV, LINEAR, QKV, WIDTH, 2), .usual = true, .grouped = true},
    /* Three kinds of families: biases always, where attention_bias says so, never. A product looks
     * for its bias in the model and goes without where there is none (model_weight_if). */
    {BIASED, LAYER "self_attn.q_proj.bias", "blk.%d.attn_q.bias",
     PART(Q_BIAS, Q_BIAS, BIAS, ONE, QUERIES, 5)},
    {BIASED, LAYER "self_attn.k_proj.bias", "blk.%d.attn_k.bias",
     PART(K_BIAS, Q_BIAS, BIAS, ONE, KEYS, 6)},
    {BIASED, LAYER "self_attn.v_proj.bias", "blk.%d.attn_v.bias",
     PART(V_BIAS, Q_BIAS, BIAS, ONE, KEYS, 7)},
    {QKV_BIAS, LAYER "self_attn.q_proj.bias", "blk.%d.attn_q.bias",
     PART(Q_BIAS, Q_BIAS, BIAS, ONE, QUERIES, 5), .when = WHEN_BIAS_QKV, .interleaved = true},
    {QKV_BIAS, LAYER "self_attn.k_proj.bias", "blk.%d.attn_k.bias",
     PART(K_BIAS, Q_BIAS, BIAS, ONE, KEYS, 6), .when = WHEN_BIAS_QKV, .interleaved = true},
    {QKV_BIAS, LAYER "self_attn.v_proj.bias", "blk.%d.attn_v.bias",
     PART(V_BIAS, Q_BIAS, BIAS, ONE, KEYS, 7), .when = WHEN_BIAS_QKV},
    {BIT(OPT), OPT_LAYER "self_attn.q_proj.bias", "blk.%d.attn_q.bias",
     PART(Q_BIAS, Q_BIAS, BIAS, ONE, QUERIES, 5)},
    {BIT(OPT), OPT_LAYER "self_attn.k_proj.bias", "blk.%d.attn_k.bias",
     PART(K_BIAS, Q_BIAS, BIAS, ONE, KEYS, 6)},
    {BIT(OPT), OPT_LAYER "self_attn.v_proj.bias", "blk.%d.attn_v.bias",
     PART(V_BIAS, Q_BIAS, BIAS, ONE, KEYS, 7)},
    {BIT(GPT2) | BIT(BIGCODE), BLOCK "attn.c_attn.bias", "blk.%d.attn_qkv.bias",
     PART(QKV_BIAS, QKV_BIAS, BIAS, ONE, QKV, 19)},
    {BIT(NEOX), NEOX_LAYER "attention.query_key_value.bias", "blk.%d.attn_qkv.bias",
     PART(QKV_BIAS, QKV_BIAS, BIAS, ONE, QKV, 19), .when = WHEN_BIAS_QKV, .grouped = true},
    {BIT(FALCON), BLOCK "self_attention.query_key_value.bias", "blk.%d.attn_qkv.bias",
     PART(QKV_BIAS, QKV_BIAS, BIAS, ONE, QKV, 19), .when = WHEN_BIAS_QKV, .grouped = true},
    /* Qwen3 and Gemma 3 normalise each head by itself, with one weight for all of them. */
    {BIT(QWEN3) | BIT(EXAONE4), LAYER "self_attn.q_norm.weight", "blk.%d.attn_q_norm.weight",
     PART(NORM_Q, NORM_Q, NORM, ONE, HEAD, 20)},
    {BIT(QWEN3) | BIT(EXAONE4), LAYER "self_attn.k_norm.weight", "blk.%d.attn_k_norm.weight",
     PART(NORM_K, NORM_K, NORM, ONE, HEAD, 21)},
    /* of all heads together */
    {BIT(OLMO2) | BIT(OLMO3), LAYER "self_attn.q_norm.weight", "blk.%d.attn_q_norm.weight",
     PART(NORM_Q, NORM_Q, NORM, ONE, QUERIES, 20)},
    {BIT(OLMO2) | BIT(OLMO3), LAYER "self_attn.k_norm.weight", "blk.%d.attn_k_norm.weight",
     PART(NORM_K, NORM_K, NORM, ONE, KEYS, 21)},
    {BIT(GEMMA3), LAYER "self_attn.q_norm.weight", "blk.%d.attn_q_norm.weight",
     PART(NORM_Q, NORM_Q, NORM_PLUS, ONE, HEAD, 20)},
    {BIT(GEMMA3), LAYER "self_attn.k_norm.weight", "blk.%d.attn_k_norm.weight",
     PART(NORM_K, NORM_K, NORM_PLUS, ONE, HEAD, 21)},
    {LLAMAS & ~BIT(PHI), LAYER "self_attn.o_proj.weight", "blk.%d.attn_output.weight",
     PART(O, O, LINEAR, WIDTH, QUERIES, 8)},
    {BIT(PHI), LAYER "self_attn.dense.weight", "blk.%d.attn_output.weight",
     PART(O, O, LINEAR, WIDTH, QUERIES, 8)},
    {BIT(GPT2), BLOCK "attn.c_proj.weight", "blk.%d.attn_output.weight",
     PART(O, O, LINEAR, WIDTH, QUERIES, 8), .turned = true},
    {BIT(BIGCODE), BLOCK "attn.c_proj.weight", "blk.%d.attn_output.weight",
     PART(O, O, LINEAR, WIDTH, QUERIES, 8)},
    {BIT(GPTJ), BLOCK "attn.out_proj.weight", "blk.%d.attn_output.weight",
     PART(O, O, LINEAR, WIDTH, QUERIES, 8)},
    {BIT(GPTNEO), BLOCK "attn.attention.out_proj.weight", "blk.%d.attn_output.weight",
     PART(O, O, LINEAR, WIDTH, QUERIES, 8)},
    {BIT(NEOX), NEOX_LAYER "attention.dense.weight", "blk.%d.attn_output.weight",
     PART(O, O, LINEAR, WIDTH, QUERIES, 8)},
    {BIT(OPT), OPT_LAYER "self_attn.out_proj.weight", "blk.%d.attn_output.weight",
     PART(O, O, LINEAR, WIDTH, QUERIES, 8)},
    {BIT(FALCON), BLOCK "self_attention.dense.weight", "blk.%d.attn_output.weight",
     PART(O, O, LINEAR, WIDTH, QUERIES, 8)},
    {BIT(GPT2) | BIT(BIGCODE), BLOCK "attn.c_proj.bias", "blk.%d.attn_output.bias",
     PART(O_BIAS, O_BIAS, BIAS, ONE, WIDTH, 22)},
    {BIT(GPTNEO), BLOCK "attn.attention.out_proj.bias", "blk.%d.attn_output.bias",
     PART(O_BIAS, O_BIAS, BIAS, ONE, WIDTH, 22)},
    {BIT(STARCODER2), LAYER "self_attn.o_proj.bias", "blk.%d.attn_output.bias",
     PART(O_BIAS, O_BIAS, BIAS, ONE, WIDTH, 22)},
    {FREE_BIAS | PLAINLY, LAYER "self_attn.o_proj.bias", "blk.%d.attn_output.bias",
     PART(O_BIAS, O_BIAS, BIAS, ONE, WIDTH, 22), .when = WHEN_BIAS_O},
    {BIT(PHI), LAYER "self_attn.dense.bias", "blk.%d.attn_output.bias",
     PART(O_BIAS, O_BIAS, BIAS, ONE, WIDTH, 22)},
    {BIT(NEOX), NEOX_LAYER "attention.dense.bias", "blk.%d.attn_output.bias",
     PART(O_BIAS, O_BIAS, BIAS, ONE, WIDTH, 22), .when = WHEN_BIAS_O},
    {BIT(OPT), OPT_LAYER "self_attn.out_proj.bias", "blk.%d.attn_output.bias",
     PART(O_BIAS, O_BIAS, BIAS, ONE, WIDTH, 22)},
    {BIT(FALCON), BLOCK "self_attention.dense.bias", "blk.%d.attn_output.bias",
     PART(O_BIAS, O_BIAS, BIAS, ONE, WIDTH, 22), .when = WHEN_BIAS_O},
    /* The same words mean different norms: behind attention here, before the perceptron in Llama. */
    {SANDWICH, LAYER "post_attention_layernorm.weight", "blk.%d.post_attention_norm.weight",
     PART(NORM_ATTN_POST, NORM_ATTN_POST, NORM_PLUS, ONE, WIDTH, 23)},
    {BEHIND, LAYER "post_attention_layernorm.weight", "blk.%d.post_attention_norm.weight",
     PART(NORM_ATTN_POST, NORM_ATTN_POST, NORM, ONE, WIDTH, 23)},
    {BIT(GLM4), LAYER "post_self_attn_layernorm.weight", "blk.%d.post_attention_norm.weight",
     PART(NORM_ATTN_POST, NORM_ATTN_POST, NORM, ONE, WIDTH, 23)},
    /* the gated, or GPT-2's plain, two-layer perceptron */
    {LLAMAS & ~(PLUS | PLAIN | COHERES | BIT(PHI) | BIT(STABLELM) | BIT(SEEDOSS)),
     LAYER "post_attention_layernorm.weight", "blk.%d.ffn_norm.weight",
     PART(NORM_MLP, NORM_MLP, NORM, ONE, WIDTH, 9)},
    /* llama.cpp goes by the name, not by where it stands */
    {BIT(SEEDOSS), LAYER "post_attention_layernorm.weight", "blk.%d.post_attention_norm.weight",
     PART(NORM_MLP, NORM_MLP, NORM, ONE, WIDTH, 9)},
    /* only where the branches are serial: beside each other they share the first norm */
    {BIT(STABLELM), LAYER "post_attention_layernorm.weight", "blk.%d.ffn_norm.weight",
     PART(NORM_MLP, NORM_MLP, NORM, ONE, WIDTH, 9), .when = WHEN_SERIAL},
    {BIT(GEMMA) | BIT(NEMOTRON), LAYER "post_attention_layernorm.weight",
     "blk.%d.ffn_norm.weight", PART(NORM_MLP, NORM_MLP, NORM_PLUS, ONE, WIDTH, 9)},
    {SANDWICH, LAYER "pre_feedforward_layernorm.weight", "blk.%d.ffn_norm.weight",
     PART(NORM_MLP, NORM_MLP, NORM_PLUS, ONE, WIDTH, 9)},
    {BIT(STARCODER2) | BIT(NEMOTRON), LAYER "post_attention_layernorm.bias",
     "blk.%d.ffn_norm.bias", PART(NORM_MLP_BIAS, NORM_MLP_BIAS, BIAS, ONE, WIDTH, 24)},
    {BIT(STABLELM), LAYER "post_attention_layernorm.bias", "blk.%d.ffn_norm.bias",
     PART(NORM_MLP_BIAS, NORM_MLP_BIAS, BIAS, ONE, WIDTH, 24), .when = WHEN_SERIAL},
    NORM_ROWS(WTES & ~BIT(GPTJ), BLOCK "ln_2", "blk.%d.ffn_norm", NORM_MLP, 9, 24),
    NORM_ROWS(BIT(NEOX), NEOX_LAYER "post_attention_layernorm", "blk.%d.ffn_norm", NORM_MLP, 9,
              24),
    /* OPT calls a layer's second norm the final one; the model's has the same word without a layer */
    NORM_ROWS(BIT(OPT), OPT_LAYER "final_layer_norm", "blk.%d.ffn_norm", NORM_MLP, 9, 24),
    {BIT(FALCON), BLOCK "ln_mlp.weight", "blk.%d.attn_norm.weight",
     PART(NORM_MLP, NORM_MLP, NORM, ONE, WIDTH, 9), .when = WHEN_TWO_NORMS},
    {BIT(FALCON), BLOCK "ln_mlp.bias", "blk.%d.attn_norm.bias",
     PART(NORM_MLP_BIAS, NORM_MLP_BIAS, BIAS, ONE, WIDTH, 24), .when = WHEN_TWO_NORMS},
    {BIT(FALCON), BLOCK "post_attention_layernorm.weight", "blk.%d.ffn_norm.weight",
     PART(NORM_MLP, NORM_MLP, NORM, ONE, WIDTH, 9), .when = WHEN_SERIAL},
    {BIT(FALCON), BLOCK "post_attention_layernorm.bias", "blk.%d.ffn_norm.bias",
     PART(NORM_MLP_BIAS, NORM_MLP_BIAS, BIAS, ONE, WIDTH, 24), .when = WHEN_SERIAL},
    {GATED, LAYER "mlp.gate_proj.weight", "blk.%d.ffn_gate.weight",
     PART(GATE, GATE, LINEAR, FFN, WIDTH, 10)},
    {GATED, LAYER "mlp.up_proj.weight", "blk.%d.ffn_up.weight",
     PART(UP, GATE, LINEAR, FFN, WIDTH, 11)},
    /* side by side, as gate and up are */
    {FREE_BIAS, LAYER "mlp.gate_proj.bias", "blk.%d.ffn_gate.bias",
     PART(GATE_BIAS, GATE_BIAS, BIAS, ONE, FFN, 29), .when = WHEN_BIAS_MLP},
    {FREE_BIAS, LAYER "mlp.up_proj.bias", "blk.%d.ffn_up.bias",
     PART(UP_BIAS, GATE_BIAS, BIAS, ONE, FFN, 25), .when = WHEN_BIAS_MLP},
    {BIT(PHI3) | GLMS, LAYER "mlp.gate_up_proj.weight", "blk.%d.ffn_up.weight",
     PART(GATE_UP, GATE_UP, LINEAR, GATE_UP, WIDTH, 10)},
    {BIT(GPT2), BLOCK "mlp.c_fc.weight", "blk.%d.ffn_up.weight",
     PART(UP, UP, LINEAR, FFN, WIDTH, 11), .turned = true},
    {BIT(GPTNEO) | BIT(BIGCODE), BLOCK "mlp.c_fc.weight", "blk.%d.ffn_up.weight",
     PART(UP, UP, LINEAR, FFN, WIDTH, 11)},
    {BIT(GPT2) | BIT(GPTNEO) | BIT(BIGCODE), BLOCK "mlp.c_fc.bias", "blk.%d.ffn_up.bias",
     PART(UP_BIAS, UP_BIAS, BIAS, ONE, FFN, 25)},
    {BIT(STARCODER2), LAYER "mlp.c_fc.weight", "blk.%d.ffn_up.weight",
     PART(UP, UP, LINEAR, FFN, WIDTH, 11)},
    {BIT(STARCODER2), LAYER "mlp.c_fc.bias", "blk.%d.ffn_up.bias",
     PART(UP_BIAS, UP_BIAS, BIAS, ONE, FFN, 25)},
    {PLAINLY, LAYER "mlp.up_proj.weight", "blk.%d.ffn_up.weight",
     PART(UP, UP, LINEAR, FFN, WIDTH, 11)},
    {PLAINLY, LAYER "mlp.up_proj.bias", "blk.%d.ffn_up.bias",
     PART(UP_BIAS, UP_BIAS, BIAS, ONE, FFN, 25), .when = WHEN_BIAS_MLP},
    MLP_ROWS(BIT(PHI), LAYER "mlp.fc1", "blk.%d.ffn_up", UP, FFN, WIDTH, 11, 25),
    MLP_ROWS(BIT(GPTJ), BLOCK "mlp.fc_in", "blk.%d.ffn_up", UP, FFN, WIDTH, 11, 25),
    MLP_ROWS(BIT(NEOX), NEOX_LAYER "mlp.dense_h_to_4h", "blk.%d.ffn_up", UP, FFN, WIDTH, 11,
             25),
    MLP_ROWS(BIT(OPT), OPT_LAYER "fc1", "blk.%d.ffn_up", UP, FFN, WIDTH, 11, 25),
    {BIT(FALCON), BLOCK "mlp.dense_h_to_4h.weight", "blk.%d.ffn_up.weight",
     PART(UP, UP, LINEAR, FFN, WIDTH, 11)},
    {BIT(FALCON), BLOCK "mlp.dense_h_to_4h.bias", "blk.%d.ffn_up.bias",
     PART(UP_BIAS, UP_BIAS, BIAS, ONE, FFN, 25), .when = WHEN_BIAS_MLP},
    {LLAMAS & ~BIT(STARCODER2) & ~BIT(PHI), LAYER "mlp.down_proj.weight",
     "blk.%d.ffn_down.weight", PART(DOWN, DOWN, LINEAR, WIDTH, FFN, 12)},
    {BIT(GPT2), BLOCK "mlp.c_proj.weight", "blk.%d.ffn_down.weight",
     PART(DOWN, DOWN, LINEAR, WIDTH, FFN, 12), .turned = true},
    {BIT(GPTNEO) | BIT(BIGCODE), BLOCK "mlp.c_proj.weight", "blk.%d.ffn_down.weight",
     PART(DOWN, DOWN, LINEAR, WIDTH, FFN, 12)},
    {BIT(STARCODER2), LAYER "mlp.c_proj.weight", "blk.%d.ffn_down.weight",
     PART(DOWN, DOWN, LINEAR, WIDTH, FFN, 12)},
    {BIT(GPT2) | BIT(GPTNEO) | BIT(BIGCODE), BLOCK "mlp.c_proj.bias", "blk.%d.ffn_down.bias",
     PART(DOWN_BIAS, DOWN_BIAS, BIAS, ONE, WIDTH, 26)},
    {BIT(STARCODER2), LAYER "mlp.c_proj.bias", "blk.%d.ffn_down.bias",
     PART(DOWN_BIAS, DOWN_BIAS, BIAS, ONE, WIDTH, 26)},
    {FREE_BIAS | PLAINLY, LAYER "mlp.down_proj.bias", "blk.%d.ffn_down.bias",
     PART(DOWN_BIAS, DOWN_BIAS, BIAS, ONE, WIDTH, 26), .when = WHEN_BIAS_MLP},
    MLP_ROWS(BIT(PHI), LAYER "mlp.fc2", "blk.%d.ffn_down", DOWN, WIDTH, FFN, 12, 26),
    MLP_ROWS(BIT(GPTJ), BLOCK "mlp.fc_out", "blk.%d.ffn_down", DOWN, WIDTH, FFN, 12, 26),
    MLP_ROWS(BIT(NEOX), NEOX_LAYER "mlp.dense_4h_to_h", "blk.%d.ffn_down", DOWN, WIDTH, FFN, 12,
             26),
    MLP_ROWS(BIT(OPT), OPT_LAYER "fc2", "blk.%d.ffn_down", DOWN, WIDTH, FFN, 12, 26),
    {BIT(FALCON), BLOCK "mlp.dense_4h_to_h.weight", "blk.%d.ffn_down.weight",
     PART(DOWN, DOWN, LINEAR, WIDTH, FFN, 12)},
    {BIT(FALCON), BLOCK "mlp.dense_4h_to_h.bias", "blk.%d.ffn_down.bias",
     PART(DOWN_BIAS, DOWN_BIAS, BIAS, ONE, WIDTH, 26), .when = WHEN_BIAS_MLP},
    {SANDWICH, LAYER "post_feedforward_layernorm.weight", "blk.%d.post_ffw_norm.weight",
     PART(NORM_MLP_POST, NORM_MLP_POST, NORM_PLUS, ONE, WIDTH, 27)},
    {BEHIND, LAYER "post_feedforward_layernorm.weight", "blk.%d.post_ffw_norm.weight",
     PART(NORM_MLP_POST, NORM_MLP_POST, NORM, ONE, WIDTH, 27)},
    {BIT(GLM4), LAYER "post_mlp_layernorm.weight", "blk.%d.post_ffw_norm.weight",
     PART(NORM_MLP_POST, NORM_MLP_POST, NORM, ONE, WIDTH, 27)},
};

/* llama.cpp has no reward models, so a score has no name there. GPT-2's process reward model
 * has the name that its token classifier has. */
static const struct part_row back_rows[] = {
    {LLAMAS & ~PLUS & ~BIT(OLMO) & ~BIT(PHI), "model.norm.weight", "output_norm.weight",
     PART(NORM_FINAL, NORM_FINAL, NORM, ONE, WIDTH, 13)},
    {PLUS, "model.norm.weight", "output_norm.weight",
     PART(NORM_FINAL, NORM_FINAL, NORM_PLUS, ONE, WIDTH, 13)},
    NORM_ROWS(WTES | BIT(FALCON), "transformer.ln_f", "output_norm", NORM_FINAL, 13, 28),
    NORM_ROWS(BIT(PHI), "model.final_layernorm", "output_norm", NORM_FINAL, 13, 28),
    NORM_ROWS(BIT(NEOX), "gpt_neox.final_layer_norm", "output_norm", NORM_FINAL, 13, 28),
    NORM_ROWS(BIT(OPT), "model.decoder.final_layer_norm", "output_norm", NORM_FINAL, 13, 28),
    {BIT(STARCODER2) | BIT(STABLELM) | BIT(NEMOTRON), "model.norm.bias", "output_norm.bias",
     PART(NORM_FINAL_BIAS, NORM_FINAL_BIAS, BIAS, ONE, WIDTH, 28)},
    {EVERY & ~BIT(NEOX), "lm_head.weight", "output.weight",
     PART(HEAD, HEAD, HEAD, VOCAB, WIDTH, 14), .when = WHEN_UNTIED},
    {BIT(NEOX), "embed_out.weight", "output.weight", PART(HEAD, HEAD, HEAD, VOCAB, WIDTH, 14),
     .when = WHEN_UNTIED},
    /* transformers has it even where the head is tied */
    {BIT(PHI) | BIT(GPTJ), "lm_head.bias", "output.bias",
     PART(HEAD_BIAS, HEAD_BIAS, BIAS, ONE, VOCAB, 30), .when = WHEN_LM},
    {EVERY & ~BIT(GPT2), "score.weight", NULL, PART(SCORE, SCORE, SCORE, LABELS, WIDTH, 15),
     .when = WHEN_VALUE},
    {EVERY & ~BIT(GPT2), "score.bias", NULL,
     PART(SCORE_BIAS, SCORE_BIAS, BIAS, ONE, LABELS, 16), .when = WHEN_STEP},
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

/* What a model's configuration decides within its family. */
static bool chosen(enum part_when when, const struct shape *s)
{
    switch (when) {
    case WHEN_BIAS_QKV:
        return s->bias_qkv;
    case WHEN_BIAS_O:
        return s->bias_o;
    case WHEN_BIAS_MLP:
        return s->bias_mlp;
    case WHEN_SERIAL:
        return !s->parallel && !s->two_norms;
    case WHEN_TWO_NORMS:
        return s->two_norms;
    case WHEN_ONE_NORM:
        return !s->two_norms;
    default:
        return true;
    }
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
    case WHEN_LM:
        return s->head == HEAD_LM;
    default:
        return chosen(row->when, s);
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
    case DIM_POSITIONS:
        return s->context + part_first_position(s);
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

int part_grouped(const struct shape *s, int row)
{
    const int share = s->heads / s->kv_heads, head = row / s->head_dim;
    const int key = head - s->heads, value = key - s->kv_heads;
    int group = head / share, at = head % share;

    if (value >= 0) {
        group = value;
        at = share + 1;
    } else if (key >= 0) {
        group = key;
        at = share;
    }
    return (group * (share + 2) + at) * s->head_dim + row % s->head_dim;
}

/* OPT keeps the rows that its ancestor (fairseq) had for padding. */
int part_first_position(const struct shape *s)
{
    return s->family == FAMILY_OPT ? 2 : 0;
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
