/* How: a head is fitted to the rows, and each row of the pool gets the mean and the variance of its
 * log-odds in the posterior. What a row is worth is a function of both, and for a committee of its
 * heads. The greedy part needs no new fit: a verdict that nobody has given yet moves no mean on
 * average, but it does add its curvature p (1 - p) x x', whatever it will be; the factor is
 * raised by it, and one solve and a product per row give all new variances. Uncertainty and
 * disagreement know no variance: theirs is scaled by the share of the row's variance that the
 * batch has left. Prediction looks at TARGETS rows of the pool, evenly taken: the covariances of
 * every row with each of them are kept, and fall as the variances do. */

#include "stats/choosing.h"

#include "base/mem.h"
#include "base/rng.h"
#include "stats/bootstrap.h"
#include "stats/cholesky.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const choosing_words[CHOOSING_WAYS + 1] = {
    "random", "uncertainty", "disagreement", "information", "determinant", "prediction", NULL};

enum { TARGETS = 200 };

/* Beyond this deviation a log-odds is a coin's side for all that a person could say. */
#define WIDEST 1000.0

struct choosing_work {
    const struct choosing_pool *pool;
    const struct choosing_conf *conf;
    struct margin head;
    double *mean, *variance, *first; /* [n] log-odds; first: the variance before the batch */
    double *most;                    /* [n] what the row was worth when it was last looked at */
    double *spread;                  /* [n] disagreement: variance of the heads' chances */
    size_t targets;                  /* prediction: of which rows */
    double *across;                  /* [n,targets] covariance of log-odds */
    double *target, *coin;           /* [targets] their variance, and that of their coin */
    double *solved, *scratch;        /* [d] */
    bool *gone;                      /* [n] taken before, or in this batch */
    size_t left;
};

/* ---- what a row is worth */

/* Entropy of a coin, in nats. */
static double entropy(double p)
{
    return p > 0 && p < 1 ? -p * log(p) - (1 - p) * log1p(-p) : 0;
}

/* Entropy of the mean chance less the mean entropy, by even steps over 8 deviations (the trapezoid
 * rule on a function that falls off as a normal density). The logistic's nearest pole lies at
 * i pi / deviation, which sets the step: ten to a deviation more keep the error below 1e-10. Between
 * a coin that is nearly decided and itself the difference may round below nothing. */
double choosing_information(double mean, double variance)
{
    const double deviation = fmin(sqrt(variance), WIDEST);
    const int half = 32 + (int)(10 * deviation);
    const double width = 8.0 / half;
    double chance = 0, within = 0, all = 0, told;

    for (int i = -half; i <= half; i++) {
        const double z = i * width, by = exp(-z * z / 2);
        const double p = margin_chance(mean + deviation * z);
        all += by;
        chance += by * p;
        within += by * entropy(p);
    }
    told = entropy(chance / all) - within / all;
    return told > 0 ? told : 0;
}

static double curve_of(double mean)
{
    const double p = margin_chance(mean);

    return p * (1 - p);
}

/* What one verdict tells of another is to first order that of the working responses of Newton's
 * step, which are normal: each has the variance of its log-odds and 1 / curve of its coin. */
static double told_of_targets(const struct choosing_work *w, size_t i)
{
    const double mine = w->variance[i] + 1 / curve_of(w->mean[i]);
    double told = 0;

    for (size_t k = 0; k < w->targets; k++) {
        const double cross = w->across[i * w->targets + k];
        told -= log1p(-cross * cross / (mine * (w->target[k] + w->coin[k]))) / 2;
    }
    return told / (double)w->targets;
}

static double worth(const struct choosing_work *w, size_t i)
{
    const double left = w->first[i] > 0 ? w->variance[i] / w->first[i] : 0;

    switch (w->conf->way) {
    case CHOOSING_UNCERTAINTY:
        return (1 - fabs(2 * margin_chance(w->mean[i]) - 1)) * left;
    case CHOOSING_DISAGREEMENT:
        return w->spread[i] * left;
    case CHOOSING_INFORMATION:
        return choosing_information(w->mean[i], w->variance[i]);
    case CHOOSING_DETERMINANT:
        return log1p(curve_of(w->mean[i]) * w->variance[i]);
    case CHOOSING_PREDICTION:
        return told_of_targets(w, i);
    default:
        return 0;
    }
}

/* ---- before the first */

/* A committee: each head is fitted to as many rows drawn with replacement. Welford's sums. */
static enum err committee(struct choosing_work *w, const struct margin_rows *rows)
{
    const struct choosing_conf *const c = w->conf;
    const size_t n = w->pool->n;
    uint32_t *times = mem_new(rows->n + 1, sizeof *times);
    double *by = mem_new(rows->n + 1, sizeof *by), *sum = mem_new(n + 1, sizeof *sum);
    enum err err = OK;

