/* Where transformers' configuration classes and this engine meet. A new family is a row of
 * hfkeys_family, its bit in the rows that it shares, and rows for keys of its own.
 *
 * Numbers start as the family's `missing`, then take what the file gives; what is still 0 is
 * derived (hfconfig.c): key/value heads are the heads, head_dim is width / heads, the
 * perceptron is 4 x width. Dropouts are not read: training here is without, as TRL's
 * disable_dropout has it, and a folder that is written says 0. */

#include "lm/file/hfkeys.h"

#define BIT(family) (1u << FAMILY_##family)
#define GEMMAS (BIT(GEMMA2) | BIT(GEMMA3))
#define EVERY ((1u << FAMILIES) - 1)
#define NEWER (EVERY & ~BIT(GPT2)) /* who has Llama's names for sizes */
/* By enum head. Where transformers has other names the row spells them out. */
#define CLASSES(name) \
    { \
        name "ForCausalLM", name "ForSequenceClassification", name "ForTokenClassification" \
    }
#define MISSING(family_, context_, eps_, theta_) \
    .family = FAMILY_##family_, .context = context_, .norm_eps = eps_, .rope_theta = theta_, \
    .init_std = 0.02

/* The numbers are the defaults of each configuration_*.py, not those of any one model. */
const struct hfkeys_family hfkeys_family[FAMILIES] = {
    [FAMILY_LLAMA] = {.type = "llama",
                      .class = CLASSES("Llama"),
                      .missing = {MISSING(LLAMA, 2048, 1e-6f, 1e4)}},
    [FAMILY_MISTRAL] = {.type = "mistral",
                        .class = CLASSES("Mistral"),
                        .window = HFWINDOW_ALL,
                        .missing = {MISSING(MISTRAL, 131072, 1e-6f, 1e4), .kv_heads = 8,
                                    .window = 4096}},
    [FAMILY_QWEN2] = {.type = "qwen2",
                      .class = CLASSES("Qwen2"),
                      .window = HFWINDOW_FROM,
                      .missing = {MISSING(QWEN2, 32768, 1e-6f, 1e4), .kv_heads = 32,
                                  .window = 4096}},
    [FAMILY_QWEN3] = {.type = "qwen3",
                      .class = CLASSES("Qwen3"),
                      .window = HFWINDOW_FROM,
                      .missing = {MISSING(QWEN3, 32768, 1e-6f, 1e4), .kv_heads = 32,
                                  .head_dim = 128, .window = 4096}},
    [FAMILY_PHI3] = {.type = "phi3",
                     .class = CLASSES("Phi3"),
                     .window = HFWINDOW_ALL,
                     .missing = {MISSING(PHI3, 4096, 1e-5f, 1e4), .rope_original = 4096}},
    [FAMILY_GEMMA2] = {.type = "gemma2",
                       .class = CLASSES("Gemma2"),
                       .window = HFWINDOW_EVERY,
                       .global_every = 2,
                       .missing = {MISSING(GEMMA2, 8192, 1e-6f, 1e4), .kv_heads = 4,
                                   .head_dim = 256, .tied = true, .window = 4096,
                                   .query_scalar = 256, .attention_cap = 50, .logit_cap = 30}},
    [FAMILY_GEMMA3] = {.type = "gemma3_text",
                       .class = {"Gemma3ForCausalLM", "Gemma3TextForSequenceClassification",
                                 NULL},
                       .window = HFWINDOW_EVERY,
                       .global_every = 6,
                       .rope = HFROPE_TWO,
                       .missing = {MISSING(GEMMA3, 131072, 1e-6f, 1e6),
                                   .kv_heads = 4, .head_dim = 256, .tied = true, .window = 4096,
                                   .query_scalar = 256, .rope_local_theta = 1e4}},
    [FAMILY_GPT2] = {.type = "gpt2",
                     .class = {"GPT2LMHeadModel", "GPT2ForSequenceClassification",
                               "GPT2ForTokenClassification"},
                     .rope = HFROPE_NONE,
                     .missing = {MISSING(GPT2, 1024, 1e-5f, 1e4), .tied = true}},
    [FAMILY_STARCODER2] = {.type = "starcoder2",
                           .class = CLASSES("Starcoder2"),
                           .window = HFWINDOW_ALL,
                           .missing = {MISSING(STARCODER2, 4096, 1e-5f, 1e4), .kv_heads = 2,
                                       .tied = true}},
};

