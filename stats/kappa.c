/* How: all of Cohen's is sums over the table. An item in cell (i, j) adds to kappa, to first
 * order,
 *
 *     ((w_ij - Po) (1 - Pe) - (w_i. + w_.j - 2 Pe) (1 - Po)) / (1 - Pe)^2
 *
 * where w_i. is the mean weight of row i against the columns' shares, and w_.j likewise; the
 * mean square of that over the items is n times Fleiss, Cohen and Everitt's variance, and its
 * sums by cluster are what a variance by cluster is made of (kappa_influence). */

#include "stats/kappa.h"

#include "base/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Shares of the table, its margins, and mean weights against the other's margin. */
struct kappa_table {
    const double *count;
    size_t k;
    enum kappa_weights weights;
    double n, observed, expected;
    double *row, *column;           /* [k] shares */
    double *row_mean, *column_mean; /* [k] mean weight of this row, of this column */
};

/* How right it is to say j where the other said i: categories are equally far from their
 * neighbours, whatever they are called. */
static double weight(const struct kappa_table *t, size_t i, size_t j)
{
    const double off = i > j ? (double)(i - j) : (double)(j - i);

    if (t->k < 2 || i == j)
        return 1;
    switch (t->weights) {
    case KAPPA_LINEAR:
        return 1 - off / (double)(t->k - 1);
    case KAPPA_QUADRATIC:
        return 1 - off * off / ((double)(t->k - 1) * (double)(t->k - 1));
    case KAPPA_EQUAL:
        break;
    }
    return 0;
}

/* Counts may be fractions: of pairs each judgement counts half under each name. */
static enum err check(const double *count, size_t n, size_t k, double *total)
{
    *total = 0;
    if (!k || k > KAPPA_CATEGORIES_MAX)
        return err_set(ERR_RANGE, "kappa: %zu categories, at most %d", k, KAPPA_CATEGORIES_MAX);
    for (size_t i = 0; i < n * k; i++) {
        if (!(count[i] >= 0) || !isfinite(count[i]))
            return err_set(ERR_RANGE, "kappa: a count of %g", count[i]);
        *total += count[i];
    }
    return *total > 0 ? OK : err_set(ERR_RANGE, "kappa: no item");
}

static void margins(struct kappa_table *t)
{
    const size_t k = t->k;

    t->row = mem_new(4 * k, sizeof *t->row);
    t->column = t->row + k;
    t->row_mean = t->column + k;
    t->column_mean = t->row_mean + k;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            t->row[i] += t->count[i * k + j] / t->n;
            t->column[j] += t->count[i * k + j] / t->n;
            t->observed += weight(t, i, j) * t->count[i * k + j] / t->n;
        }
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            t->row_mean[i] += weight(t, i, j) * t->column[j];
            t->column_mean[j] += weight(t, i, j) * t->row[i];
        }
    for (size_t i = 0; i < k; i++)
        t->expected += t->row[i] * t->row_mean[i];
}

static double influence_of(const struct kappa_table *t, size_t i, size_t j)
{
    const double rest = 1 - t->expected;

    return ((weight(t, i, j) - t->observed) * rest -
            (t->row_mean[i] + t->column_mean[j] - 2 * t->expected) * (1 - t->observed)) /
           (rest * rest);
}

/* Chance alone would agree on all of it: a difference of rounding is none. */
static bool sure(double expected)
{
    return !(1 - expected > 1e-12);
}

/* The standard error were the two independent with the margins that they have: what a test of
 * no agreement divides by. */
static double none(const struct kappa_table *t)
{
    double sum = 0;

    for (size_t i = 0; i < t->k; i++)
        for (size_t j = 0; j < t->k; j++) {
            const double off = weight(t, i, j) - t->row_mean[i] - t->column_mean[j];
            sum += t->row[i] * t->column[j] * off * off;
        }
    sum = fmax(sum - t->expected * t->expected, 0);
    return sqrt(sum / t->n) / (1 - t->expected);
}

enum err kappa_cohen(struct kappa *out, const double *table, size_t k,
                     enum kappa_weights weights)
{
    struct kappa_table t = {.count = table, .k = k, .weights = weights};
    enum err err = check(table, k, k, &t.n);

    *out = (struct kappa){NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0, 0};
    if (err)
        return err;
    margins(&t);
    out->n = t.n;
    out->observed = t.observed;
    out->expected = t.expected;
    for (size_t i = 0; i < k; i++)
        out->categories += t.row[i] > 0 || t.column[i] > 0;
    if (weights == KAPPA_EQUAL && k > 1)
        out->uniform = (t.observed - 1 / (double)k) / (1 - 1 / (double)k);
    if (!sure(t.expected)) {
        double square = 0;
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < k; j++) {
                const double by = influence_of(&t, i, j);
                square += table[i * k + j] * by * by;
            }
        out->value = (t.observed - t.expected) / (1 - t.expected);
        out->se = sqrt(square) / t.n;
        out->se_none = none(&t);
        out->z = out->value / out->se_none;
    }
    free(t.row);
    return OK;
}

/* A variance by cluster is made of these: what hangs together is added up before it is
 * squared. */
enum err kappa_influence(double *influence, const double *table, size_t k,
                         enum kappa_weights weights)
{
    struct kappa_table t = {.count = table, .k = k, .weights = weights};
    enum err err = check(table, k, k, &t.n);

