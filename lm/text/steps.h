/* steps: a solution in steps as token ids, with a label where each step ends.
 *
 * TRL's rule (0.22.2, PRMTrainer.tokenize_row): the prompt, each step and the separator are
 * tokenised apart; the separator stands behind every step, and the step's label on its last
 * token. BOS, if the model has one, stands before the prompt. The prompt keeps its last
 * max_prompt tokens, the steps their first max_completion, all of it its first max_length. A
 * prompt of messages is rendered with the model's template. */

#ifndef LM_TEXT_STEPS_H
#define LM_TEXT_STEPS_H

#include "lm/text/encode.h"

struct steps_rule {
    const char *separator;
    int bos;                                    /* -1: none */
    int max_prompt, max_completion, max_length; /* 0: no limit */
    bool last_only;                             /* only the last step is learnt */
    bool first_error; /* nothing is learnt behind the first wrong step */
};

struct steps {
    int *ids, n, prompt; /* tokens; of them, the prompt's */
    float *target;       /* [n] P(right) in [0, 1] where a labelled step ends, 2 where one ends
                          * that nobody labelled, -1 elsewhere */
    int *end, count;     /* [count] last token of each step; -1: cut off */
};

/* `row` is {"prompt", "completions"[, "labels"]}. Errors: ERR_PARSE names the field (steps and
 * labels of different number, an empty step, a label that is none); encode's. */
enum err steps_encode(struct steps *out, const json_t *row, const struct encode *encode,
                      const struct steps_rule *rule) MUST_CHECK;
void steps_free(struct steps *steps);

/* One number for a solution: the least of its steps' P(right) (real_sigmoid of a model's value
 * there, HEAD_STEP), their product, the last, the
 * mean; 0 without steps. Lightman et al. 2023, arXiv:2305.20050, appendix F; Wang et al. 2023,
 * arXiv:2312.08935. */
enum steps_how { STEPS_MIN, STEPS_PRODUCT, STEPS_LAST, STEPS_MEAN };
double steps_sum(enum steps_how how, const double *p, int n);
enum err steps_how(enum steps_how *out, const char *name) MUST_CHECK; /* ERR_RANGE lists them */

/* A text's steps: what stands between separators, empty pieces left out. A new reference to a
 * list of strings; end [count] (free it): the byte behind each step's separator, or behind its
 * last byte at the end of the text. */
json_t *steps_cut(const char *text, size_t n, const char *separator, size_t **end, int *count);

#endif
