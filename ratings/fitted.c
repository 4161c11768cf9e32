/* How: a first fit tells who is better than whom; by that order the models are numbered, the votes
 * are counted again, and the fit that is told is made of those: its sums run in an order that has
 * nothing to do with rows or names. Then the errors: the inverse of the information as it is, or in
 * a sandwich with the slopes of groups, or from fits of votes drawn again, each begun at the one of
 * all votes. Pairs and rankings are two sets of the same four verbs. */

#include "ratings/fitted.h"

#include "base/mem.h"
#include "ratings/choices.h"
#include "stats/bootstrap.h"
#include "stats/multinomial.h"
#include "stats/sandwich.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fitted_work {
    struct fitted *out;
    const struct votes *votes;
    const struct fitted_conf *conf;
    int *place; /* [models] */
    /* pairs */
    struct cells cells;
    struct bradley bradley;
    /* rankings */
    struct choices choices;
    struct plackett plackett;
};

static bool ranked(const struct fitted_work *r)
{
    return r->conf->model == FITTED_PLACKETT_LUCE;
}

/* `brief`: strengths alone, for draws and for the first fit. */
static struct bradley_conf how(const struct fitted_work *r, bool brief)
{
    static const enum paired_model models[] = {PAIRED_HALF, PAIRED_DAVIDSON, PAIRED_RAO_KUPPER,
                                               PAIRED_PROBIT};

    return (struct bradley_conf){.items = r->votes->models,
                                 .effects = r->votes->covariates,
                                 .model = models[r->conf->model],
                                 .reference = -1,
                                 .penalty = r->conf->penalty,
                                 .brief = brief};
}

/* The cells with these counts. A draw begins at the fit of all votes, from which two or
 * three steps are enough. */
static enum err fit_pairs(const struct fitted_work *r, const uint32_t *count,
                          const struct bradley *start, bool brief, struct bradley *out)
{
    struct bradley_conf conf = how(r, brief);
    struct bradley_row *row;
    enum err err = mem_big(&row, r->cells.n + 1, sizeof *row, "votes");

    if (err)
        return err;
    conf.start = start;
    cells_rows(row, &r->cells, count);
    err = bradley_fit(out, row, r->cells.n, &conf);
    free(row);
    return err;
}

/* [n * CELLS_OUTCOMES] how often each outcome was seen. */
static uint32_t *counts_of(const struct cells *cells)
{
    uint32_t *count = mem_new(cells->n * CELLS_OUTCOMES + 1, sizeof *count);

    for (size_t i = 0; i < cells->n; i++)
        memcpy(count + i * CELLS_OUTCOMES, cells->cell[i].count, sizeof cells->cell[i].count);
    return count;
}

/* The votes of r->place, counted, and their fit. */
static enum err fit_all(struct fitted_work *r, bool brief)
{
    enum err err;

    if (ranked(r)) {
        const struct plackett_conf conf = {
            .items = r->votes->models, .penalty = r->conf->penalty, .brief = brief};
        err = choices_build(&r->choices, r->votes, r->place, r->conf->group);
        return err ? err : plackett_fit(&r->plackett, r->choices.choice, r->choices.n, &conf);
    }
    err = cells_build(&r->cells, r->votes, r->place, brief ? GROUP_ROW : r->conf->group);
    if (!err) {
        uint32_t *count = counts_of(&r->cells);
        err = fit_pairs(r, count, NULL, brief, &r->bradley);
        free(count);
    }
    return err;
}

/* What belongs to one numbering of the models. */
static void forget(struct fitted_work *r)
{
    cells_fini(&r->cells);
    choices_fini(&r->choices);
    bradley_fini(&r->bradley);
    plackett_fini(&r->plackett);
}

struct fitted_strength {
    double strength;
    int model;
};

static int by_strength(const void *a, const void *b)
{
    const struct fitted_strength *p = a, *q = b;

    if (p->strength != q->strength)
        return p->strength > q->strength ? -1 : 1;
    return p->model - q->model;
}