    if (err)
        return err;
    margins(&t);
    if (sure(t.expected))
        err = err_set(ERR_RANGE, "kappa: all judgements are of one category");
    for (size_t i = 0; i < k && !err; i++)
        for (size_t j = 0; j < k; j++)
            influence[i * k + j] = influence_of(&t, i, j);
    free(t.row);
    return err;
}

/* The table that would have this kappa: with that chance the two say the same, by the mean of their
 * margins, else each draws by its own. `row`, `column`: its margins; below independence a cell of the
 * diagonal is at least 0. */
struct kappa_cell {
    double row, column, same, apart; /* apart: of `same`'s cell, were the two independent */
};

static struct kappa_cell cell_at(const struct kappa_table *t, double at, size_t i)
{
    const double a = t->row[i], b = t->column[i], both = (a + b) / 2;
    const double apart = (1 - at) * a * b;

    return (struct kappa_cell){(1 - at) * a + at * both, (1 - at) * b + at * both,
                               fmax(0, apart + at * both), apart};
}

/* *is: kappa of that table. Returns n times Fleiss, Cohen and Everitt's variance there: over all
 * cells off the diagonal the squares come apart into sums over one index. */
static double variance_at(const struct kappa_table *t, double at, double *is)
{
    double observed = 0, expected = 0, first[2] = {0, 0}, second = 0, square = 0, mean = 0;

    for (size_t i = 0; i < t->k; i++) {
        const struct kappa_cell c = cell_at(t, at, i);
        observed += c.same;
        expected += c.row * c.column;
        first[0] += t->row[i] * c.column;
        first[1] += t->column[i] * c.row;
        second += t->row[i] * c.column * c.column + t->column[i] * c.row * c.row;
    }
    for (size_t i = 0; i < t->k; i++) {
        const struct kappa_cell c = cell_at(t, at, i);
        const double off = (c.row + c.column) * (1 - observed), on = 1 - expected - off;
        square += c.same * on * on - c.apart * off * off;
        mean += c.same * on + c.apart * off;
    }
    square += (1 - at) * pow(1 - observed, 2) * (second + 2 * first[0] * first[1]);
    mean -= (1 - at) * (1 - observed) * (first[0] + first[1]);
    *is = (observed - expected) / (1 - expected);
    return fmax(0, square - mean * mean) / pow(1 - expected, 4);
}

/* Halves [from, to] to where the test just fails; it holds at from. */
static double edge(const struct kappa_table *t, double value, double from, double to, double by)
{
    for (int i = 0; i < 60; i++) {
        const double at = (from + to) / 2;
        double is;
        const double spread = by * sqrt(variance_at(t, at, &is) / t->n);
        *(fabs(value - is) <= spread ? &from : &to) = at;
    }
    return (from + to) / 2;
}

enum err kappa_score(double *low, double *high, const double *table, size_t k, double alike,
                     double quantile)
{
    struct kappa_table t = {.count = table, .k = k, .weights = KAPPA_EQUAL};
    enum err err = check(table, k, k, &t.n);
    double value;

    *low = *high = NAN;
    if (err)
        return err;
    margins(&t);
    if (sure(t.expected))
        err = err_set(ERR_RANGE, "kappa: all judgements are of one category");
    value = (t.observed - t.expected) / (1 - t.expected);
    if (!err) {
        *low = edge(&t, value, value, -t.expected / (1 - t.expected), quantile * sqrt(alike));
        *high = edge(&t, value, value, 1, quantile * sqrt(alike));
    }
    free(t.row);
    return err;
}

/* Each item has `each` judgements; share [k] of the categories in all. */
static void fleiss(struct kappa *out, const double *count, size_t n, size_t k, double each,
                   const double *share)
{
    double pq = 0, skew = 0;

    out->observed = 0;
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        for (size_t c = 0; c < k; c++)
            square += count[i * k + c] * count[i * k + c];
        out->observed += (square - each) / (each * (each - 1)) / (double)n;
    }
    out->expected = 0;
    for (size_t c = 0; c < k; c++) {
        const double rest = share[c] * (1 - share[c]);
        out->expected += share[c] * share[c];
        out->categories += share[c] > 0;
        pq += rest;
        skew += rest * (1 - 2 * share[c]);
    }
    if (k > 1)
        out->uniform = (out->observed - 1 / (double)k) / (1 - 1 / (double)k);
    if (sure(out->expected))
        return;
    out->value = (out->observed - out->expected) / (1 - out->expected);
    out->se_none =
        sqrt(2 / ((double)n * each * (each - 1))) * sqrt(fmax(pq * pq - skew, 0)) / pq;
    out->z = out->value / out->se_none;
}

enum err kappa_fleiss(struct kappa *out, const double *count, size_t n, size_t k)
{
    double total, each, *share;
    enum err err = check(count, n, k, &total);

    *out = (struct kappa){NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0, 0};
    if (err)
        return err;
    share = mem_new(k, sizeof *share);
    each = total / (double)n;
    if (!(each > 1))
        err = err_set(ERR_RANGE, "Fleiss' kappa: one judgement an item");
    for (size_t i = 0; i < n && !err; i++) {
        double sum = 0;
        for (size_t c = 0; c < k; c++) {
            sum += count[i * k + c];
            share[c] += count[i * k + c] / total;
        }
        if (fabs(sum - each) > 1e-6 * each)
            err =
                err_set(ERR_RANGE, "Fleiss' kappa: items have different numbers of judgements");
    }
    out->n = (double)n;
    if (!err)
        fleiss(out, count, n, k, each, share);
    free(share);
    return err;
}
