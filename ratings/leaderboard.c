/* How: which models the votes hang together (components.h), then the fit (fitted.h), then what
 * follows from strengths and their covariance: intervals, differences, ranks. Elo walks through the
 * votes in the order of the file and knows no error. With like=arena the strengths are those of the
 * plain fit and the errors are arena.h's. */

#include "ratings/leaderboard.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "ratings/connected.h"
#include "stats/arena.h"
#include "stats/elo.h"
#include "stats/holm.h"
#include "stats/normal.h"
#include "stats/student.h"
#include "stats/thurstone.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const leaderboard_models[] = {
    "bradley-terry", "davidson", "rao-kupper", "thurstone", "plackett-luce", "elo", NULL};
const char *const leaderboard_errors[] = {"sandwich", "information", "bootstrap", NULL};
const char *const leaderboard_clusters[] = {"auto", "prompt", "judge", "row", NULL};

/* 400 log10(e): a strength of 1 in rating points. */
static const double points = 173.71779276130073;
/* |Phi(x) - 1 / (1 + exp(-1.702 x))| < .01 everywhere (Haley 1952). */
static const double logits_in_a_probit = 1.702;

/* Rating points of a unit of strength: a rating's odds are to be read the same way of
 * every model. */
static double scale_of(const struct leaderboard *b)
{
    return b->conf.model == FITTED_THURSTONE ? logits_in_a_probit * points : points;
}

/* Half the width of an interval, in standard errors. A sandwich of few groups is itself uncertain:
 * Student's quantile makes up for most of that; the information's errors take the model's word
 * and the normal's. */
static double quantile(const struct leaderboard *b)
{
    const double p = (1 + b->conf.level) / 2;

    if (b->conf.arena || b->conf.se == SE_INFORMATION)
        return normal_quantile(p);
    return b->fit.groups > 1 ? student_quantile(p, b->fit.groups - 1) : INFINITY;
}

/* Two-sided, of a difference in standard errors, by the same distribution as the intervals: a
 * difference whose interval holds 0 has a p above the level. */
static double p_value(const struct leaderboard *b, double z)
{
    if (b->conf.arena || b->conf.se == SE_INFORMATION)
        return 2 * normal_cdf(-fabs(z));
    return b->fit.groups > 1 ? 2 * student_cdf(-fabs(z), b->fit.groups - 1) : 1;
}

/* Games by number and not by weight: people ask how often a model was seen. A vote of a
 * model with itself is none. In a ranking a model ties when somebody shares its place. */
static void count_games(struct leaderboard *b)
{
    const struct votes *v = b->votes;
    long *games = mem_new(2 * (size_t)v->models + 1, sizeof *games), *ties = games + v->models;

    for (size_t i = 0; i < v->n; i++) {
        const struct vote *vote = &v->vote[i];
        const bool tie = vote->winner == WINNER_TIE || vote->winner == WINNER_BOTH_BAD;
        if (vote->a == vote->b)
            continue;
        games[vote->a]++;
        games[vote->b]++;
        ties[vote->a] += tie;
        ties[vote->b] += tie;
    }
    for (size_t r = 0; r < v->rankings; r++)
        for (int i = 0; i < v->ranking[r].n; i++) {
            const struct votes_placed *p = &v->placed[v->ranking[r].at + (size_t)i];
            games[p->model]++;
            ties[p->model] += p->with_last || (i + 1 < v->ranking[r].n && p[1].with_last);
        }
    for (int i = 0; i < v->models; i++) {
        b->row[i].games = games[b->row[i].model];
        b->row[i].ties = ties[b->row[i].model];
    }
    free(games);
}

/* Strengths, errors and ratings of the rows, which are the fit's numbers. */
static void fill_rows(struct leaderboard *b)
{
    const double q = quantile(b), scale = scale_of(b);
    const int n = b->fit.params;

    for (int i = 0; i < b->votes->models; i++) {
        struct leaderboard_row *r = &b->row[i];
        r->model = b->fit.at[i];
        r->strength = b->fit.theta[i];
        r->se = sqrt(fmax(b->fit.cov[i * n + i], 0));
        r->low = r->strength - q * r->se;
        r->high = r->strength + q * r->se;
        r->rating = 1000 + scale * r->strength;
        r->rating_low = 1000 + scale * r->low;
        r->rating_high = 1000 + scale * r->high;
        r->by_hand = NAN;
    }
}

/* Of nu, theta and delta the logarithm was fitted: their errors follow by the delta
 * method, and an interval of them would better be made on the logarithm. */
