/* Where transformers' configuration classes and this engine meet. A new family is a row of
 * hfkeys_family, its bit in the rows that it shares, and rows for keys of its own.
 *
 * Numbers start as the family's `missing`, then take what the file gives; what is still 0 is
 * derived (hfconfig.c): key/value heads are the heads, head_dim is width / heads, the
 * perceptron is 4 x width. Dropouts are not read: training here is without, as TRL's
 * disable_dropout has it, and a folder that is written says 0. */

#include "lm/file/hfkeys.h"

#define BIT(family) (1u << FAMILY_##family)
#define SANDWICH (BIT(GEMMA2) | BIT(GEMMA3))
#define GEMMAS (SANDWICH | BIT(GEMMA))
#define COHERES (BIT(COHERE) | BIT(COHERE2))
#define EVERY (~0u >> (32 - FAMILIES))                /* bits of an unsigned: 32 families */
#define N_EMBD (BIT(GPT2) | BIT(GPTJ) | BIT(BIGCODE)) /* who has GPT-2's names for sizes */
#define NEWER (EVERY & ~N_EMBD & ~BIT(GPTNEO))        /* who has Llama's */
#define GROUPED (NEWER & ~(BIT(NEOX) | BIT(OPT) | BIT(FALCON))) /* heads of keys may be fewer */
#define CENTRED \
    (BIT(PHI) | BIT(NEOX) | BIT(STABLELM) | \
     COHERES)                                      /* layer_norm_eps, as newer files have it */
#define OLDER (N_EMBD | BIT(GPTNEO) | BIT(FALCON)) /* layer_norm_epsilon, as older */
#define FREE_BIAS \
    (BIT(LLAMA) | BIT(QWEN3) | GEMMAS | COHERES | BIT(GRANITE) | BIT(OLMO) | BIT(OLMO2) | \
     BIT(SMOLLM3) | BIT(NEOX) | BIT(OLMO3) | BIT(ARCEE) | BIT(NEMOTRON))
#define GLMS (BIT(GLM) | BIT(GLM4))
#define MLP_BIAS \
    (BIT(LLAMA) | BIT(GRANITE) | BIT(SMOLLM3) | BIT(ARCEE) | BIT(SEEDOSS) | BIT(NEMOTRON))
