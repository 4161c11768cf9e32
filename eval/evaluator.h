/* evaluator: who says what an answer is worth: a reward, or the demo's world.
 *
 * Told as an entry of a run's `rewards:` list (values are strings) of a kind that scores here
 * (reward/reward_kind.h), or as the path of a reward model alone:
 *
 *   {model: runs/rm}                      a reward model: a score each
 *   {model: runs/prm, steps: min, ...}    a process reward model: the least P(right) of the
 *                                         answer's steps, their product, last, mean
 *   {rule: length, max: 60}               reward/rule/rule.h: a score each
 *   {judge: MODEL, template: FILE, ...}   reward/judge/judge.h; pairwise: which is better,
 *                                         pointwise: a score each
 *   {world: demo}                         the hidden utility of `drover world`: a score each */

#ifndef EVAL_EVALUATOR_H
#define EVAL_EVALUATOR_H

#include "reward/judge/judge.h"

#include <jansson.h>
#include <stdbool.h>

struct evaluator;

/* `name` is the key it came from, for errors. Errors: ERR_PARSE, ERR_RANGE, ERR_IO. */
enum err evaluator_open(struct evaluator **out, const json_t *entry,
                        const char *name) MUST_CHECK;
void evaluator_close(struct evaluator *evaluator); /* NULL is fine */

/* What can be said of an entry before a model is loaded: for who opens it late. `scores`: one
 * that compares is an error. Errors: ERR_PARSE, ERR_RANGE, ERR_IO. */
enum err evaluator_check(const json_t *entry, const char *name, bool scores) MUST_CHECK;

/* From now on a pointwise judge that says nothing gives NAN, not its lowest. */
void evaluator_silence(struct evaluator *evaluator);

bool evaluator_judges(const struct evaluator *evaluator); /* may give no verdict */
bool evaluator_compares(
    const struct evaluator *evaluator); /* evaluator_compare, not evaluator_score */
bool evaluator_binary(const struct evaluator *evaluator); /* its scores are 0 and 1 */
const char *
evaluator_name(const struct evaluator *evaluator); /* "reward model", "rule length", ... */

struct evaluator_item {
    const json_t *prompt;     /* a string or messages; NULL: it is part of the completion */
    const json_t *completion; /* the same; NULL: `answer`, as the prompt's kind */
    const char *answer;       /* its text */
    int tokens;               /* of the answer, for rules that count them */
    bool finished;            /* it ended by itself */
    const json_t *meta;       /* the record's columns; may be NULL */
    const json_t *steps;      /* its steps, where the record lists them, or NULL */
    const json_t *tools;      /* that its prompt offers, for templates, or NULL */
};

/* Words between blanks: an answer's tokens where nobody knows them. */
int evaluator_words(const char *text);

/* score [n] out; a pointwise judge that says nothing gives its lowest, counted. On an error
 * *bad is the item it is about. */
enum err evaluator_score(struct evaluator *evaluator, const struct evaluator_item *item, int n,
                         double *score, int *bad) MUST_CHECK;

/* Which of a[i] and b[i], answers to the same prompt, is better. With scores: p_a is 1, 1/2 or
 * 0. The result's other fields are the judge's alone. score (may be NULL) [2n]: of a and b,
 * when the evaluator scores. */
enum err evaluator_compare(struct evaluator *evaluator, const struct evaluator_item *a,
                           const struct evaluator_item *b, int n, struct judge_result *result,
                           double *score, int *bad) MUST_CHECK;

/* Answers a judge gave no verdict on so far, and those it changed its mind about with the
 * order.
 */
long evaluator_failures(const struct evaluator *evaluator);
long evaluator_swapped(const struct evaluator *evaluator);
long evaluator_too_long(const struct evaluator *evaluator); /* of the failures */

#endif
