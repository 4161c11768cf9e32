/* Where llama.cpp's metadata and this engine meet: the counterpart of hfkeys for GGUF, one row
 * for an architecture, one for a key, read by ggufshape and ggufmodel. The keys are those of
 * llama.cpp's gguf-py/gguf/constants.py.
 *
 * What its converter does not write because its loader has it built in (Gemma's scale of
 * queries, Gemma 3's local theta and pattern of layers) stands in `missing`; ggufshape derives
 * the rest. */

#include "lm/file/ggufkeys.h"

#define BIT(family) (1u << FAMILY_##family)
#define SANDWICH (BIT(GEMMA2) | BIT(GEMMA3))
#define COHERES (BIT(COHERE) | BIT(COHERE2))
#define EVERY (~0u >> (32 - FAMILIES)) /* bits of an unsigned: 32 families */
#define ROPED (EVERY & ~(BIT(GPT2) | BIT(BIGCODE)))
/* Norms around the mean. */
#define CENTRED \
    (BIT(GPT2) | BIT(STARCODER2) | BIT(PHI) | BIT(NEOX) | BIT(OLMO) | BIT(STABLELM) | \
     COHERES | BIT(FALCON) | BIT(BIGCODE) | BIT(NEMOTRON))
#define MISSING(family_, eps_, theta_) \
    .family = FAMILY_##family_, .norm_eps = eps_, .rope_theta = theta_, .init_std = 0.02

const struct ggufkeys_arch ggufkeys_arch[FAMILIES] = {
    [FAMILY_LLAMA] = {"llama", FAMILY_LLAMA, .interleaved = true,
                      .missing = {MISSING(LLAMA, 1e-5f, 1e4)}},
    [FAMILY_QWEN2] = {"qwen2", FAMILY_QWEN2, .missing = {MISSING(QWEN2, 1e-5f, 1e4)}},
    [FAMILY_QWEN3] = {"qwen3", FAMILY_QWEN3, .missing = {MISSING(QWEN3, 1e-6f, 1e4)}},
    /* a window in every layer, if any: none is the n-th */
    [FAMILY_PHI3] = {"phi3", FAMILY_PHI3, .partial = true, .global_every = SHAPE_LAYERS + 1,
                     .missing = {MISSING(PHI3, 1e-5f, 1e4)}},
    /* `large` of both Gemmas: the layers of their 27B */
    [FAMILY_GEMMA2] = {"gemma2", FAMILY_GEMMA2, .norms_plus = true, .global_every = 2,
                       .large = 46,
                       .missing = {MISSING(GEMMA2, 1e-6f, 1e4), .window = 4096,
                                   .attention_cap = 50, .logit_cap = 30}},
    [FAMILY_GEMMA3] = {"gemma3", FAMILY_GEMMA3, .norms_plus = true, .global_every = 6,
                       .large = 62,
                       .missing = {MISSING(GEMMA3, 1e-6f, 1e6), .rope_local_theta = 1e4}},
    [FAMILY_GPT2] = {"gpt2", FAMILY_GPT2, .missing = {MISSING(GPT2, 1e-5f, 1e4)}},
    [FAMILY_STARCODER2] = {"starcoder2", FAMILY_STARCODER2,
                           .missing = {MISSING(STARCODER2, 1e-5f, 1e4)}},
    [FAMILY_GEMMA] = {"gemma", FAMILY_GEMMA, .norms_plus = true,
                      .missing = {MISSING(GEMMA, 1e-6f, 1e4)}},
    [FAMILY_PHI] = {"phi2", FAMILY_PHI, .partial = true,
                    .missing = {MISSING(PHI, 1e-5f, 1e4), .act = ACT_GELU_TANH}},
    [FAMILY_NEOX] = {"gptneox", FAMILY_NEOX, .partial = true,
                     .missing = {MISSING(NEOX, 1e-5f, 1e4), .act = ACT_GELU, .parallel = true}},
    [FAMILY_SMOLLM3] = {"smollm3", FAMILY_SMOLLM3, .interleaved = true, .unrotated = 4,
                        .missing = {MISSING(SMOLLM3, 1e-6f, 1e4)}},
    [FAMILY_OLMO] = {"olmo", FAMILY_OLMO, .interleaved = true,
                     .missing = {MISSING(OLMO, 1e-5f, 1e4)}},
    [FAMILY_OLMO2] = {"olmo2", FAMILY_OLMO2, .missing = {MISSING(OLMO2, 1e-6f, 1e4)}},
    [FAMILY_GRANITE] = {"granite", FAMILY_GRANITE, .interleaved = true,
                        .missing = {MISSING(GRANITE, 1e-6f, 1e4)}},
    [FAMILY_STABLELM] = {"stablelm", FAMILY_STABLELM, .partial = true,
                         .missing = {MISSING(STABLELM, 1e-5f, 1e4)}},
    [FAMILY_COHERE] = {"command-r", FAMILY_COHERE, .missing = {MISSING(COHERE, 1e-5f, 1e4)}},
    [FAMILY_COHERE2] = {"cohere2", FAMILY_COHERE2, .global_every = 4, .unrotated = 4,
                        .missing = {MISSING(COHERE2, 1e-5f, 1e4)}},
    [FAMILY_FALCON] = {"falcon", FAMILY_FALCON,
                       .missing = {MISSING(FALCON, 1e-5f, 1e4), .act = ACT_GELU,
                                   .parallel = true}},
    [FAMILY_BIGCODE] = {"starcoder", FAMILY_BIGCODE,
                        .missing = {MISSING(BIGCODE, 1e-5f, 1e4), .act = ACT_GELU_TANH}},
    /* the same architecture there: its window tells it from OLMo 2 (ggufshape) */
    [FAMILY_OLMO3] = {"olmo2", FAMILY_OLMO3, .global_every = 4,
                      .missing = {MISSING(OLMO3, 1e-6f, 1e4)}},
    [FAMILY_SEEDOSS] = {"seed_oss", FAMILY_SEEDOSS, .missing = {MISSING(SEEDOSS, 1e-6f, 1e4)}},
    [FAMILY_ARCEE] = {"arcee", FAMILY_ARCEE, .interleaved = true,
                      .missing = {MISSING(ARCEE, 1e-5f, 1e4), .act = ACT_RELU2}},
    [FAMILY_GLM] = {"chatglm", FAMILY_GLM, .partial = true,
                    .missing = {MISSING(GLM, 1.5625e-7f, 1e4)}},
    [FAMILY_GLM4] = {"glm4", FAMILY_GLM4, .partial = true,
                     .missing = {MISSING(GLM4, 1.5625e-7f, 1e4)}},
    [FAMILY_ERNIE] = {"ernie4_5", FAMILY_ERNIE, .missing = {MISSING(ERNIE, 1e-5f, 1e4)}},
    [FAMILY_EXAONE4] = {"exaone4", FAMILY_EXAONE4, .missing = {MISSING(EXAONE4, 1e-5f, 1e4)}},
    [FAMILY_NEMOTRON] = {"nemotron", FAMILY_NEMOTRON, .norms_plus = true, .partial = true,
                         .missing = {MISSING(NEMOTRON, 1e-5f, 1e4), .act = ACT_RELU2}},
};