#define AT(type_, member) .type = HFKEYS_##type_, .at = offsetof(struct shape, member)

const struct hfkeys_number hfkeys_number[] = {
    /* sizes have no default worth having: a file that lacks one is broken */
    {NEWER, "num_attention_heads", AT(INT, heads), .needed = true},
    {NEWER, "num_hidden_layers", AT(INT, layers), .needed = true},
    {NEWER, "hidden_size", AT(INT, width), .needed = true},
    {NEWER, "intermediate_size", AT(INT, ffn), .needed = true},
    {EVERY, "vocab_size", AT(INT, vocab), .needed = true},
    {NEWER, "num_key_value_heads", AT(INT, kv_heads)},
    {NEWER, "head_dim", AT(INT, head_dim)},
    {NEWER, "max_position_embeddings", AT(INT, context)},
    {NEWER & ~BIT(STARCODER2), "rms_norm_eps", AT(FLOAT, norm_eps)},
    {BIT(STARCODER2), "norm_epsilon", AT(FLOAT, norm_eps)},
    {EVERY, "initializer_range", AT(REAL, init_std)},
    {GEMMAS, "query_pre_attn_scalar", AT(WHOLE, query_scalar)},
    {GEMMAS, "attn_logit_softcapping", AT(REAL, attention_cap), .or_none = true},
    {GEMMAS, "final_logit_softcapping", AT(REAL, logit_cap), .or_none = true},
    {BIT(GPT2), "n_head", AT(INT, heads), .needed = true},
    {BIT(GPT2), "n_layer", AT(INT, layers), .needed = true},
    {BIT(GPT2), "n_embd", AT(INT, width), .needed = true},
    {BIT(GPT2), "n_inner", AT(INT, ffn), .or_none = true},
    {BIT(GPT2), "n_positions", AT(INT, context)},
    {BIT(GPT2), "layer_norm_epsilon", AT(FLOAT, norm_eps)},
};
const int hfkeys_numbers = sizeof hfkeys_number / sizeof *hfkeys_number;

static const char not_true[] = "true is not supported", not_false[] = "false is not supported";

/* First what changes the forward pass; those with why NULL are only written: dropouts, which no
 * pass here has, and use_cache. */
const struct hfkeys_fixed hfkeys_fixed[] = {
    {BIT(LLAMA) | BIT(QWEN3) | GEMMAS, "attention_bias", {"false"}, .why = not_true},
    {BIT(LLAMA), "mlp_bias", {"false"}, .why = not_true},
    {NEWER & ~GEMMAS & ~BIT(STARCODER2),
     "hidden_act",
     {"\"silu\"", "\"swish\""},
     .why = "other than silu is not supported"},
    {GEMMAS,
     "hidden_activation",
     {"\"gelu_pytorch_tanh\""},
     .why = "other than gelu_pytorch_tanh is not supported"},
    {BIT(STARCODER2),
     "hidden_act",
     {"\"gelu_pytorch_tanh\""},
     .why = "other than gelu_pytorch_tanh is not supported"},
    {BIT(STARCODER2), "use_bias", {"true"}, .why = not_false},
    {BIT(STARCODER2), "residual_dropout", {"0.0"}, .why = NULL},
    {BIT(STARCODER2), "embedding_dropout", {"0.0"}, .why = NULL},
    {GEMMAS, "use_bidirectional_attention", {"false"}, .why = not_true, .silent = true},
    {BIT(GPT2),
     "activation_function",
     {"\"gelu_new\"", "\"gelu_pytorch_tanh\""},
     .why = "other than gelu_new is not supported"},
    {BIT(GPT2), "scale_attn_weights", {"true"}, .why = not_false},
    {BIT(GPT2), "scale_attn_by_inverse_layer_idx", {"false"}, .why = not_true},
    {BIT(GPT2), "add_cross_attention", {"false"}, .why = not_true, .silent = true},
    {NEWER, "attention_dropout", {"0.0"}, .why = NULL},
    {BIT(PHI3) | BIT(GPT2), "resid_pdrop", {"0.0"}, .why = NULL},
    {BIT(PHI3) | BIT(GPT2), "embd_pdrop", {"0.0"}, .why = NULL},
    {BIT(GPT2), "attn_pdrop", {"0.0"}, .why = NULL},
    {EVERY, "use_cache", {"true"}, .why = NULL},
};
const int hfkeys_fixes = sizeof hfkeys_fixed / sizeof *hfkeys_fixed;