/* Numbers by strength: the best is 0. */
static void number_models(struct fitted_work *r)
{
    const int m = r->votes->models;
    const double *strength = ranked(r) ? r->plackett.strength : r->bradley.strength;
    struct fitted_strength *all = mem_new((size_t)m, sizeof *all);

    for (int i = 0; i < m; i++)
        all[i] = (struct fitted_strength){strength[i], i};
    qsort(all, (size_t)m, sizeof *all, by_strength);
    for (int i = 0; i < m; i++) {
        r->out->at[i] = all[i].model;
        r->place[all[i].model] = i;
    }
    free(all);
}

/* Strengths, effects and the logarithm of a tie: what covariances are of. */
static void theta_of_pairs(const struct bradley *fit, double *theta)
{
    memcpy(theta, fit->strength, (size_t)fit->items * sizeof *theta);
    memcpy(theta + fit->items, fit->effect, (size_t)fit->effects * sizeof *theta);
    if (fit->has_tie)
        theta[fit->params - 1] = log(fit->tie);
}

static void theta_of_rankings(const struct plackett *fit, double *theta)
{
    memcpy(theta, fit->strength, (size_t)fit->items * sizeof *theta);
    for (int k = 2; k <= PLACKETT_TIES_MAX; k++)
        if (fit->tie_at[k])
            theta[fit->tie_at[k]] = log(fit->tie[k]);
}

/* The fit into `out`, with the covariance of the information. */
static void take_fit(struct fitted_work *r)
{
    struct fitted *out = r->out;
    const int n = ranked(r) ? r->plackett.params : r->bradley.params;
    const double *cov = ranked(r) ? r->plackett.cov : r->bradley.cov;

    out->params = n;
    out->theta = mem_new((size_t)n, sizeof *out->theta);
    out->cov = mem_new((size_t)n * (size_t)n, sizeof *out->cov);
    memcpy(out->cov, cov, (size_t)n * (size_t)n * sizeof *out->cov);
    out->loglik = ranked(r) ? r->plackett.loglik : r->bradley.loglik;
    if (ranked(r)) {
        theta_of_rankings(&r->plackett, out->theta);
        memcpy(out->tie_at, r->plackett.tie_at, sizeof out->tie_at);
        out->groups = (double)r->choices.groups;
    } else {
        theta_of_pairs(&r->bradley, out->theta);
        out->tie_at[2] = r->bradley.has_tie ? n - 1 : 0;
        out->groups = (double)(r->cells.groups ? r->cells.groups : r->cells.votes);
    }
}

/* `times` votes of one kind. */
static void add_score(struct sandwich *s, const struct fitted_work *r, uint32_t kind)
{
    const struct votes_cell *cell = &r->cells.cell[kind / CELLS_OUTCOMES];
    const uint32_t outcome = kind % CELLS_OUTCOMES;
    struct bradley_row row = cell->row;
    int at[BRADLEY_TERMS];
    double by[BRADLEY_TERMS];

    row.wins = outcome == PAIRED_FIRST ? cell->weight : 0;
    row.ties = outcome == PAIRED_TIE ? cell->weight : 0;
    row.losses = outcome == PAIRED_SECOND ? cell->weight : 0;
    sandwich_add(s, at, by, bradley_score(&r->bradley, how(r, true).model, &row, at, by));
}

/* Rows that are their own groups need no list of votes: all of one kind have one slope. */
static void sandwich_pairs(struct fitted_work *r, struct sandwich *s)
{
    const struct cells *c = &r->cells;

    for (size_t i = 0; i < c->n * CELLS_OUTCOMES && !c->groups; i++) {
        const uint32_t seen = c->cell[i / CELLS_OUTCOMES].count[i % CELLS_OUTCOMES];
        if (!seen)
            continue;
        add_score(s, r, (uint32_t)i);
        sandwich_next(s, seen);
    }
    for (size_t g = 0; g < c->groups; g++) {
        for (size_t i = c->begins[g]; i < c->begins[g + 1]; i++)
            add_score(s, r, c->kind[i]);
        sandwich_next(s, 1);
    }
}