/* Without a gate, any activation; GPT-2 and StarCoder2 say theirs below. */
#define FREE_ACT \
    (BIT(PHI) | BIT(NEOX) | BIT(OPT) | BIT(FALCON) | BIT(GPTJ) | BIT(GPTNEO) | BIT(BIGCODE) | \
     BIT(ARCEE) | BIT(NEMOTRON))
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
                     .rotary_key = "partial_rotary_factor",
                     .rotary = 1,
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
    [FAMILY_GEMMA] = {.type = "gemma",
                      .class = CLASSES("Gemma"),
                      .missing = {MISSING(GEMMA, 8192, 1e-6f, 1e4), .kv_heads = 16,
                                  .head_dim = 256, .tied = true}},
    [FAMILY_PHI] = {.type = "phi",
                    .class = CLASSES("Phi"),
                    .rotary_key = "partial_rotary_factor",
                    .rotary = 0.5,
                    .missing = {MISSING(PHI, 2048, 1e-5f, 1e4), .act = ACT_GELU_TANH}},
    [FAMILY_NEOX] = {.type = "gpt_neox",
                     .class = CLASSES("GPTNeoX"),
                     .rotary_key = "rotary_pct",
                     .rotary = 0.25,
                     .missing = {MISSING(NEOX, 2048, 1e-5f, 1e4), .act = ACT_GELU,
                                 .parallel = true, .bias_qkv = true, .bias_o = true}},
    [FAMILY_OPT] = {.type = "opt",
                    .class = {"OPTForCausalLM", "OPTForSequenceClassification", NULL},
                    .rope = HFROPE_NONE,
                    .missing = {MISSING(OPT, 2048, 1e-5f, 1e4), .act = ACT_RELU, .tied = true}},
    [FAMILY_SMOLLM3] = {.type = "smollm3",
                        .class = CLASSES("SmolLM3"),
                        .window = HFWINDOW_BLIND,
                        .missing = {MISSING(SMOLLM3, 32768, 1e-6f, 2e6), .kv_heads = 4,
                                    .tied = true}},
    [FAMILY_OLMO] = {.type = "olmo",
                     .class = {"OlmoForCausalLM", "OlmoForSequenceClassification", NULL},
                     .missing = {MISSING(OLMO, 2048, 1e-5f, 1e4)}},
    [FAMILY_OLMO2] = {.type = "olmo2",
                      .class = {"Olmo2ForCausalLM", "Olmo2ForSequenceClassification", NULL},
                      .missing = {MISSING(OLMO2, 2048, 1e-5f, 1e4)}},
    [FAMILY_GRANITE] = {.type = "granite",
                        .class = {"GraniteForCausalLM", NULL, NULL},
                        .missing = {MISSING(GRANITE, 2048, 1e-6f, 1e4), .embed_scale = 1,
                                    .residual_scale = 1, .attention_scale = 1,
                                    .logit_divisor = 1}},
    [FAMILY_STABLELM] = {.type = "stablelm",
                         .class = CLASSES("StableLm"),
                         .rotary_key = "partial_rotary_factor",
                         .rotary = 0.25,
                         .missing = {MISSING(STABLELM, 4096, 1e-5f, 1e4), .kv_heads = 32}},
    [FAMILY_COHERE] = {.type = "cohere",
                       .class = {"CohereForCausalLM", NULL, NULL},
                       .missing = {MISSING(COHERE, 8192, 1e-5f, 1e4), .tied = true,
                                   .logit_scale = 0.0625}},
    [FAMILY_COHERE2] = {.type = "cohere2",
                        .class = {"Cohere2ForCausalLM", NULL, NULL},
                        .window = HFWINDOW_EVERY,
                        .global_every = 4,
                        .missing = {MISSING(COHERE2, 8192, 1e-5f, 1e4), .tied = true,
                                    .window = 4096, .logit_scale = 0.0625}},
    [FAMILY_FALCON] = {.type = "falcon",
                       .class = CLASSES("Falcon"),
                       .missing = {MISSING(FALCON, 2048, 1e-5f, 1e4), .act = ACT_GELU,
                                   .tied = true, .parallel = true}},
    [FAMILY_GPTJ] = {.type = "gptj",
                     .class = {"GPTJForCausalLM", "GPTJForSequenceClassification", NULL},
                     .missing = {MISSING(GPTJ, 2048, 1e-5f, 1e4), .act = ACT_GELU_TANH,
                                 .rotary = 64}},
    [FAMILY_GPTNEO] = {.type = "gpt_neo",
                       .class = CLASSES("GPTNeo"),
                       .rope = HFROPE_NONE,
                       .missing = {MISSING(GPTNEO, 2048, 1e-5f, 1e4), .act = ACT_GELU_TANH,
                                   .tied = true, .attention_scale = 1, .window = 256}},
    [FAMILY_BIGCODE] = {.type = "gpt_bigcode",
                        .class = CLASSES("GPTBigCode"),
                        .rope = HFROPE_NONE,
                        .missing = {MISSING(BIGCODE, 1024, 1e-5f, 1e4), .act = ACT_GELU_TANH,
                                    .tied = true}},
    [FAMILY_OLMO3] = {.type = "olmo3",
                      .class = {"Olmo3ForCausalLM", "Olmo3ForSequenceClassification", NULL},
                      .window = HFWINDOW_SOME,
                      .global_every = 4,
                      .rope = HFROPE_LOCAL,
                      .missing = {MISSING(OLMO3, 2048, 1e-5f, 1e4), .window = 4096}},
    [FAMILY_SEEDOSS] = {.type = "seed_oss",
                        .class = CLASSES("SeedOss"),
                        .missing = {MISSING(SEEDOSS, 524288, 1e-6f, 1e4), .kv_heads = 8,
                                    .head_dim = 128, .bias_qkv = true}},
    [FAMILY_ARCEE] = {.type = "arcee",
                      .class = CLASSES("Arcee"),
                      .missing = {MISSING(ARCEE, 4096, 1e-5f, 1e4), .act = ACT_RELU2}},
    [FAMILY_GLM] = {.type = "glm",
                    .class = CLASSES("Glm"),
                    .rotary_key = "partial_rotary_factor",
                    .rotary = 0.5,
                    .missing = {MISSING(GLM, 131072, 1.5625e-7f, 1e4), .kv_heads = 2,
                                .head_dim = 128, .bias_qkv = true}},
    [FAMILY_GLM4] = {.type = "glm4",
                     .class = CLASSES("Glm4"),
                     .rotary_key = "partial_rotary_factor",
                     .rotary = 0.5,
                     .missing = {MISSING(GLM4, 131072, 1.5625e-7f, 1e4), .kv_heads = 2,
                                 .head_dim = 128, .bias_qkv = true}},
    [FAMILY_ERNIE] = {.type = "ernie4_5",
                      .class = {"Ernie4_5ForCausalLM", NULL, NULL},
                      .missing = {MISSING(ERNIE, 131072, 1e-5f, 5e5), .kv_heads = 2,
                                  .head_dim = 128, .tied = true}},
    [FAMILY_EXAONE4] = {.type = "exaone4",
                        .class = CLASSES("Exaone4"),
                        .window = HFWINDOW_SOME,
                        .global_every = 4,
                        .missing = {MISSING(EXAONE4, 2048, 1e-5f, 1e4), .kv_heads = 32,
                                    .window = 4096}},
    [FAMILY_NEMOTRON] = {.type = "nemotron",
                         .class = CLASSES("Nemotron"),
                         .rotary_key = "partial_rotary_factor",
                         .rotary = 0.5,
                         .missing = {MISSING(NEMOTRON, 4096, 1e-5f, 1e4), .act = ACT_RELU2}},
};

