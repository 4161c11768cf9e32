/* penalty: what makes a token less, or more, probable than the model has it, given what was said.
 *
 * On the logits, in f32, in this order, before the temperature and the filters of sample.h:
 *   logit_bias          l + b                                                        (OpenAI)
 *   repetition_penalty  of what stands in prompt or answer: l < 0 ? l r : l / r
 *                                   (Keskar et al. 2019, arXiv:1909.05858; transformers)
 *   frequency_penalty   of what stands c times in the answer: l - f c                (OpenAI)
 *   presence_penalty    of what stands in the answer: l - p                          (OpenAI)
 * With none of them nothing is done, and no bit is another. */

#ifndef LM_GEN_PENALTY_H
#define LM_GEN_PENALTY_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { PENALTY_BIASES = 1024 }; /* tokens that a bias may name */

struct penalty_bias {
    int token;
    float by;
};

struct penalties {                         /* zeros: none */
    float repetition, frequency, presence; /* repetition 0 is 1 */
    const struct penalty_bias *bias;       /* [biases], each token once; borrowed */
    int biases;
};

/* What was said: prompt and answer so far. Borrowed. */
struct penalty_said {
    const int *token; /* [n] */
    int n_prompt, n;
};

bool penalty_any(const struct penalties *penalties);
/* Errors: ERR_RANGE, the words name the key and its range: repetition in [0.01, 100], the others in
 * [-2, 2], biases in [-100, 100] of tokens below `vocab` (0: any). */
enum err penalty_check(const struct penalties *penalties, int vocab) MUST_CHECK;

/* An object of {"token id": number}, as OpenAI has it, or NULL; *out, [*n], is freed with free().
 * Errors: ERR_PARSE, ERR_RANGE. */
enum err penalty_biases(struct penalty_bias **out, int *n, const json_t *object,
                        int vocab) MUST_CHECK;

/* to [vocab]: the logits with all of it; count [vocab] is scratch. */
void penalty_apply(const struct penalties *penalties, const struct penalty_said *said,
                   const float *logit, int vocab, uint32_t *count, float *to);

#endif
