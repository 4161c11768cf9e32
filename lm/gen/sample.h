/* sample: one token out of one row of logits.
 *
 * Probabilities are of softmax(logits / temperature), as 44-bit whole numbers
 * w[i] = floor(2^44 exp(l[i] / T - max)): sums of whole numbers depend on no order. "Before"
 * means more probable, or as probable with a lower id. The filters, in this order:
 *   top_k   keeps the first k tokens                                (Fan et al. 2018)
 *   top_p   keeps the shortest beginning that holds >= p of what top_k left
 *                                              (Holtzman et al. 2020, arXiv:1904.09751)
 *   min_p   keeps tokens with p >= min_p * (largest p)    (Nguyen et al. 2024,
 * arXiv:2407.01082) The most probable token is always kept. Among the kept, in order of id, the
 * token in whose share u falls is drawn. Before all this come the penalties, if there are any
 * (penalty.h): they say what is drawn, and nothing of the log-probabilities that are told. */

#ifndef LM_GEN_SAMPLE_H
#define LM_GEN_SAMPLE_H

#include "base/err.h"
#include "lm/gen/penalty.h"
#include "lm/model/shape.h"

/* How tokens are drawn, and where an answer ends (generate.h). */
struct sampling {
    float temperature;             /* 0 is greedy */
    float top_p, min_p;            /* 1 and 0: off */
    int top_k;                     /* 0: off */
    int max_new;                   /* at least 1 */
    int stop[SHAPE_STOPS], n_stop; /* token ids that end an answer; the token is part of it */
    const char
        *stop_text[SHAPE_STOPS]; /* strings that end an answer; need a tokenizer; borrowed */
    int stop_text_count;
    struct penalties penalties; /* zeros: none */
};

enum { SAMPLE_TOPS = 20 }; /* of the most probable tokens, as many as others' servers tell */

struct sample_top {
    int token;
    float logprob;
};

/* The k most probable tokens, in the order of "before", with sample_draw's log-probabilities of
 * them; returns how many: k, or the vocabulary. The logits are numbers. */
int sample_best(struct sample_top *out, int k, float temperature, const float *logit,
                int vocab);

/* Scratch for one vocabulary; not shared between threads. */
struct sample_scratch;
/* Errors: ERR_NOMEM. */
enum err sample_scratch_new(struct sample_scratch **out, int vocab) MUST_CHECK;
void sample_scratch_free(struct sample_scratch *scratch);

/* Errors: ERR_RANGE, the words name the key and its range. */
enum err sample_check(const struct sampling *sampling) MUST_CHECK;

/* The drawn token, and its log-probability under the model's whole distribution, before penalties and
 * filters, with the bits that forward_logprob gives (temperature 0: the most probable token, and its
 * log-probability at temperature 1). 0 <= u < 1. -1 if the logits are not numbers. `said`
 * is what penalties look at; NULL: nothing was. */
int sample_draw(struct sample_scratch *scratch, const struct sampling *sampling,
                const struct penalty_said *said, const float *logit, double u, float *logprob);

#endif