#define AT(type_, member) .type = HFKEYS_##type_, .at = offsetof(struct shape, member)

const struct hfkeys_number hfkeys_number[] = {
    /* sizes have no default worth having: a file that lacks one is broken */
    {NEWER, "num_attention_heads", AT(INT, heads), .needed = true},
    {NEWER, "num_hidden_layers", AT(INT, layers), .needed = true},
    {NEWER | BIT(GPTNEO), "hidden_size", AT(INT, width), .needed = true},
    {NEWER & ~BIT(OPT) & ~BIT(FALCON), "intermediate_size", AT(INT, ffn), .needed = true},
    {EVERY, "vocab_size", AT(INT, vocab), .needed = true},
    {GROUPED, "num_key_value_heads", AT(INT, kv_heads)},
    {GROUPED & ~BIT(COHERE2) & ~BIT(STABLELM), "head_dim", AT(INT, head_dim)},
    {NEWER | BIT(GPTNEO), "max_position_embeddings", AT(INT, context)},
    {GROUPED & ~CENTRED & ~BIT(STARCODER2) & ~BIT(OLMO) & ~BIT(NEMOTRON), "rms_norm_eps",
     AT(FLOAT, norm_eps)},
    {BIT(STARCODER2), "norm_epsilon", AT(FLOAT, norm_eps)},
    {BIT(NEMOTRON), "norm_eps", AT(FLOAT, norm_eps)},
    {CENTRED, "layer_norm_eps", AT(FLOAT, norm_eps)},
    {EVERY & ~BIT(OPT), "initializer_range", AT(REAL, init_std)},
    {BIT(OPT), "init_std", AT(REAL, init_std)},
    {BIT(OPT), "ffn_dim", AT(INT, ffn), .needed = true},
    {SANDWICH, "query_pre_attn_scalar", AT(WHOLE, query_scalar)},
    {SANDWICH, "attn_logit_softcapping", AT(REAL, attention_cap), .or_none = true},
    {SANDWICH, "final_logit_softcapping", AT(REAL, logit_cap), .or_none = true},
    {N_EMBD, "n_head", AT(INT, heads), .needed = true},
    {N_EMBD, "n_layer", AT(INT, layers), .needed = true},
    {N_EMBD, "n_embd", AT(INT, width), .needed = true},
    {N_EMBD, "n_inner", AT(INT, ffn), .or_none = true},
    {N_EMBD, "n_positions", AT(INT, context)},
    {BIT(GPTNEO), "num_heads", AT(INT, heads), .needed = true},
    {BIT(GPTNEO), "num_layers", AT(INT, layers), .needed = true},
    {BIT(GPTNEO), "intermediate_size", AT(INT, ffn), .or_none = true},
    {BIT(FALCON), "ffn_hidden_size", AT(INT, ffn), .or_none = true},
    {OLDER, "layer_norm_epsilon", AT(FLOAT, norm_eps)},
    {BIT(GPTJ), "rotary_dim", AT(INT, rotary), .or_none = true},
    /* Granite has four multipliers; 1, where a file lacks one, as transformers has it. */
    {BIT(GRANITE), "embedding_multiplier", AT(REAL, embed_scale)},
    {BIT(GRANITE), "residual_multiplier", AT(REAL, residual_scale)},
    {BIT(GRANITE), "attention_multiplier", AT(REAL, attention_scale)},
    {BIT(GRANITE), "logits_scaling", AT(REAL, logit_divisor)},
    {COHERES, "logit_scale", AT(REAL, logit_scale)},
    /* One key for two kinds of biases in most families: it stands twice, once for each. */
    {FREE_BIAS, "attention_bias", AT(BOOL, bias_qkv)},
    {FREE_BIAS, "attention_bias", AT(BOOL, bias_o)},
    {MLP_BIAS, "mlp_bias", AT(BOOL, bias_mlp)},
    /* Theirs is of q, k and v alone. */
    {BIT(SEEDOSS) | GLMS, "attention_bias", AT(BOOL, bias_qkv)},
    {BIT(SEEDOSS), "attention_out_bias", AT(BOOL, bias_o)},
    {BIT(ERNIE), "use_bias", AT(BOOL, bias_qkv)},
    {BIT(ERNIE), "use_bias", AT(BOOL, bias_o)},
    {BIT(ERNIE), "use_bias", AT(BOOL, bias_mlp)},
    {BIT(STABLELM), "use_qkv_bias", AT(BOOL, bias_qkv)},
    {BIT(FALCON), "bias", AT(BOOL, bias_qkv)},
    {BIT(FALCON), "bias", AT(BOOL, bias_o)},
    {BIT(FALCON), "bias", AT(BOOL, bias_mlp)},
    {BIT(NEOX) | BIT(STABLELM), "use_parallel_residual", AT(BOOL, parallel)},
    {BIT(FALCON), "parallel_attn", AT(BOOL, parallel)},
    {BIT(PHI) | BIT(NEOX) | BIT(ARCEE) | BIT(NEMOTRON), "hidden_act", AT(ACT, act)},
    {BIT(FALCON), "activation", AT(ACT, act)},
    {BIT(OPT) | BIT(GPTJ) | BIT(GPTNEO) | BIT(BIGCODE), "activation_function", AT(ACT, act)},
};
const int hfkeys_numbers = sizeof hfkeys_number / sizeof *hfkeys_number;

