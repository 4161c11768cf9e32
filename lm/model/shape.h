/* shape: what kind of transformer this is, as numbers.
 *
 * Read from config.json (lm/file/hfconfig) or GGUF metadata (lm/file/ggufmodel). The family says
 * which weights a layer has (the rows of lm/model/part) and what is done with them (the list of
 * lm/model/block); the numbers below are what differs between models of one family. Zero is
 * "as Llama" in each of them. */

#ifndef LM_MODEL_SHAPE_H
#define LM_MODEL_SHAPE_H

#include "lm/model/precision.h"

#include <stdbool.h>
#include <stdint.h>

enum family {
    FAMILY_LLAMA,
    FAMILY_MISTRAL,
    FAMILY_QWEN2,
    FAMILY_QWEN3,
    FAMILY_PHI3,
    FAMILY_GEMMA2,
    FAMILY_GEMMA3,
    FAMILY_GPT2,
    FAMILY_STARCODER2,
    FAMILY_GEMMA,
    FAMILY_PHI, /* 1.5 and 2 */
    FAMILY_NEOX,
    FAMILY_OPT,
    FAMILY_SMOLLM3,
    FAMILY_OLMO,
    FAMILY_OLMO2,
    FAMILY_GRANITE,
    FAMILY_STABLELM,
    FAMILY_COHERE,
    FAMILY_COHERE2,
    FAMILY_FALCON,
    FAMILY_GPTJ,
    FAMILY_GPTNEO,
    FAMILY_BIGCODE,
    FAMILY_OLMO3,
    FAMILY_SEEDOSS,
    FAMILY_ARCEE,
    FAMILY_GLM,  /* GLM-4 of 2024 */
    FAMILY_GLM4, /* and of 2025 */
    FAMILY_ERNIE,
    FAMILY_EXAONE4,
    FAMILY_NEMOTRON,
    FAMILIES
};
enum head {
    HEAD_LM,     /* the next token */
    HEAD_SCALAR, /* one number a token (reward, value) */
    HEAD_STEP,   /* two labels a token (wrong, right): its value is the second's logit less the
                  * first's, so that P(right) = sigmoid(value) is the softmax over the two */
};
/* How positions become angles. ROPE_LONG (Ding et al. 2024, arXiv:2402.13753): each frequency is
 * divided by a factor of its own, out of one list up to rope_original tokens and out of another
 * beyond. ROPE_DYNAMIC: theta grows with the longest sequence of a run beyond rope_original.
 * ROPE_YARN (Peng et al. 2023, arXiv:2309.00071): by wavelength, as ROPE_LLAMA3, along another
 * ramp. */
enum rope { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3, ROPE_LONG, ROPE_DYNAMIC, ROPE_YARN };
/* What a perceptron without a gate does between its matrices. */
enum act { ACT_FAMILY, ACT_GELU_TANH, ACT_GELU, ACT_RELU, ACT_RELU2, ACT_SILU, ACT_KINDS };

enum {
    SHAPE_STOPS = 8,
    SHAPE_LAYERS = 512,
    SHAPE_POSITIONS = 1 << 20, /* no context is longer */
    SHAPE_FACTORS = 128,       /* of ROPE_LONG: head_dim / 2 are used */
};

struct shape {
    enum family family;
    enum head head;
    enum precision compute; /* chosen once a run, as rope_far is: no file of a model says it */
    bool
        answers_int8; /* a run's, too: whoever writes its answers computes in int8 (shape_answers) */
    int layers, width, heads, kv_heads, head_dim, ffn, vocab;
    int context; /* tokens that a sequence may have */
    bool tied;   /* the head is the embedding; HEAD_LM only */
    float norm_eps;
    /* biases of q, k, v; of what heads are projected by; of the perceptron: where a family leaves
     * it to the model */
    bool bias_qkv, bias_o, bias_mlp;
    bool
        parallel; /* attention and perceptron both read the layer's input, where that is open */
    bool two_norms;         /* … through norms of their own (Falcon) */
    enum act act;           /* of a perceptron without a gate; ACT_FAMILY: the family's */
    double query_scalar;    /* q is divided by its root; 0: head_dim */
    double attention_scale; /* … or q is multiplied by this; 0: it is not */
    double embed_scale, residual_scale, logit_scale; /* Granite's and Cohere's; 0: 1 */
    double logit_divisor;                            /* Granite has this instead; 0: 1 */
    double attention_cap, logit_cap; /* x becomes cap tanh(x / cap); 0: it stays */
    int window; /* local layers see keys less than so far back; 0: none is */
    uint64_t local[SHAPE_LAYERS / 64];     /* bit i: layer i is local; ask shape_local */
    uint64_t unrotated[SHAPE_LAYERS / 64]; /* bit i: layer i does not know positions */
    enum rope rope;
    int rotary; /* of a head, so many columns are rotated, the first; 0: all */
    double rope_theta, rope_factor, rope_low, rope_high;
    double rope_local_theta; /* of local layers, plain; 0: theirs is as the others' */
    int rope_original;
    bool rope_stepless; /* ROPE_YARN: its ramp begins and ends between columns, too */
    /* ROPE_LONG. Which list holds is chosen once a run (shape_reach), and with it the context. */
    float rope_short[SHAPE_FACTORS], rope_long[SHAPE_FACTORS];
    double rope_attention; /* sines and cosines are multiplied by it; of ROPE_YARN, too */
    int rope_whole;  /* the context with the long list; rope_original with the short one. Of
                     * ROPE_DYNAMIC: how far it may go */
    bool rope_far;   /* the long list holds */
    double init_std; /* initializer_range */
    int bos, pad, eos[SHAPE_STOPS], eos_count; /* token ids; bos and pad -1 when absent */
};

/* Whether the numbers fit together and this engine can run them: everything positive and
 * bounded, width and head_dim even, heads a multiple of kv_heads, rope known.
 * Errors: ERR_RANGE; the words name the key as config.json spells it. */
enum err shape_check(const struct shape *shape) MUST_CHECK;

/* The shape of who writes a run's answers. */
static inline struct shape shape_answers(const struct shape *shape)
{
    struct shape answers = *shape;

    answers.compute = shape->answers_int8 ? PRECISION_INT8 : shape->compute;
    return answers;
}

/* Whether layer i attends to the window only. */
bool shape_local(const struct shape *shape, int layer);

/* Whether layer i rotates queries and keys. */
bool shape_rotates(const struct shape *shape, int layer);
/* Columns of a head that are rotated, from the first on. */
int shape_rotary(const struct shape *shape);

/* The most columns that a matrix of a layer has: inputs of a product. */
int shape_widest(const struct shape *shape);

/* The longest sequence that a run allows is `longest`: of ROPE_LONG's lists the long one holds
 * from now on if that is more than rope_original, else the short one, for every sequence of the
 * run. ROPE_DYNAMIC has that context then, and its theta for it. Other shapes stay as they are. */
void shape_reach(struct shape *shape, int longest);
/* Whether it matters to a shape. */
bool shape_reaches(const struct shape *shape);

#endif
