/* How: one sort. The midrank of a row among all less its midrank within its class is how many
 * of the other class it beats (ties half), from which AUROC and DeLong's variance both follow,
 * in O(n log n) instead of over all pairs (Sun and Xu). */

#include "stats/roc.h"

#include "base/mem.h"
#include "stats/share.h"

#include <math.h>
#include <stdlib.h>

struct roc_row {
    double score;
    bool positive;
    double all, own; /* midranks: among all, among its class; from 1 */
};

static int by_score(const void *a, const void *b)
{
    const double x = ((const struct roc_row *)a)->score, y = ((const struct roc_row *)b)->score;

    return (x > y) - (x < y);
}

/* Rows sorted by score; a block of equal scores shares the middle of its ranks. */
static void rank(struct roc_row *row, size_t n)
{
    double before[2] = {0, 0};

    for (size_t i = 0, end; i < n; i = end) {
        double within[2] = {0, 0};
        for (end = i; end < n && row[end].score == row[i].score; end++)
            within[row[end].positive]++;
        for (size_t k = i; k < end; k++) {
            const bool c = row[k].positive;
            row[k].own = before[c] + (within[c] + 1) / 2;
            row[k].all = before[0] + before[1] + (within[0] + within[1] + 1) / 2;
        }
        before[0] += within[0];
        before[1] += within[1];
    }
}

/* Placement of each row: the share of the other class that it beats, from its own side. */
static void measure(struct roc *out, const struct roc_row *row, size_t n)
{
    const double m[2] = {(double)out->negatives, (double)out->positives};
    double sum = 0, square[2] = {0, 0};

    for (size_t i = 0; i < n; i++)
        if (row[i].positive)
            sum += (row[i].all - row[i].own) / m[0] / m[1];
    out->auroc = sum;
    for (size_t i = 0; i < n; i++) {
        const bool c = row[i].positive;
        const double below = (row[i].all - row[i].own) / m[!c], v = c ? below : 1 - below;
        square[c] += (v - sum) * (v - sum);
    }
    out->se = 0;
    for (int c = 0; c < 2; c++)
        out->se += m[c] > 1 ? square[c] / (m[c] - 1) / m[c] : 0;
    out->se = sqrt(out->se);
}

/* As many rows as the variance says, but at most as many as Hanley and McNeil's formula has: a
 * variance that happens to be small would else make the interval too narrow. */
void roc_interval(double auroc, double se, double positives, double negatives, double *low,
                  double *high)
{
    const double a = auroc, more = (positives + negatives) / 2 - 1;
    const double most = positives * negatives / (1 + more * ((1 - a) / (2 - a) + a / (1 + a)));
    struct share share;

    share_known(&share, a, se * se, fmin(positives, negatives), most, 0.95);
    *low = share.low;
    *high = share.high;
}

enum err roc_run(struct roc *out, const double *score, const bool *positive, size_t n)
{
    struct roc_row *row = mem_new(n + 1, sizeof *row);
    enum err err = OK;

    *out = (struct roc){NAN, NAN, NAN, NAN, 0, 0};
    for (size_t i = 0; i < n && !err; i++) {
        row[i] = (struct roc_row){.score = score[i], .positive = positive[i]};
        out->positives += positive[i];
        out->negatives += !positive[i];
        if (isnan(score[i]))
            err = err_set(ERR_RANGE, "AUROC: score %zu is not a number", i);
    }
    if (!err && !(out->positives && out->negatives))
        err = err_set(ERR_RANGE, "AUROC: %zu positives and %zu negatives: both are needed",
                      out->positives, out->negatives);
    if (!err) {
        qsort(row, n, sizeof *row, by_score);
        rank(row, n);
        measure(out, row, n);
        roc_interval(out->auroc, out->se, (double)out->positives, (double)out->negatives,
                     &out->low, &out->high);
    }
    free(row);
    return err;
}