/* A ranking's choices are one group at least: whoever put one first had fewer to choose
 * from next. */
static void sandwich_rankings(struct fitted_work *r, struct sandwich *s)
{
    const struct choices *o = &r->choices;
    const int n = r->plackett.params;
    double *slope = mem_new((size_t)n, sizeof *slope);
    int *at = mem_new((size_t)n, sizeof *at);

    for (int i = 0; i < n; i++)
        at[i] = i;
    for (size_t g = 0; g < o->groups; g++) {
        memset(slope, 0, (size_t)n * sizeof *slope);
        for (size_t i = o->begins[g]; i < o->begins[g + 1]; i++)
            plackett_score(&r->plackett, &o->choice[i], slope);
        sandwich_add(s, at, slope, n);
        sandwich_next(s, 1);
    }
    free(slope);
    free(at);
}

/* One draw of the pairs: outcomes as a multinomial, or groups with all their votes. */
static enum err draw_pairs(struct fitted_work *r, uint32_t number, const uint32_t *seen,
                           uint32_t *count, uint32_t *times, double *theta)
{
    const struct cells *c = &r->cells;
    struct bradley fit = {.items = 0};
    enum err err;

    if (c->groups) {
        bootstrap_draw(times, c->groups, r->conf->seed, number);
        memset(count, 0, c->n * CELLS_OUTCOMES * sizeof *count);
        for (size_t g = 0; g < c->groups; g++)
            for (size_t i = c->begins[g]; i < c->begins[g + 1] && times[g]; i++)
                count[c->kind[i]] += times[g];
    } else {
        multinomial_draw(count, seen, c->n * CELLS_OUTCOMES, r->conf->seed, number);
    }
    err = fit_pairs(r, count, &r->bradley, true, &fit);
    if (!err && fit.params != r->out->params)
        err = err_set(ERR_RANGE, "a draw without a tie");
    if (!err)
        theta_of_pairs(&fit, theta);
    bradley_fini(&fit);
    return err;
}

/* Groups of rankings by weight: a group that was not drawn weighs 0. A kind of tie that no
 * drawn ranking has would be of another model; such a draw is left out like one without a
 * maximum. */
static enum err draw_rankings(struct fitted_work *r, uint32_t number, uint32_t *times,
                              double *theta)
{
    const struct choices *o = &r->choices;
    const struct plackett_conf conf = {.items = r->votes->models,
                                       .penalty = r->conf->penalty,
                                       .start = &r->plackett,
                                       .brief = true};
    struct plackett_choice *choice = mem_new(o->n + 1, sizeof *choice);
    struct plackett fit = {.items = 0};
    enum err err;

    bootstrap_draw(times, o->groups, r->conf->seed, number);
    memcpy(choice, o->choice, o->n * sizeof *choice);
    for (size_t g = 0; g < o->groups; g++)
        for (size_t i = o->begins[g]; i < o->begins[g + 1]; i++)
            choice[i].weight *= times[g];
    err = plackett_fit(&fit, choice, o->n, &conf);
    if (!err && fit.params != r->out->params)
        err = err_set(ERR_RANGE, "a draw without some kind of tie");
    if (!err)
        theta_of_rankings(&fit, theta);
    plackett_fini(&fit);
    free(choice);
    return err;
}

/* Sums over draws: of what each is off the fit, and of the products of that. */
struct fitted_sums {
    double *off, *one, *two; /* [params], [params], [params,params] */
    double n;
};

static void add_draw(struct fitted_sums *s, const struct fitted *out, const double *theta)
{
    const size_t p = (size_t)out->params;

    for (size_t i = 0; i < p; i++) {
        s->off[i] = theta[i] - out->theta[i];
        s->one[i] += s->off[i];
    }
    for (size_t i = 0; i < p; i++)
        for (size_t j = 0; j < p; j++)
            s->two[i * p + j] += s->off[i] * s->off[j];
    s->n++;
}

