/* shape: what kind of transformer this is, as numbers.
 *
 * Read from config.json (lm/file/hfconfig) or GGUF metadata (lm/file/ggufmodel). The family says
 * which weights a layer has (the rows of lm/model/part) and what is done with them (the list of
 * lm/model/block); the numbers below are what differs between models of one family. Zero is
 * "as Llama" in each of them. */

#ifndef LM_MODEL_SHAPE_H
#define LM_MODEL_SHAPE_H

#include "base/err.h"

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
 * beyond. */
enum rope { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3, ROPE_LONG };

enum {
    SHAPE_STOPS = 8,
    SHAPE_LAYERS = 512,
    SHAPE_POSITIONS = 1 << 20, /* no context is longer */
    SHAPE_FACTORS = 128,       /* of ROPE_LONG: head_dim / 2 are used */
};

struct shape {
    enum family family;
    enum head head;
    int layers, width, heads, kv_heads, head_dim, ffn, vocab;
    int context; /* tokens that a sequence may have */
    bool tied;   /* the head is the embedding; HEAD_LM only */
    float norm_eps;
    double query_scalar;             /* q is divided by its root; 0: head_dim */
    double attention_cap, logit_cap; /* x becomes cap tanh(x / cap); 0: it stays */
    int window; /* local layers see keys less than so far back; 0: none is */
    uint64_t local[SHAPE_LAYERS / 64]; /* bit i: layer i is local; ask shape_local */
    enum rope rope;
    double rope_theta, rope_factor, rope_low, rope_high;
    double rope_local_theta; /* of local layers, plain; 0: theirs is as the others' */
    int rope_original;
    /* ROPE_LONG. Which list holds is chosen once a run (shape_reach), and with it the context. */
    float rope_short[SHAPE_FACTORS], rope_long[SHAPE_FACTORS];
    double rope_attention; /* sines and cosines are multiplied by it */
    int rope_whole;  /* the context with the long list; rope_original with the short one */
    bool rope_far;   /* the long list holds */
    double init_std; /* initializer_range */
    int bos, pad, eos[SHAPE_STOPS], eos_count; /* token ids; bos and pad -1 when absent */
};

/* Whether the numbers fit together and this engine can run them: everything positive and
 * bounded, width a multiple of 16 and head_dim of 16, heads a multiple of kv_heads, rope known.
 * Errors: ERR_RANGE; the words name the key as config.json spells it. */
enum err shape_check(const struct shape *shape) MUST_CHECK;

/* Whether layer i attends to the window only. */
bool shape_local(const struct shape *shape, int layer);

/* The longest sequence that a run allows is `longest`: of ROPE_LONG's lists the long one holds
 * from now on if that is more than rope_original, else the short one, for every sequence of the
 * run. Other shapes stay as they are. */
void shape_reach(struct shape *shape, int longest);

#endif
