/* raters: each annotator beside the others, and what sways him.
 *
 * Agreement and reliability are of planned judgements, gold accuracy of gold questions alone,
 * self-consistency of repeats against what was planned. Of pairs: a left bias is a choice of
 * the left answer more or less often than half (without ties, gold and repeats); a taste for
 * length, of the longer one where lengths differ. Both are sign tests, Holm's over annotators. */

#ifndef RATINGS_RATERS_H
#define RATINGS_RATERS_H

#include "ratings/agreement.h"

struct raters_share {
    size_t right, n;
    double value, low, high; /* NAN without n; Wilson's */
};

struct raters_test {
    struct raters_share share;
    double p, p_holm; /* NAN: no such data */
};

struct raters_one {
    size_t judgements; /* answered, without gold questions and repeats */
    size_t open, skipped;
    struct agreement_figure
        others; /* mean share of the other judgements of his items that say his */
    struct raters_share gold, self;
    double seconds; /* median; NAN: unknown */
    struct raters_test left, longer;
    double reliability; /* Dawid and Skene's chance to say what is true; NAN */
};

struct raters {
    struct raters_one *one; /* [judgements.annotator.n] */
    size_t n;
    double *
        consensus; /* [items, values] Dawid and Skene's posteriors, or NULL; of a pair the item's
                          way round */
    size_t values;
    bool converged;
    char *no_consensus; /* why there is none, or NULL */
};

/* Errors: ERR_RANGE. What has no data is NAN, not an error. Free with raters_fini. */
enum err raters_run(struct raters *out, const struct judgements *all,
                    const struct agreement_conf *conf) MUST_CHECK;
void raters_fini(struct raters *annotators);

json_t *raters_tell_json(const struct raters *annotators, const struct judgements *all);
void raters_tell_say(FILE *to, const struct raters *annotators, const struct judgements *all);

/* The planned judgements' posteriors, of pairs in the unit's way round. *why: NULL, or why
 * there are none (to be freed); `out` is then empty. */
struct dawid_skene;
struct units;
void raters_consensus(struct dawid_skene *out, char **why, const struct units *units,
                      const struct judgements *all);

#endif