    for (int h = 0; h < c->heads && !err; h++) {
        struct margin_rows drawn = *rows;
        struct margin head;

        if (rows->n)
            bootstrap_draw(times, rows->n, c->seed,
                           c->round * CHOOSING_HEADS_MAX + (uint32_t)h);
        for (size_t i = 0; i < rows->n; i++)
            by[i] = times[i] * (rows->weight ? rows->weight[i] : 1);
        drawn.weight = by;
        err = margin_fit(&head, &drawn, w->pool->d, c->penalty, w->head.w);
        for (size_t i = 0; i < n && !err; i++) {
            const double *const x = w->pool->x + i * (size_t)w->pool->d;
            const double p = margin_chance(margin_mean(&head, x)), off = p - sum[i];
            sum[i] += off / (h + 1);
            w->spread[i] += off * (p - sum[i]) / (c->heads - 1);
        }
        margin_fini(&head);
    }
    free(times);
    free(by);
    free(sum);
    return err;
}

static const double *target_row(const struct choosing_work *w, size_t k)
{
    return w->pool->x + k * w->pool->n / w->targets * (size_t)w->pool->d;
}

static double dot(const double *a, const double *b, int d)
{
    double sum = 0;

    for (int j = 0; j < d; j++)
        sum += a[j] * b[j];
    return sum;
}

static enum err aim(struct choosing_work *w)
{
    const int d = w->pool->d;
    const size_t m = w->pool->n < TARGETS ? w->pool->n : TARGETS;
    const enum err err =
        mem_big(&w->across, w->pool->n * m, sizeof *w->across, "covariances of pairs");

    if (err)
        return err;
    w->targets = m;
    w->target = mem_new(m + 1, sizeof *w->target);
    w->coin = mem_new(m + 1, sizeof *w->coin);
    for (size_t k = 0; k < m; k++) {
        const double *const t = target_row(w, k);
        w->coin[k] = 1 / curve_of(margin_mean(&w->head, t));
        memcpy(w->solved, t, (size_t)d * sizeof *w->solved);
        cholesky_solve(w->head.l, d, w->solved);
        w->target[k] = dot(t, w->solved, d);
        for (size_t i = 0; i < w->pool->n; i++)
            w->across[i * m + k] = dot(w->pool->x + i * (size_t)d, w->solved, d);
    }
    return OK;
}

static enum err look(struct choosing_work *w, const struct margin_rows *rows)
{
    const int d = w->pool->d;
    enum err err = margin_fit(&w->head, rows, d, w->conf->penalty, NULL);

    for (size_t i = 0; i < w->pool->n && !err; i++) {
        const double *const x = w->pool->x + i * (size_t)d;

        if (w->gone[i])
            continue;
        w->mean[i] = margin_mean(&w->head, x);
        w->first[i] = w->variance[i] = margin_variance(&w->head, x, w->scratch);
        if (!isfinite(w->mean[i]) || !isfinite(w->variance[i]))
            err =
                err_set(ERR_RANGE, "row %zu of the pool has a feature that is not a number", i);
    }
    if (!err && w->conf->way == CHOOSING_DISAGREEMENT)
        err = committee(w, rows);
    if (!err && w->conf->way == CHOOSING_PREDICTION)
        err = aim(w);
    return err;
}

/* ---- one after another */

/* The variances after row `at` will have been judged, and the factor that goes with them:
 * x' (A + a y y')^-1 z = x' A^-1 z - a (x' A^-1 y) (z' A^-1 y) / (1 + a y' A^-1 y). */
static void learn(struct choosing_work *w, size_t at)
{
    const int d = w->pool->d;
    const size_t bytes = (size_t)d * sizeof *w->solved;
    const double *const y = w->pool->x + at * (size_t)d;
    const double curve = curve_of(w->mean[at]), share = curve / (1 + curve * w->variance[at]);
    double of[TARGETS];

    memcpy(w->solved, y, bytes);
    cholesky_solve(w->head.l, d, w->solved);
    for (size_t k = 0; k < w->targets; k++) {
        of[k] = dot(target_row(w, k), w->solved, d);
        w->target[k] = fmax(0, w->target[k] - share * of[k] * of[k]);
    }
    for (size_t i = 0; i < w->pool->n; i++) {
        const double cross = w->gone[i] ? 0 : dot(w->pool->x + i * (size_t)d, w->solved, d);

        w->variance[i] = fmax(0, w->variance[i] - share * cross * cross);
        for (size_t k = 0; k < w->targets; k++)
            w->across[i * w->targets + k] -= share * cross * of[k];
    }
    memcpy(w->scratch, y, bytes);
    cholesky_raise(w->head.l, d, curve, w->scratch);
}

/* Variances only fall and a row's worth falls with its own, so what it was worth is a bound of what
 * it is: rows whose bound is below the best so far are not looked at again (Minoux 1978). Of
 * prediction that is not so for sure, as two verdicts may tell of a third what neither does alone:
 * there a row that came to be worth more is passed over until the rows above it have fallen. */