static void fill_others(struct leaderboard *b)
{
    const double q = quantile(b);
    const int n = b->fit.params, m = b->fit.models;

    for (int k = 0; k < b->fit.effects; k++) {
        struct leaderboard_effect *e = &b->effect[k];
        e->value = b->fit.theta[m + k];
        e->se = sqrt(fmax(b->fit.cov[(m + k) * n + m + k], 0));
        e->low = e->value - q * e->se;
        e->high = e->value + q * e->se;
    }
    for (int k = 2; k <= PLACKETT_TIES_MAX; k++) {
        const int at = b->fit.tie_at[k];
        if (!at)
            continue;
        b->tie[k] = exp(b->fit.theta[at]);
        b->tie_se[k] = b->tie[k] * sqrt(fmax(b->fit.cov[at * n + at], 0));
    }
}

/* A difference has its own error, which is not the two models' together: their strengths
 * hang together through all that both have met. Two that are equal to the last digit
 * (never seen but in a prior) do not differ. */
static void fill_pairs(struct leaderboard *b)
{
    const double q = quantile(b), *cov = b->fit.cov;
    const int m = b->fit.models, n = b->fit.params;
    double *p = mem_new((size_t)m * (size_t)m + 1, sizeof *p);
    size_t at = 0;

    b->pairs = (size_t)m * (size_t)(m - 1) / 2;
    b->pair = mem_new(b->pairs + 1, sizeof *b->pair);
    for (int i = 0; i < m; i++)
        for (int j = i + 1; j < m; j++) {
            const double d = b->row[i].strength - b->row[j].strength;
            const double se = sqrt(
                fmax(cov[i * n + i] + cov[j * n + j] - cov[i * n + j] - cov[j * n + i], 0));
            p[at] = p_value(b, se > 0 ? d / se : d > 0 ? INFINITY : 0);
            b->pair[at] =
                (struct leaderboard_pair){i, j, d, se, d - q * se, d + q * se, p[at], 0};
            at++;
        }
    holm_adjust(p, b->pairs);
    for (int i = 0; i < m; i++) {
        b->row[i].rank_low = 1;
        b->row[i].rank_high = m;
    }
    for (size_t k = 0; k < b->pairs; k++) {
        b->pair[k].p_holm = p[k];
        if (p[k] < 1 - b->conf.level) {
            b->row[b->pair[k].worse].rank_low++;
            b->row[b->pair[k].better].rank_high--;
        }
    }
    free(p);
}

/* Wins of i over j by weight, a tie half for each; numbers are rows'. */
static enum err by_hand(struct leaderboard *b)
{
    const int m = b->votes->models;
    double *wins = mem_new((size_t)m * (size_t)m + 1, sizeof *wins);
    double *strength = mem_new((size_t)m, sizeof *strength);
    int *place = mem_new((size_t)m, sizeof *place);
    enum err err;

    for (int i = 0; i < m; i++)
        place[b->row[i].model] = i;
    for (size_t i = 0; i < b->votes->n; i++) {
        const struct vote *v = &b->votes->vote[i];
        const double a = v->winner == WINNER_A ? 1 : v->winner == WINNER_B ? 0 : .5;
        wins[place[v->a] * m + place[v->b]] += v->weight * a;
        wins[place[v->b] * m + place[v->a]] += v->weight * (1 - a);
    }
    err = thurstone_least_squares(strength, wins, m);
    for (int i = 0; i < m && !err; i++)
        b->row[i].by_hand = strength[i];
    free(wins);
    free(strength);
    free(place);
    return err;
}

/* arena.h's covariance in the place of the fit's. */
static enum err as_arena(struct leaderboard *b)
{
    const int m = b->votes->models;
    struct cells cells;
    struct arena_cell *cell;
    int *place = mem_new((size_t)m, sizeof *place);
    size_t n = 0;
    enum err err;

    for (int i = 0; i < m; i++)
        place[b->fit.at[i]] = i;
    err = cells_build(&cells, b->votes, place, GROUP_ROW);
    cell = mem_new(cells.n * CELLS_OUTCOMES + 1, sizeof *cell);
    for (size_t i = 0; i < cells.n * CELLS_OUTCOMES && !err; i++) {
        const struct votes_cell *c = &cells.cell[i / CELLS_OUTCOMES];
        const double score[CELLS_OUTCOMES] = {1, .5, 0};
        if (c->count[i % CELLS_OUTCOMES])
            cell[n++] =
                (struct arena_cell){c->row.first, c->row.second, score[i % CELLS_OUTCOMES],
                                    c->count[i % CELLS_OUTCOMES], c->weight};
    }
    err = err ? err : arena_covariance(b->fit.cov, b->fit.theta, m, cell, n);
    free(cell);
    cells_fini(&cells);
    free(place);
    return err;
}

