/* How: a choice is a multinomial logit over sets, so that its slope is what was chosen less what
 * was expected and its information the covariance of a set's statistics (1/|S| for each member, 1
 * for its size). Sets are listed one by one, smallest first, up to the largest tie that was ever
 * seen, leaving out sizes that never were: their delta is 0. Twice a choice: once for the sum of
 * weights, once for the moments. climb.h finds the maximum. */

#include "stats/plackett.h"

#include "base/mem.h"
#include "stats/climb.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct plackett_data {
    const struct plackett_choice *choice;
    size_t choices;
    int items, n;
    int at[PLACKETT_TIES_MAX + 1]; /* of ln delta_k among the parameters; 0: there is none */
    int n_most;                    /* items of the longest choice */
};

/* One choice at theta, and the moments of its sets over its own items and the sizes. */
struct plackett_stage {
    const struct plackett_choice *choice;
    const double *theta;
    const int *at;
    int width; /* n items and PLACKETT_TIES_MAX + 1 sizes */
    double top, sum;
    double *mean, *second; /* [width], [width,width]; NULL: sums only */
    int member[PLACKETT_TIES_MAX];
};

static double log_delta(const struct plackett_stage *s, int k)
{
    return k == 1 ? 0 : s->theta[s->at[k]];
}

/* The set of `size` members, which weighs exp(u). */
static void take(struct plackett_stage *s, int size, double u)
{
    const int n = s->choice->n;
    const double p = exp(u - s->top) / s->sum;

    for (int i = 0; i < size; i++) {
        const int a = s->member[i];
        s->mean[a] += p / size;
        if (!s->second)
            continue;
        for (int j = 0; j < size; j++)
            s->second[a * s->width + s->member[j]] += p / ((double)size * size);
        s->second[a * s->width + n + size] += p / size;
        s->second[(n + size) * s->width + a] += p / size;
    }
    s->mean[n + size] += p;
    if (s->second)
        s->second[(n + size) * s->width + n + size] += p;
}

/* Every set of `size` whose first `have` members stand, the next coming from `from` on. */
static void visit(struct plackett_stage *s, int size, int have, int from, double strengths)
{
    if (have == size) {
        const double u = log_delta(s, size) + strengths / size;
        if (s->mean)
            take(s, size, u);
        else
            s->sum += exp(u - s->top);
        return;
    }
    for (int i = from; i <= s->choice->n - (size - have); i++) {
        s->member[have] = i;
        visit(s, size, have + 1, i + 1, strengths + s->theta[s->choice->item[i]]);
    }
}

static void visit_all(struct plackett_stage *s)
{
    for (int k = 1; k <= PLACKETT_TIES_MAX && k <= s->choice->n; k++)
        if (k == 1 || s->at[k])
            visit(s, k, 0, 0, 0);
}

/* The sum of all sets' weights, relative to the top, which no set exceeds. */
static void open_stage(struct plackett_stage *s, const struct plackett_choice *choice,
                       const double *theta, const int *at)
{
    double best = -INFINITY, delta = 0;

    *s = (struct plackett_stage){
        .choice = choice, .theta = theta, .at = at, .width = choice->n + PLACKETT_TIES_MAX + 1};
    for (int i = 0; i < choice->n; i++)
        best = fmax(best, theta[choice->item[i]]);
    for (int k = 2; k <= PLACKETT_TIES_MAX; k++)
        delta = at[k] ? fmax(delta, theta[at[k]]) : delta;
    s->top = best + delta;
    visit_all(s);
}

/* ln of the weight of what was chosen, relative to the top. */
static double chosen(const struct plackett_stage *s)
{
    const struct plackett_choice *c = s->choice;
    double sum = 0;

    for (int i = 0; i < c->chosen; i++)
        sum += s->theta[c->item[i]];
    return log_delta(s, c->chosen) + sum / c->chosen - s->top;
}

/* A draw of a bootstrap leaves most choices out: they cost nothing. */
static double value(const void *self, const double *theta)
{
    const struct plackett_data *f = self;
    double sum = 0;

    for (size_t i = 0; i < f->choices; i++) {
        struct plackett_stage s;
        if (f->choice[i].weight == 0)
            continue;
        open_stage(&s, &f->choice[i], theta, f->at);
        sum += f->choice[i].weight * (chosen(&s) - log(s.sum));
    }
    return sum;
}

