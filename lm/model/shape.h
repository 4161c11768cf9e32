/* shape: what kind of transformer this is, as numbers.
 *
 * Read from config.json (lm/file/hfconfig) or GGUF metadata (lm/file/gguf).
 * A model family is a row of differences, never a file of its own. */

#ifndef LM_MODEL_SHAPE_H
#define LM_MODEL_SHAPE_H

#include "base/err.h"

#include <stdbool.h>

enum family { FAMILY_LLAMA, FAMILY_MISTRAL, FAMILY_QWEN2 };
enum head {
    HEAD_LM,     /* the next token */
    HEAD_SCALAR, /* one number a token (reward, value) */
    HEAD_STEP,   /* two labels a token (wrong, right): its value is the second's logit less the
                  * first's, so that P(right) = sigmoid(value) is the softmax over the two */
};
enum rope { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3 };

enum { SHAPE_STOPS = 8 };

struct shape {
    enum family family;
    enum head head;
    int layers, width, heads, kv_heads, head_dim, ffn, vocab, context;
    bool tied;     /* the head is the embedding; HEAD_LM only */
    bool qkv_bias; /* biases on q, k and v (Qwen2) */
    float norm_eps;
    enum rope rope;
    double rope_theta, rope_factor, rope_low, rope_high;
    int rope_original;
    double init_std;                           /* initializer_range */
    int bos, pad, eos[SHAPE_STOPS], eos_count; /* token ids; bos and pad -1 when absent */
};

/* Whether the numbers fit together and this engine can run them: everything positive and
 * bounded, width a multiple of 16 and head_dim of 16, heads a multiple of kv_heads, rope known.
 * Errors: ERR_RANGE; the words name the key as config.json spells it. */
enum err shape_check(const struct shape *shape) MUST_CHECK;

#endif
