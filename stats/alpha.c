/* How: one function, measure(), says alpha of the clusters each taken `times` times; the
 * estimate is all of them once, a draw of the bootstrap is another vector of times. It counts
 * the values (n_c), then asks expected() for the sum over all pairs of judgements: from the
 * counts alone for nominal, from sums and squares for interval (and, on mean ranks, ordinal),
 * by pairs of values for ratio. A unit's own disagreement is computed once (own), but of
 * ordinal, whose ranks depend on what was drawn.
 *
 * With S the sum of own, E the expected sum and n judgements, alpha = 1 - (n - 1) S / E. One
 * more copy of a unit u with m judgements changes the ratio R = (n - 1) S / E to first order
 * by
 *
 *     psi_u = R (m / (n - 1) - 2 sum over its values of h_c / E) + (n - 1) own_u / E
 *
 * where h_c is the sum of c's differences to all judgements; a cluster's psi is the sum of its
 * units'. Their squares are the variance. Mirrored values: n_c is the mean of both names'
 * counts, twice, and n is 2 n. */

#include "stats/alpha.h"

#include "base/mem.h"
#include "stats/normal.h"
#include "stats/share.h"
#include "stats/student.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct measure {
    const struct alpha_units *in;
    double *own;    /* [units] sum of differences over (judgements - 1); 0 of single ones */
    double *number; /* [values] or NULL; a copy whose middle is 0, and of ordinal the ranks */
    double *count;  /* [values] */
    double *ratio;  /* [values, values] differences, or NULL */
    double spread, observed, n; /* E, S / n, n of the last measure */
};

static size_t size_of(const struct alpha_units *in, size_t u)
{
    return in->start[u + 1] - in->start[u];
}

static size_t cluster_of(const struct alpha_units *in, size_t u)
{
    return in->cluster ? in->cluster[u] : u;
}

static double ratio_of(double a, double b)
{
    const double sum = a + b;

    return sum > 0 ? (a - b) / sum * ((a - b) / sum) : 0;
}

static double difference(const struct measure *me, uint32_t a, uint32_t b)
{
    if (me->in->metric == ALPHA_NOMINAL)
        return a != b;
    if (me->in->metric == ALPHA_RATIO)
        return ratio_of(me->in->number[a], me->in->number[b]);
    return (me->number[a] - me->number[b]) * (me->number[a] - me->number[b]);
}

/* Over ordered pairs of the unit's judgements, per judgement less one. Squares of differences
 * sum to those from the mean, so that ranks, which each draw makes anew, cost no pairs. */
static double own_of(const struct measure *me, size_t u)
{
    const uint32_t *value = me->in->value + me->in->start[u];
    const size_t m = size_of(me->in, u);
    double sum = 0, mean = 0;

    if (me->in->metric == ALPHA_INTERVAL || me->in->metric == ALPHA_ORDINAL) {
        for (size_t i = 0; i < m; i++)
            mean += me->number[value[i]] / (double)m;
        for (size_t i = 0; i < m; i++)
            sum += (me->number[value[i]] - mean) * (me->number[value[i]] - mean);
        return m > 1 ? 2 * (double)m * sum / (double)(m - 1) : 0;
    }
    for (size_t i = 0; i + 1 < m; i++)
        for (size_t j = i + 1; j < m; j++)
            sum += difference(me, value[i], value[j]);
    return m > 1 ? 2 * sum / (double)(m - 1) : 0;
}

/* Mean ranks of the values as they are drawn, from 0; the middle is taken off later. */
static void rank(struct measure *me)
{
    double before = 0;

    for (size_t c = 0; c < me->in->values; c++) {
        me->number[c] = before + me->count[c] / 2;
        before += me->count[c];
    }
}

/* The sum of differences over all ordered pairs of judgements. */
static double expected(struct measure *me)
{
    const size_t k = me->in->values;
    double sum = 0, square = 0, pairs = 0, mean = 0;

    if (me->in->metric == ALPHA_NOMINAL) {
        for (size_t c = 0; c < k; c++)
            square += me->count[c] * me->count[c];
        return me->n * me->n - square;
    }
    if (me->in->metric == ALPHA_RATIO) {
        for (size_t c = 0; c < k; c++) {
            double at = 0;
            for (size_t d = 0; d < k && me->count[c] > 0; d++)
                at += me->count[d] * me->ratio[c * k + d];
            pairs += me->count[c] * at;
        }
        return pairs;
    }
    for (size_t c = 0; c < k; c++)
        mean += me->count[c] * me->number[c] / me->n;
    for (size_t c = 0; c < k; c++) {
        const double off = me->number[c] - mean;
        sum += me->count[c] * off;
        square += me->count[c] * off * off;
    }
    return 2 * (me->n * square - sum * sum);
}