#define AT(type_, member) .type = GGUFKEYS_##type_, .at = offsetof(struct shape, member)

const struct ggufkeys_number ggufkeys_number[] = {
    {EVERY, "block_count", AT(INT, layers), .needed = true},
    {EVERY, "embedding_length", AT(INT, width), .needed = true},
    {EVERY, "feed_forward_length", AT(INT, ffn), .needed = true},
    {EVERY, "attention.head_count", AT(INT, heads), .needed = true},
    {EVERY, "attention.head_count_kv", AT(INT, kv_heads)},
    {EVERY, "attention.key_length", AT(INT, head_dim)},
    {EVERY, "context_length", AT(INT, context), .needed = true},
    {EVERY & ~CENTRED, "attention.layer_norm_rms_epsilon", AT(FLOAT, norm_eps)},
    {CENTRED, "attention.layer_norm_epsilon", AT(FLOAT, norm_eps)},
    {BIT(NEOX) | BIT(STABLELM), "use_parallel_residual", AT(BOOL, parallel)},
    {BIT(GRANITE), "embedding_scale", AT(SHORT, embed_scale)},
    {BIT(GRANITE), "residual_scale", AT(SHORT, residual_scale)},
    {BIT(GRANITE), "attention.scale", AT(SHORT, attention_scale)},
    {BIT(GRANITE), "logit_scale", AT(SHORT, logit_divisor)},
    {COHERES, "logit_scale", AT(SHORT, logit_scale)},
    {ROPED, "rope.freq_base", AT(REAL, rope_theta)},
    {BIT(GEMMA3), "rope.freq_base_swa", AT(REAL, rope_local_theta)},
    {EVERY, "attention.sliding_window", AT(INT, window)},
    {SANDWICH, "attn_logit_softcapping", AT(REAL, attention_cap)},
    {SANDWICH, "final_logit_softcapping", AT(REAL, logit_cap)},
};
const int ggufkeys_numbers = sizeof ggufkeys_number / sizeof *ggufkeys_number;

/* Each is a factor, a cap or a part that the forward pass here does not have. Phi-3's
 * attn_factor belongs to longrope, which is run (ggufshape). */
const struct ggufkeys_change ggufkeys_change[] = {
    {EVERY, "expert_count", 0},
    {EVERY & ~COHERES & ~BIT(GRANITE), "logit_scale", 1},
    {EVERY & ~BIT(GRANITE), "residual_scale", 1},
    {EVERY & ~BIT(GRANITE), "embedding_scale", 1},
    {EVERY & ~BIT(GRANITE), "attention.scale", 0},
    {EVERY, "attention.clamp_kqv", 0},
    {EVERY, "rope.scaling.yarn_ext_factor", 1},
    {EVERY, "rope.scaling.yarn_attn_factor", 1},
    {EVERY, "rope.scaling.yarn_log_multiplier", 0},
    {EVERY & ~BIT(PHI3), "rope.scaling.attn_factor", 1},
    {EVERY, "attention.causal", 1},
    {EVERY & ~SANDWICH, "attn_logit_softcapping", 0},
    {EVERY & ~SANDWICH, "final_logit_softcapping", 0},
};
const int ggufkeys_changes = sizeof ggufkeys_change / sizeof *ggufkeys_change;