/* Which parameter a place of the stage's moments is; -1: none. */
static int param(const struct plackett_stage *s, int place)
{
    const int n = s->choice->n, size = place - n;

    if (place < n)
        return s->choice->item[place];
    return size > 1 && s->at[size] ? s->at[size] : -1;
}

/* Slope and, with hessian, information of one choice; mean [width], second [width,width]. */
static void measure_choice(const struct plackett_choice *choice, const double *theta,
                           const int *at, int params, double *mean, double *second,
                           double *slope, double *hessian)
{
    struct plackett_stage s;

    open_stage(&s, choice, theta, at);
    memset(mean, 0, (size_t)s.width * sizeof *mean);
    if (second)
        memset(second, 0, (size_t)s.width * (size_t)s.width * sizeof *second);
    s.mean = mean;
    s.second = second;
    visit_all(&s);
    for (int i = 0; i < choice->chosen; i++)
        slope[choice->item[i]] += choice->weight / choice->chosen;
    if (choice->chosen > 1)
        slope[at[choice->chosen]] += choice->weight;
    for (int i = 0; i < s.width; i++) {
        const int to = param(&s, i);
        if (to < 0)
            continue;
        slope[to] -= choice->weight * mean[i];
        for (int j = 0; j < s.width && hessian; j++)
            if (param(&s, j) >= 0)
                hessian[to * params + param(&s, j)] +=
                    choice->weight * (second[i * s.width + j] - mean[i] * mean[j]);
    }
}

static void measure(const void *self, const double *theta, double *slope, double *hessian)
{
    const struct plackett_data *f = self;
    const size_t width = (size_t)f->n_most + PLACKETT_TIES_MAX + 1;
    double *mean = mem_new(width + width * width, sizeof *mean);

    for (size_t i = 0; i < f->choices; i++)
        if (f->choice[i].weight > 0)
            measure_choice(&f->choice[i], theta, f->at, f->n, mean, mean + width, slope,
                           hessian);
    free(mean);
}

/* How many sets a choice among n is among, in sizes up to `most`. */
static double sets(int n, int most)
{
    double sum = 0, choose = 1;

    for (int k = 1; k <= most && k <= n; k++) {
        choose *= (double)(n - k + 1) / k;
        sum += choose;
    }
    return sum;
}

static enum err check_choice(const struct plackett_choice *c, int items)
{
    if (c->chosen < 1 || c->chosen > c->n || !(c->weight >= 0) || !isfinite(c->weight))
        return err_set(ERR_RANGE, "%d chosen of %d", c->chosen, c->n);
    if (c->chosen > PLACKETT_TIES_MAX)
        return err_set(ERR_RANGE, "a tie of %d items: at most %d may share a place", c->chosen,
                       PLACKETT_TIES_MAX);
    for (int k = 0; k < c->n; k++)
        if (c->item[k] < 0 || c->item[k] >= items)
            return err_set(ERR_RANGE, "item %d of %d", c->item[k], items);
    return OK;
}

/* Also which sizes of ties there are (f->at: 1 where seen), and the longest choice. A choice of
 * weight 0, as draws make them, has shown no tie: its delta would have no maximum. */
static enum err check(struct plackett_data *f, const struct plackett_conf *conf)
{
    int most = 1;
    double total = 0, work = 0;

    if (conf->items < 1 || conf->items > PLACKETT_ITEMS_MAX || !(conf->penalty >= 0))
        return err_set(ERR_RANGE, "%d items", conf->items);
    for (size_t i = 0; i < f->choices; i++) {
        const struct plackett_choice *c = &f->choice[i];
        if (check_choice(c, conf->items))
            return err_add("choice %zu", i);
        total += c->weight;
        if (c->weight > 0 && c->chosen > 1)
            f->at[c->chosen] = 1;
        most = c->chosen > most ? c->chosen : most;
        f->n_most = c->n > f->n_most ? c->n : f->n_most;
    }
    for (size_t i = 0; i < f->choices && work <= PLACKETT_WORK_MAX; i++)
        work += sets(f->choice[i].n, most);
    if (work > PLACKETT_WORK_MAX)
        return err_set(ERR_RANGE,
                       "%zu choices of up to %d items with ties of %d: too many sets "
                       "to sum over",
                       f->choices, f->n_most, most);
    if (sets(f->n_most, most) > PLACKETT_SETS_MAX)
        return err_set(ERR_RANGE, "ties of %d among %d items: too many sets to sum over", most,
                       f->n_most);
    return total > 0 ? OK : err_set(ERR_RANGE, "no choice");
}

