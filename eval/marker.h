/* marker: who says what an answer is worth: a reward model, a rule, a judge, or the demo's
 * world.
 *
 * Told as an entry of a run's `rewards:` list (values are strings), or as the path of a reward
 * model alone:
 *     {model: runs/rm}                           a score each
 *     {model: runs/prm, steps: min, ...}         cli/stepwise.h; a score each: the least
 * P(right) of the answer's steps, their product, last, mean {rule: length, max: 60}
 * judge/rule.h; a score each {judge: MODEL, template: FILE, ...}        judge/judge.h;
 * pairwise: which is better, pointwise: a score each {world: demo} the hidden utility of
 * `drover world`; a score
 */

#ifndef EVAL_MARKER_H
#define EVAL_MARKER_H

#include "reward/judge/judge.h"

#include <jansson.h>
#include <stdbool.h>

struct marker;

/* `name` is the key it came from, for errors. Errors: ERR_PARSE, ERR_RANGE, ERR_IO. */
enum err marker_open(struct marker **out, const json_t *entry, const char *name) MUST_CHECK;
void marker_close(struct marker *marker); /* NULL is fine */

/* What can be said of a rule or a judge before a model is loaded: for who opens it late.
 * `scores`: one that compares is an error. */
enum err marker_check(const json_t *entry, const char *name, bool scores) MUST_CHECK;

/* From now on a pointwise judge that says nothing gives NAN, not its lowest. */
void marker_silence(struct marker *marker);

bool marker_judges(const struct marker *marker);      /* may give no verdict */
bool marker_compares(const struct marker *marker);    /* marker_compare, not marker_score */
bool marker_binary(const struct marker *marker);      /* its scores are 0 and 1 */
const char *marker_name(const struct marker *marker); /* "reward model", "rule length", ... */

struct marker_item {
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
int marker_words(const char *text);

/* score [n] out; a pointwise judge that says nothing gives its lowest, counted. On an error
 * *bad is the item it is about. */
enum err marker_score(struct marker *marker, const struct marker_item *item, int n,
                      double *score, int *bad) MUST_CHECK;

/* Which of a[i] and b[i], answers to the same prompt, is better. With scores: p_a is 1, 1/2 or
 * 0. The result's other fields are the judge's alone. score (may be NULL) [2n]: of a and b,
 * when the marker scores. */
enum err marker_compare(struct marker *marker, const struct marker_item *a,
                        const struct marker_item *b, int n, struct judge_result *result,
                        double *score, int *bad) MUST_CHECK;

/* Answers a judge gave no verdict on so far, and those it changed its mind about with the
 * order.
 */
long marker_failures(const struct marker *marker);
long marker_swapped(const struct marker *marker);
long marker_too_long(const struct marker *marker); /* of the failures */

#endif