/* gelu_fast is the tanh form with its constants in another order; quick_gelu, which is none of
 * these, is refused. */
const char *const hfkeys_act[ACT_KINDS][4] = {
    [ACT_GELU_TANH] = {"gelu_new", "gelu_pytorch_tanh", "gelu_fast"},
    [ACT_GELU] = {"gelu", "gelu_python"},
    [ACT_RELU] = {"relu"},
    [ACT_RELU2] = {"relu2"},
    [ACT_SILU] = {"silu", "swish"},
};

static const char not_true[] = "true is not supported", not_false[] = "false is not supported",
                  head_norms[] =
                      "true (norms of heads, each with its own weights) is not supported";

/* First what changes the forward pass; those with why NULL are only written: dropouts, which no
 * pass here has, and use_cache. */
const struct hfkeys_fixed hfkeys_fixed[] = {
    {NEWER & ~GEMMAS & ~BIT(STARCODER2) & ~FREE_ACT,
     "hidden_act",
     {"\"silu\"", "\"swish\""},
     .why = "other than silu is not supported"},
    {SANDWICH,
     "hidden_activation",
     {"\"gelu_pytorch_tanh\""},
     .why = "other than gelu_pytorch_tanh is not supported"},
    /* the first Gemmas say gelu and mean its tanh form, as transformers reads them */
    {BIT(GEMMA),
     "hidden_act",
     {"\"gelu_pytorch_tanh\"", "\"gelu\"", "\"gelu_new\""},
     .why = "other than gelu_pytorch_tanh is not supported"},
    {BIT(GEMMA),
     "hidden_activation",
     {"\"gelu_pytorch_tanh\""},
     .why = "other than gelu_pytorch_tanh is not supported"},
    {BIT(STARCODER2),
     "hidden_act",
     {"\"gelu_pytorch_tanh\""},
     .why = "other than gelu_pytorch_tanh is not supported"},
    {BIT(STARCODER2), "use_bias", {"true"}, .why = not_false},
    {BIT(STARCODER2) | BIT(SEEDOSS), "residual_dropout", {"0.0"}, .why = NULL},
    {BIT(STARCODER2), "embedding_dropout", {"0.0"}, .why = NULL},
    {GEMMAS, "use_bidirectional_attention", {"false"}, .why = not_true, .silent = true},
    {BIT(GPT2),
     "activation_function",
     {"\"gelu_new\"", "\"gelu_pytorch_tanh\""},
     .why = "other than gelu_new is not supported"},
    {BIT(GPT2), "scale_attn_weights", {"true"}, .why = not_false},
    {BIT(GPT2), "scale_attn_by_inverse_layer_idx", {"false"}, .why = not_true},
    {BIT(GPT2), "add_cross_attention", {"false"}, .why = not_true, .silent = true},
    {BIT(BIGCODE), "scale_attn_weights", {"true"}, .why = not_false},
    {BIT(BIGCODE), "add_cross_attention", {"false"}, .why = not_true, .silent = true},
    {BIT(PHI) | BIT(STABLELM), "qk_layernorm", {"false"}, .why = head_norms},
    {COHERES, "use_qk_norm", {"false"}, .why = head_norms, .silent = true},
    {BIT(OLMO),
     "clip_qkv",
     {"null"},
     .why = "a limit of q, k and v is not supported",
     .silent = true},
    {BIT(FALCON), "alibi", {"false"}, .why = "true (ALiBi) is not supported; rotation is"},
    {BIT(OPT),
     "do_layer_norm_before",
     {"true"},
     .why = "false (norms behind the sums, as OPT-350m has them) is not supported"},
    {BIT(OPT), "enable_bias", {"true"}, .why = not_false},
    {BIT(OPT), "layer_norm_elementwise_affine", {"true"}, .why = not_false},
    {BIT(OPT), "_remove_final_layer_norm", {"false"}, .why = not_true},
    {NEWER | BIT(GPTNEO), "attention_dropout", {"0.0"}, .why = NULL},
    {BIT(PHI3) | BIT(PHI) | N_EMBD, "resid_pdrop", {"0.0"}, .why = NULL},
    {BIT(PHI3) | BIT(PHI) | N_EMBD, "embd_pdrop", {"0.0"}, .why = NULL},
    {N_EMBD, "attn_pdrop", {"0.0"}, .why = NULL},
    {BIT(NEOX) | BIT(STABLELM) | BIT(FALCON), "hidden_dropout", {"0.0"}, .why = NULL},
    {BIT(OPT), "dropout", {"0.0"}, .why = NULL},
    {BIT(OPT), "layerdrop", {"0.0"}, .why = NULL},
    {BIT(GPTNEO), "resid_dropout", {"0.0"}, .why = NULL},
    {BIT(GPTNEO), "embed_dropout", {"0.0"}, .why = NULL},
    {EVERY, "use_cache", {"true"}, .why = NULL},
};
const int hfkeys_fixes = sizeof hfkeys_fixed / sizeof *hfkeys_fixed;