/* About the mean of the draws, which is not quite the fit. */
static void covariance(struct fitted *out, const struct fitted_sums *s)
{
    const size_t p = (size_t)out->params;

    for (size_t i = 0; i < p; i++)
        for (size_t j = 0; j < p; j++)
            out->cov[i * p + j] =
                (s->two[i * p + j] - s->one[i] * s->one[j] / s->n) / (s->n - 1);
}

/* A draw in which somebody never lost has no maximum: a few are left out and counted; more than a
 * tenth would bend the errors. */
static enum err bootstrap(struct fitted_work *r)
{
    const size_t p = (size_t)r->out->params, kinds = r->cells.n * CELLS_OUTCOMES;
    const size_t groups = ranked(r) ? r->choices.groups : r->cells.groups;
    uint32_t *seen = counts_of(&r->cells), *count = mem_new(kinds + 1, sizeof *count);
    uint32_t *times = mem_new(groups + 1, sizeof *times);
    double *theta = mem_new(3 * p + p * p, sizeof *theta);
    struct fitted_sums sums = {theta + p, theta + 2 * p, theta + 3 * p, 0};
    enum err err = OK;

    for (uint32_t i = 0; i < r->conf->draws && err != ERR_NOMEM; i++) {
        err = ranked(r) ? draw_rankings(r, i, times, theta)
                        : draw_pairs(r, i, seen, count, times, theta);
        if (!err)
            add_draw(&sums, r->out, theta);
    }
    r->out->undefined = r->conf->draws - (uint32_t)sums.n;
    if (err != ERR_NOMEM)
        err = r->out->undefined > r->conf->draws / 10 || sums.n < 2
                  ? err_set(ERR_RANGE,
                            "bootstrap: %u of %u draws have no finite maximum (somebody never "
                            "lost or never won in them): take se=sandwich, or a penalty",
                            r->out->undefined, r->conf->draws)
                  : OK;
    if (!err)
        covariance(r->out, &sums);
    free(seen);
    free(count);
    free(times);
    free(theta);
    return err;
}

/* The information's covariance is in place already, and is the sandwich's bread. */
static enum err errors(struct fitted_work *r)
{
    struct sandwich s;

    if (r->conf->se == SE_INFORMATION)
        return OK;
    if (r->conf->se == SE_BOOTSTRAP)
        return bootstrap(r);
    sandwich_init(&s, r->out->params);
    if (ranked(r))
        sandwich_rankings(r, &s);
    else
        sandwich_pairs(r, &s);
    sandwich_cov(&s, r->out->cov, r->out->cov, 0);
    sandwich_fini(&s);
    return OK;
}

enum err fitted_run(struct fitted *out, const struct votes *votes,
                    const struct fitted_conf *conf)
{
    const size_t m = (size_t)votes->models;
    struct fitted_work r = {.out = out, .votes = votes, .conf = conf};
    enum err err;

    memset(out, 0, sizeof *out);
    out->models = votes->models;
    out->effects = conf->model == FITTED_PLACKETT_LUCE ? 0 : votes->covariates;
    out->at = mem_new(m, sizeof *out->at);
    r.place = mem_new(m, sizeof *r.place);
    for (size_t i = 0; i < m; i++)
        r.place[i] = (int)i;
    err = fit_all(&r, true);
    if (!err) {
        number_models(&r);
        forget(&r);
        err = fit_all(&r, false);
    }
    if (!err) {
        take_fit(&r);
        err = errors(&r);
    }
    forget(&r);
    free(r.place);
    if (err)
        fitted_fini(out);
    return err;
}

void fitted_fini(struct fitted *fitted)
{
    free(fitted->at);
    free(fitted->theta);
    free(fitted->cov);
    memset(fitted, 0, sizeof *fitted);
}