static size_t best(struct choosing_work *w, double *score)
{
    size_t at = w->pool->n;

    for (size_t i = 0; i < w->pool->n; i++)
        if (!w->gone[i] && (at == w->pool->n || w->most[i] > w->most[at]))
            at = i;
    *score = w->most[at] = worth(w, at);
    for (size_t i = 0; i < w->pool->n; i++) {
        if (w->gone[i] || w->most[i] < *score)
            continue;
        w->most[i] = worth(w, i);
        if (w->most[i] > *score || (w->most[i] == *score && i < at)) {
            at = i;
            *score = w->most[i];
        }
    }
    return at;
}

/* The nth that is left. */
static size_t left_at(const struct choosing_work *w, size_t nth)
{
    size_t at = 0;

    for (;; at++)
        if (!w->gone[at] && !nth--)
            return at;
}

/* Both numbers are drawn for every way and at every place, so that two ways that are compared
 * differ by what they choose and by nothing else. */
static void place(struct choosing_one *out, struct choosing_work *w, uint32_t nth)
{
    const struct choosing_conf *const c = w->conf;
    const double any = rng_uniform(c->seed, RNG_CHOICE, c->round, nth, 0);
    const double which = rng_uniform(c->seed, RNG_CHOICE, c->round, nth, 1);
    const size_t even = left_at(w, (size_t)(which * (double)w->left));
    double score = 0;
    const size_t top = c->way == CHOOSING_RANDOM ? even : best(w, &score);
    const double share = 1.0 / (double)w->left;

    *out = (struct choosing_one){.row = top, .score = score};
    out->drawn = c->way == CHOOSING_RANDOM || any < c->epsilon;
    if (out->drawn) {
        out->row = even;
        out->score = worth(w, even);
    }
    out->chance = c->way == CHOOSING_RANDOM
                      ? share
                      : c->epsilon * share + (out->row == top ? 1 - c->epsilon : 0);
}

static enum err check(const struct choosing_conf *c)
{
    if (!(c->epsilon >= 0 && c->epsilon <= 1))
        return err_set(ERR_RANGE, "epsilon %g: not in 0..1", c->epsilon);
    if (c->way == CHOOSING_DISAGREEMENT && (c->heads < 2 || c->heads > CHOOSING_HEADS_MAX))
        return err_set(ERR_RANGE, "%d heads: not in 2..%d", c->heads, CHOOSING_HEADS_MAX);
    return OK;
}

static void begin(struct choosing_work *w)
{
    const size_t n = w->pool->n + 1, d = (size_t)w->pool->d + 1;

    w->mean = mem_new(n, sizeof *w->mean);
    w->variance = mem_new(n, sizeof *w->variance);
    w->first = mem_new(n, sizeof *w->first);
    w->spread = mem_new(n, sizeof *w->spread);
    w->most = mem_new(n, sizeof *w->most);
    w->solved = mem_new(d, sizeof *w->solved);
    w->scratch = mem_new(d, sizeof *w->scratch);
    w->gone = mem_new(n, sizeof *w->gone);
    for (size_t i = 0; i < w->pool->n; i++) {
        w->gone[i] = w->pool->taken && w->pool->taken[i];
        w->left += !w->gone[i];
        w->most[i] = INFINITY;
    }
}

static void end(struct choosing_work *w)
{
    margin_fini(&w->head);
    free(w->mean);
    free(w->variance);
    free(w->first);
    free(w->spread);
    free(w->across);
    free(w->target);
    free(w->coin);
    free(w->most);
    free(w->solved);
    free(w->scratch);
    free(w->gone);
}

enum err choosing_batch(struct choosing_one *out, size_t batch, size_t *chosen,
                        const struct choosing_pool *pool, const struct margin_rows *rows,
                        const struct choosing_conf *conf)
{
    struct choosing_work w = {.pool = pool, .conf = conf};
    enum err err = check(conf);

    *chosen = 0;
    if (!err && (pool->d < 1 || pool->d > MARGIN_FEATURES_MAX))
        err = err_set(ERR_RANGE, "%d features: not in 1..%d", pool->d, MARGIN_FEATURES_MAX);
    if (err)
        return err;
    begin(&w);
    if (conf->way != CHOOSING_RANDOM)
        err = look(&w, rows);
    while (!err && *chosen < batch && w.left) {
        struct choosing_one *const one = &out[*chosen];

        place(one, &w, (uint32_t)*chosen);
        w.gone[one->row] = true;
        w.left--;
        ++*chosen;
        if (conf->way != CHOOSING_RANDOM)
            learn(&w, one->row);
    }
    end(&w);
    return err;
}

double choosing_levelled(size_t place, size_t places, size_t n, double chance)
{
    const double m = (double)place, all = (double)places, rows = (double)n;

    return place >= n ? 1 : 1 + (rows - all) / (rows - m) * (1 / ((rows - m + 1) * chance) - 1);
}