/* 1 - alpha of the clusters each taken `times` times (NULL: once); NAN where E is 0. */
static double measure(struct measure *me, const uint32_t *times)
{
    const struct alpha_units *in = me->in;
    double apart = 0;

    memset(me->count, 0, in->values * sizeof *me->count);
    me->n = 0;
    for (size_t u = 0; u < in->units; u++) {
        const double t = times ? times[cluster_of(in, u)] : 1;
        const size_t m = size_of(in, u);
        if (m < 2 || t == 0)
            continue;
        me->n += t * (double)m;
        apart += t * me->own[u];
        for (size_t i = in->start[u]; i < in->start[u + 1]; i++) {
            me->count[in->value[i]] += t;
            if (in->mirror)
                me->count[in->mirror[in->value[i]]] += t;
        }
    }
    if (in->mirror) {
        me->n *= 2;
        apart *= 2;
    }
    if (in->metric == ALPHA_ORDINAL) {
        rank(me);
        apart = 0;
        for (size_t u = 0; u < in->units; u++) {
            const double t = times ? times[cluster_of(in, u)] : 1;
            apart += t == 0 ? 0 : t * own_of(me, u);
        }
    }
    me->spread = expected(me);
    me->observed = apart / me->n;
    /* Rounding leaves a trace of sums that cancel: it is no spread. */
    if (!(me->spread > 1e-12 * me->n))
        return NAN;
    return (me->n - 1) * apart / me->spread;
}

/* For bootstrap.h, whose statistic is a function of the times alone: what it writes is
 * scratch. */
static double statistic(const void *self, const uint32_t *times)
{
    struct measure me = *(const struct measure *)self;

    return 1 - measure(&me, times);
}

/* h_c: the differences of value c to all judgements as they were last measured. */
static double apart_from_all(const struct measure *me, uint32_t c)
{
    double sum = 0;

    if (me->in->metric == ALPHA_NOMINAL)
        return me->n - me->count[c];
    for (uint32_t d = 0; d < me->in->values; d++)
        sum += me->count[d] * difference(me, c, d);
    return sum;
}

/* psi [clusters] at the estimate, behind measure(me, NULL) = ratio. The square root of their
 * sum of squares is the standard error; of ordinal the ranks count as given. */
static double first_order(struct measure *me, double ratio, size_t clusters)
{
    const struct alpha_units *in = me->in;
    double *psi = mem_new(in->clusters, sizeof *psi), *h = mem_new(in->values, sizeof *h);
    double square = 0;

    for (uint32_t c = 0; c < in->values; c++)
        h[c] = apart_from_all(me, c);
    for (size_t u = 0; u < in->units; u++) {
        const double m = (double)size_of(in, u), both = in->mirror ? 2 : 1;
        const double own = in->metric == ALPHA_ORDINAL ? own_of(me, u) : me->own[u];
        double sum = 0;
        if (m < 2)
            continue;
        for (size_t i = in->start[u]; i < in->start[u + 1]; i++)
            sum += h[in->value[i]] + (in->mirror ? h[in->mirror[in->value[i]]] : 0);
        psi[cluster_of(in, u)] += ratio * (both * m / (me->n - 1) - 2 * sum / me->spread) +
                                  (me->n - 1) * both * own / me->spread;
    }
    for (size_t c = 0; c < in->clusters; c++)
        square += psi[c] * psi[c];
    free(psi);
    free(h);
    return sqrt(square * (double)clusters / ((double)clusters - 1));
}

/* The largest difference of two values that somebody gave: what makes the disagreement a
 * share. */
static double widest(const struct measure *me)
{
    double most = 0;
    size_t first = me->in->values, last = 0;

    if (me->in->metric == ALPHA_NOMINAL)
        return 1;
    for (uint32_t c = 0; c < me->in->values; c++)
        if (me->count[c] > 0) {
            first = c < first ? c : first;
            last = c;
        }
    if (first < last)
        most = difference(me, (uint32_t)first, (uint32_t)last);
    return most;
}

/* Wilson's test of the observed disagreement turned round: the expected one stays as it is, and
 * what is known of both is in the standard error. Each cluster is worth at most the judgements
 * that it adds, at least one row. */
static void invert(const struct measure *me, struct alpha *a, double level)
{
    const double top = widest(me), m = (double)a->clusters;
    const double scale = me->spread / (me->n * (me->n - 1)) / top; /* expected, a share */
    const double share = me->observed / top, sd = a->se * scale;
    /* Wilson's quantile is the normal one; this level gives it Student's. */
    const double t = student_quantile((1 + level) / 2, m - 1);
    struct share got;

    share_known(&got, fmin(share, 1), sd * sd, m, (double)a->judgements, 2 * normal_cdf(t) - 1);
    a->low = 1 - got.high / scale;
    a->high = 1 - got.low / scale;
}

static enum err interval(struct measure *me, struct alpha *a, const struct bootstrap_conf *conf)
{
    struct bootstrap got = {.low = 0};
    const double level = conf->level != 0 ? conf->level : .95;
    enum err err = OK;