/* Elo's rows: no error, no rank but the place. */
static void play(struct leaderboard *b)
{
    const int m = b->votes->models;
    double *rating = mem_new((size_t)m, sizeof *rating);

    for (int i = 0; i < m; i++)
        rating[i] = 1000;
    for (size_t i = 0; i < b->votes->n; i++) {
        const struct vote *v = &b->votes->vote[i];
        const double score = v->winner == WINNER_A ? 1 : v->winner == WINNER_B ? 0 : .5;
        if (v->a != v->b)
            elo_game(&rating[v->a], &rating[v->b], score, b->conf.k * v->weight);
    }
    for (int i = 0; i < m; i++) {
        int at = i;
        for (; at > 0 && rating[b->row[at - 1].model] < rating[i]; at--)
            b->row[at] = b->row[at - 1];
        b->row[at] = (struct leaderboard_row){.model = i,
                                              .strength = (rating[i] - 1000) / points,
                                              .se = NAN,
                                              .low = NAN,
                                              .high = NAN,
                                              .rating = rating[i],
                                              .rating_low = NAN,
                                              .rating_high = NAN,
                                              .by_hand = NAN};
    }
    free(rating);
}

/* What is counted together: the information and arena know rows alone, whatever was asked
 * for. */
static enum cells_group group_of(const struct leaderboard *b)
{
    const struct votes *v = b->votes;

    if (b->conf.arena || b->conf.se == SE_INFORMATION || b->conf.cluster == CLUSTER_ROW)
        return GROUP_ROW;
    if (b->conf.cluster == CLUSTER_JUDGE)
        return GROUP_JUDGE;
    return v->prompts ? GROUP_PROMPT : GROUP_ROW;
}

/* like=arena is one thing and nothing beside it: half of its conventions would be nobody's. */
static enum err check_arena(const struct leaderboard_conf *c)
{
    if (c->model != FITTED_BRADLEY_TERRY || c->penalty > 0 || c->se != SE_SANDWICH ||
        c->cluster != CLUSTER_AUTO)
        return err_set(ERR_RANGE, "like=arena is model=bradley-terry without penalty, with a "
                                  "sandwich of rows: leave model, penalty, se and cluster out");
    return OK;
}

/* What a model cannot read is refused and never dropped: a board without its covariates, or of half
 * of the rows, would look like any other. */
static enum err check(const struct votes *v, const struct leaderboard_conf *c)
{
    if (v->rankings && c->model != FITTED_PLACKETT_LUCE)
        return err_set(ERR_RANGE, "model=%s compares pairs: rankings want model=plackett-luce",
                       leaderboard_models[c->model]);
    if (v->covariates &&
        (c->model == FITTED_PLACKETT_LUCE || c->model == FITTED_ELO || c->arena))
        return err_set(ERR_RANGE, "%s has no covariates: say covariates=none",
                       c->arena ? "like=arena" : leaderboard_models[c->model]);
    if (c->cluster == CLUSTER_PROMPT && !v->prompts)
        return err_set(ERR_RANGE, "cluster=prompt: no row has a prompt");
    if (c->cluster == CLUSTER_JUDGE && !v->judges)
        return err_set(ERR_RANGE, "cluster=judge: no row has a judge");
    return c->arena ? check_arena(c) : OK;
}

/* The fit, then figures from it. The least squares are no estimate of their own standing:
 * they are there because Thurstone's method was that for half a century, and people
 * compare. */
static enum err rank(struct leaderboard *b)
{
    const struct fitted_conf conf = {.model = b->conf.model,
                                     .se = b->conf.arena ? SE_INFORMATION : b->conf.se,
                                     .group = b->group,
                                     .penalty = b->conf.penalty,
                                     .draws = b->conf.draws,
                                     .seed = b->conf.seed};
    enum err err = fitted_run(&b->fit, b->votes, &conf);

    if (!err && b->conf.arena)
        err = as_arena(b);
    if (err)
        return err;
    fill_rows(b);
    fill_others(b);
    fill_pairs(b);
    return b->conf.model == FITTED_THURSTONE ? by_hand(b) : OK;
}

/* That the votes connect the models is looked at first: a fit of such that do not climbs
 * until a strength is beyond all reason, and could only say that it did. */
enum err leaderboard_run(struct leaderboard *out, const struct votes *votes,
                         const struct leaderboard_conf *conf)
{
    enum err err = check(votes, conf);

    *out = (struct leaderboard){.conf = *conf, .votes = votes};
    if (err)
        return err;
    out->row = mem_new((size_t)votes->models, sizeof *out->row);
    out->component = mem_new((size_t)votes->models, sizeof *out->component);
    out->group = group_of(out);
    out->components = connected_groups(out->component, votes);
    if (conf->model == FITTED_ELO)
        play(out);
    else if (out->components > 1 && !(conf->penalty > 0))
        out->why = connected_words(out->component, out->components, votes);
    else
        err = rank(out);
    if (!err && !out->why)
        count_games(out);
    if (err)
        leaderboard_fini(out);
    return err;
}

void leaderboard_fini(struct leaderboard *board)
{
    fitted_fini(&board->fit);
    free(board->row);
    free(board->pair);
    free(board->component);
    free(board->why);
    memset(board, 0, sizeof *board);
}
