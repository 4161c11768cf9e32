/* judge: a language model that compares answers, or gives each a score.
 *
 * Pairwise: both orders are asked (a first, b first) and averaged, so that a liking for a place
 * cancels. Two ways to hear a verdict:
 *   logprob   the probabilities of the verdict words where the answer would begin, normalised
 *             among them: never fails, and small models that cannot follow a format can do it
 *   text      the judge writes, greedily; verdict.h reads it strictly; failures are counted
 * Pointwise: the score is the written number, or the mean of the whole numbers from lowest to
 * highest under their probabilities (Liu et al. 2023, arXiv:2303.16634, section 2.3).
 *
 * A result is a pure function of model, template and texts. */

#ifndef REWARD_JUDGE_JUDGE_H
#define REWARD_JUDGE_JUDGE_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

struct encode;
struct model;
struct template;

enum judge_mode { JUDGE_PAIRWISE, JUDGE_POINTWISE };
enum judge_verdict { JUDGE_NONE, JUDGE_A, JUDGE_B, JUDGE_TIE };

enum { JUDGE_KEYS = 9 };
extern const char *const judge_keys[JUDGE_KEYS]; /* what judge_spec_read knows */

/* How to judge. From a configuration's entry, or from what judge_spec_write wrote. */
struct judge_spec {
    enum judge_mode mode;
    bool text;         /* verdict: text, not logprob */
    bool swap;         /* ask both orders */
    double tie_margin; /* a tie if p_a is no further than this from 1/2 */
    int max_new;       /* tokens the judge may write */
    char *rubric;      /* never NULL */
    struct template *template;
};

/* {template: FILE | template_text: ..., mode: pairwise|pointwise, verdict: logprob|text,
 *  rubric: TEXT, tie_margin: 0, swap: true, max_new_tokens: 256}; values are strings, other
 * keys are left alone. tie_margin is 0 for logprob; for text 1/4: an answer wins in both
 * orders, or it is a tie. Errors: ERR_PARSE, ERR_RANGE, ERR_IO name the key. */
enum err judge_spec_read(struct judge_spec *out, const json_t *entry) MUST_CHECK;
void judge_spec_fini(struct judge_spec *spec);
/* All of it as a JSON object that judge_spec_read takes, the template's text included. */
json_t *judge_spec_write(const struct judge_spec *spec);

struct judge_case {
    const char *prompt, *a, *b; /* b is NULL for a score of a */
};

struct judge_result {
    enum judge_verdict verdict; /* JUDGE_NONE: none could be read, or the case is too long */
    double p_a;                 /* P(a wins) + P(tie) / 2; NAN without a verdict */
    double first[2];            /* the same for what was shown first: a first, b first; NAN */
    double score;               /* pointwise; NAN without one */
    bool swapped;               /* the winner changed with the order */
    int failures;               /* orders without a verdict */
    bool too_long;              /* the judge's context does not hold it: a failure */
};

struct judge;
/* Borrows all three. Errors: ERR_RANGE when template and mode do not fit (words, placeholders)
 * or the model is no language model; ERR_NOMEM. */
enum err judge_new(struct judge **out, const struct judge_spec *spec, const struct model *model,
                   const struct encode *encode) MUST_CHECK;
void judge_free(struct judge *judge); /* NULL is fine */

/* result [n] out. Errors: of the model, never of what the judge says: ERR_RANGE (verdict words
 * that cannot be told apart by its tokens), ERR_PARSE (an answer that is not UTF-8), ERR_STATE
 * (no chat template to ask it by), ERR_NOMEM. */
enum err judge_run(struct judge *judge, const struct judge_case *ask, int n,
                   struct judge_result *result) MUST_CHECK;

double judge_lowest(const struct judge *judge); /* of the scale; pointwise */

#endif