/* Of deltas the logarithm was fitted. */
static void tell(const struct plackett_data *f, const double *theta, struct plackett *out)
{
    memcpy(out->strength, theta, (size_t)f->items * sizeof *theta);
    for (int k = 2; k <= PLACKETT_TIES_MAX; k++)
        if (f->at[k])
            out->tie[k] = exp(theta[f->at[k]]);
    if (!out->cov)
        return;
    for (int i = 0; i < f->items; i++)
        out->strength_se[i] = sqrt(fmax(out->cov[i * f->n + i], 0));
    for (int k = 2; k <= PLACKETT_TIES_MAX; k++)
        if (f->at[k])
            out->tie_se[k] = out->tie[k] * sqrt(out->cov[f->at[k] * f->n + f->at[k]]);
    out->loglik = value(f, theta);
}

/* A delta that the fit before did not have begins at 1. */
static void begin(const struct plackett_data *f, const struct plackett *from, double *theta)
{
    if (!from || from->items != f->items)
        return;
    memcpy(theta, from->strength, (size_t)f->items * sizeof *theta);
    for (int k = 2; k <= PLACKETT_TIES_MAX; k++)
        if (f->at[k] && from->tie[k] > 0)
            theta[f->at[k]] = log(from->tie[k]);
}

enum err plackett_fit(struct plackett *out, const struct plackett_choice *choice, size_t n,
                      const struct plackett_conf *conf)
{
    struct plackett_data f = {
        .choice = choice, .choices = n, .items = conf->items, .n = conf->items};
    struct climb climb = {
        .items = conf->items, .penalty = conf->penalty, .value = value, .measure = measure};
    enum err err = check(&f, conf);

    memset(out, 0, sizeof *out);
    if (err)
        return err_add("Plackett-Luce");
    for (int k = 2; k <= PLACKETT_TIES_MAX; k++)
        f.at[k] = f.at[k] ? f.n++ : 0;
    out->items = f.items;
    out->params = f.n;
    memcpy(out->tie_at, f.at, sizeof f.at);
    out->strength = mem_new((size_t)f.items, sizeof *out->strength);
    out->strength_se = mem_new((size_t)f.items, sizeof *out->strength_se);
    out->cov = conf->brief ? NULL : mem_new((size_t)f.n * (size_t)f.n, sizeof *out->cov);
    climb.n = f.n;
    climb.self = &f;
    climb.theta = mem_new((size_t)f.n, sizeof *climb.theta);
    begin(&f, conf->start, climb.theta);
    err = climb_run(&climb, out->cov);
    out->iterations = climb.iterations;
    if (!err)
        tell(&f, climb.theta, out);
    else
        plackett_fini(out);
    free(climb.theta);
    return err ? err_add("Plackett-Luce") : OK;
}

/* One choice at a time: a sandwich asks for each group's sum once, and the moments of sets
 * are what costs. */
void plackett_score(const struct plackett *fit, const struct plackett_choice *choice,
                    double *slope)
{
    double *theta = mem_new((size_t)fit->params, sizeof *theta);
    double *mean = mem_new((size_t)choice->n + PLACKETT_TIES_MAX + 1, sizeof *mean);

    memcpy(theta, fit->strength, (size_t)fit->items * sizeof *theta);
    for (int k = 2; k <= PLACKETT_TIES_MAX; k++)
        if (fit->tie_at[k])
            theta[fit->tie_at[k]] = log(fit->tie[k]);
    measure_choice(choice, theta, fit->tie_at, fit->params, mean, NULL, slope, NULL);
    free(mean);
    free(theta);
}

void plackett_fini(struct plackett *plackett)
{
    free(plackett->strength);
    free(plackett->strength_se);
    free(plackett->cov);
    memset(plackett, 0, sizeof *plackett);
}
