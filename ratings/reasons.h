/* reasons: on what two people disagree, where a test says so.
 *
 * Of pairs with covariates (the lengths of the answers, and what `x` names). Two questions for
 * each two annotators: do they say different things more, or less, often where the two answers
 * are further apart in it (logistic regression of disagreement on the sizes of all covariates,
 * each in standard deviations; by prompt where there are prompts), and, where each chose
 * another answer, did one of them take the one that has more (sign test). Holm's p over all of
 * these tests. */

#ifndef RATINGS_REASONS_H
#define RATINGS_REASONS_H

#include "ratings/agreement.h"

enum { REASONS_PAIRS_MAX = 500, REASONS_ITEMS_MIN = 30 };

enum reasons_kind { REASONS_SIZE, REASONS_SIDE };

struct reason {
    uint32_t a, b; /* annotators */
    enum reasons_kind kind;
    int covariate; /* 0: length; k: x[k - 1] */
    double
        effect; /* SIZE: odds of disagreeing times this per standard deviation; SIDE: share of the
                      `n` in which a took the answer with more */
    size_t n;   /* items that both judged; of SIDE those on which they chose opposite answers */
    double p, p_holm;
};

struct reasons {
    struct reason *one; /* [n], all that were tested */
    size_t n;
    const char *why; /* NULL, or why nothing was tested */
};

/* Errors: none but memory's. Free with reasons_fini. */
void reasons_run(struct reasons *out, const struct judgements *all,
                 const struct agreement_conf *conf);
void reasons_fini(struct reasons *reasons);

/* {"tests", "found": [{"a", "b", "on", "kind", "effect", "n", "p", "p_holm"}]}: those below
 * .05. */
json_t *reasons_json(const struct reasons *reasons, const struct judgements *all);
void reasons_say(FILE *to, const struct reasons *reasons, const struct judgements *all);

#endif