    a->how = ALPHA_INVERSION;
    if (a->clusters > ALPHA_MANY || (double)a->clusters * (double)a->judgements > ALPHA_WORK) {
        const double z = normal_quantile((1 + level) / 2);
        a->how = ALPHA_FIRST_ORDER;
        got = (struct bootstrap){.low = a->alpha - z * a->se, .high = a->alpha + z * a->se};
    } else if (a->clusters >= ALPHA_FEW) {
        a->how = ALPHA_BOOTSTRAP;
        err = bootstrap_run(&got, me->in->clusters, statistic, me, conf);
    }
    /* Draws that are undefined too often: the counts are too one-sided for them. */
    if (err == ERR_RANGE && got.undefined)
        got = (struct bootstrap){.low = 0}, err = OK;
    (void)measure(me, NULL);
    a->low = got.low;
    a->high = fmin(got.high, 1);
    if (!err && !(got.low < got.high)) {
        a->how = ALPHA_INVERSION;
        invert(me, a, level);
    }
    return err;
}

static enum err in_range(const struct alpha_units *in, size_t u, size_t clusters)
{
    if (cluster_of(in, u) >= clusters)
        return err_set(ERR_RANGE, "alpha: cluster %zu of %zu", cluster_of(in, u), clusters);
    for (size_t i = in->start[u]; i < in->start[u + 1]; i++)
        if (in->value[i] >= in->values)
            return err_set(ERR_RANGE, "alpha: value %u of %zu", in->value[i], in->values);
    return OK;
}

/* Counts the units that count, and gives their clusters numbers without gaps, so that no draw
 * is spent on a cluster that has nothing to say. cluster [units] out. *same: all have as many
 * judgements. */
static enum err check(const struct alpha_units *in, struct alpha *out, uint32_t *cluster,
                      bool *same)
{
    const size_t given = in->cluster ? in->clusters : in->units;
    uint32_t *number = mem_new(given + 1, sizeof *number);
    enum err err = OK;

    *same = true;
    for (size_t u = 0; u < in->units && !err; u++) {
        const size_t m = size_of(in, u), at = cluster_of(in, u);
        err = in_range(in, u, given);
        if (err || m < 2)
            continue;
        *same = *same && (!out->units || m * out->units == out->judgements);
        out->units++;
        out->judgements += m;
        if (!number[at])
            number[at] = (uint32_t)++out->clusters;
        cluster[u] = number[at] - 1;
    }
    free(number);
    if (!err && !out->units)
        err = err_set(ERR_RANGE, "alpha: no item has two judgements");
    if (!err && in->metric == ALPHA_RATIO && in->values > ALPHA_RATIO_VALUES_MAX)
        err = err_set(ERR_RANGE, "alpha: %zu different values, of level ratio at most %d",
                      in->values, ALPHA_RATIO_VALUES_MAX);
    return err;
}

static void prepare(struct measure *me, const struct alpha_units *in)
{
    const size_t k = in->values;
    double middle = 0;

    me->in = in;
    me->own = mem_new(in->units + 1, sizeof *me->own);
    me->count = mem_new(k + 1, sizeof *me->count);
    me->number = mem_new(k + 1, sizeof *me->number);
    for (size_t c = 0; c < k && in->number; c++)
        middle += in->number[c] / (double)k;
    for (size_t c = 0; c < k && in->number; c++)
        me->number[c] = in->number[c] - middle;
    if (in->metric == ALPHA_RATIO) {
        me->ratio = mem_new(k * k + 1, sizeof *me->ratio);
        for (size_t c = 0; c < k; c++)
            for (size_t d = 0; d < k; d++)
                me->ratio[c * k + d] = ratio_of(in->number[c], in->number[d]);
    }
    for (size_t u = 0; u < in->units; u++)
        me->own[u] = own_of(me, u);
}

/* Fleiss' kappa has n for n - 1 in the expectation: with as many judgements in every unit that
 * is a factor, of the ends of the interval as well. */
static void fleiss(struct alpha *out, double n)
{
    const double by = n / (n - 1);

    out->kappa = 1 - (1 - out->alpha) * by;
    out->kappa_low = 1 - (1 - out->low) * by;
    out->kappa_high = 1 - (1 - out->high) * by;
}

static enum err run(struct measure *me, struct alpha *out, bool same,
                    const struct bootstrap_conf *conf)
{
    enum err err = OK;

    out->alpha = 1 - measure(me, NULL);
    out->observed = me->observed;
    out->expected = me->spread / (me->n * (me->n - 1));
    if (!isnan(out->alpha) && out->clusters > 1) {
        out->se = first_order(me, 1 - out->alpha, out->clusters);
        err = interval(me, out, conf);
    }
    if (!err && same && me->in->metric == ALPHA_NOMINAL)
        fleiss(out, me->n);
    return err;
}

enum err alpha_run(struct alpha *out, const struct alpha_units *units,
                   const struct bootstrap_conf *conf)
{
    struct alpha_units in = *units;
    struct measure me = {.in = NULL};
    uint32_t *cluster = mem_new(in.units + 1, sizeof *cluster);
    bool same;
    enum err err;

    *out =
        (struct alpha){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, ALPHA_INVERSION, 0, 0, 0};
    err = check(&in, out, cluster, &same);
    in.cluster = cluster;
    in.clusters = out->clusters;
    if (!err) {
        prepare(&me, &in);
        err = run(&me, out, same && in.metric == ALPHA_NOMINAL, conf);
    }
    free(cluster);
    free(me.own);
    free(me.count);
    free(me.number);
    free(me.ratio);
    return err;
}
