/* How often the intervals and ranks of a leaderboard hold the truth, by simulation.
 *
 *     coverage_rank [SETS [DRAWS]]     prints the table; ends with 1 where an interval that should
 *                                      hold covers below .92 or above .98
 *
 * Four models; each of n prompts compares every pair, or ranks all four. Of the first three
 * designs three people compare on each prompt, and their votes hang together by the models' moods
 * on it (normal, .8 on the strengths); what a fit without moods
 * is after is then the maximum at the exact chances, by quadrature. Models with ties, an effect of
 * position, and rankings are drawn without moods, and by the model itself. Everything follows from
 * fixed seeds. */
#include "base/mem.h"
#include "base/rng.h"
#include "ratings/leaderboard.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS = 4, NODES = 400, RATERS = 3 };
static const char *const name[MODELS] = {"a", "b", "c", "d"};
static const double truth[MODELS] = {.9, .2, -.4, -.7};
static const double mood = .8, home = .4, log_nu = -.2, log_theta = .8;
static const size_t ns[] = {20, 60, 200};

enum coverage_rank_what { MOODS, PLAIN, POSITION, RANKED };
static const struct design {
    const char *words;
    enum coverage_rank_what what;
    enum fitted_model model;
    enum fitted_se se;
    enum leaderboard_cluster cluster;
    bool judged; /* its coverage is a matter of pass or fail */
} designs[] = {
    {"bradley-terry, sandwich by prompt", MOODS, FITTED_BRADLEY_TERRY, SE_SANDWICH,
     CLUSTER_AUTO, true},
    {"bradley-terry, bootstrap by prompt", MOODS, FITTED_BRADLEY_TERRY, SE_BOOTSTRAP,
     CLUSTER_AUTO, true},
    {"(the same by row)", MOODS, FITTED_BRADLEY_TERRY, SE_SANDWICH, CLUSTER_ROW, false},
    {"bradley-terry, information", PLAIN, FITTED_BRADLEY_TERRY, SE_INFORMATION, CLUSTER_AUTO,
     true},
    {"bradley-terry and position", POSITION, FITTED_BRADLEY_TERRY, SE_SANDWICH, CLUSTER_AUTO,
     true},
    {"davidson, sandwich", PLAIN, FITTED_DAVIDSON, SE_SANDWICH, CLUSTER_AUTO, true},
    {"rao-kupper, sandwich", PLAIN, FITTED_RAO_KUPPER, SE_SANDWICH, CLUSTER_AUTO, true},
    {"thurstone, sandwich", PLAIN, FITTED_THURSTONE, SE_SANDWICH, CLUSTER_AUTO, true},
    {"plackett-luce, sandwich", RANKED, FITTED_PLACKETT_LUCE, SE_SANDWICH, CLUSTER_AUTO, true},
};
enum { DESIGNS = sizeof designs / sizeof *designs };

static void check(enum err err)
{
    if (err) {
        fprintf(stderr, "coverage_rank: %s\n", err_text());
        exit(2);
    }
}

static double uniform(uint64_t set, size_t prompt, uint32_t what)
{
    return rng_uniform(21, RNG_RESAMPLE, set, (uint32_t)prompt, what);
}

/* One vote of i against j, by the design's model. eta: how much better i is. */
static enum votes_winner vote(const struct design *d, double eta, double u)
{
    const enum paired_model models[] = {PAIRED_HALF, PAIRED_DAVIDSON, PAIRED_RAO_KUPPER,
                                        PAIRED_PROBIT};
    double log_p[3];

    paired_chances(log_p, models[d->model], eta,
                   d->model == FITTED_RAO_KUPPER ? log_theta : log_nu);
    return u < exp(log_p[PAIRED_FIRST])                            ? WINNER_A
           : u < exp(log_p[PAIRED_FIRST]) + exp(log_p[PAIRED_TIE]) ? WINNER_TIE
                                                                   : WINNER_B;
}

static void compare(struct votes *votes, const struct design *d, uint64_t set, size_t p,
                    uint32_t who)
{
    json_t *prompt = json_integer((json_int_t)p);
    double own[MODELS];
    uint32_t k = 0;

    for (int i = 0; i < MODELS; i++)
        own[i] = truth[i] + (d->what == MOODS ? mood * rng_normal(22, RNG_RESAMPLE, set,
                                                                  (uint32_t)p, (uint32_t)i)
                                              : 0);
    for (int i = 0; i < MODELS; i++)
        for (int j = i + 1; j < MODELS; j++, k++) {
            const double side = uniform(set, p, 100 + k + 20 * who) < .5 ? 1 : -1;
            const double eta = own[i] - own[j] + (d->what == POSITION ? home * side : 0);
            check(votes_add(votes,
                            &(struct votes_said){name[i], name[j],
                                                 vote(d, eta, uniform(set, p, k + 20 * who)),
                                                 prompt, NULL, 1, &side}));
        }
    json_decref(prompt);
}

/* Plackett and Luce's order is that of strengths with Gumbel's noise. */
static void rank(struct votes *votes, uint64_t set, size_t p)
{
    json_t *list = json_array();
    double score[MODELS];

    for (int i = 0; i < MODELS; i++)
        score[i] = truth[i] - log(-log(uniform(set, p, (uint32_t)i) + 1e-12));
    for (int k = 0; k < MODELS; k++) {
        int best = 0;
        for (int i = 1; i < MODELS; i++)
            best = score[i] > score[best] ? i : best;
        json_array_append_new(list, json_string(name[best]));
        score[best] = -INFINITY;
    }
    check(votes_add_ranking(votes, list, NULL, NULL, 1));
    json_decref(list);
}

/* Of a standard normal's quantiles in NODES equal parts: the mean of 1 / (1 + exp(-(d + s z))). */
static double expected(double d, double s)
{
    double sum = 0, weight = 0;

    for (int i = 0; i < NODES; i++) {
        const double z = -6 + 12 * (i + .5) / NODES, w = exp(-z * z / 2);
        sum += w / (1 + exp(-d - s * z));
        weight += w;
    }
    return sum / weight;
}

/* What the fit is after. */
static void target(const struct design *d, double strength[MODELS])
{
    struct bradley_row row[MODELS * MODELS];
    struct bradley fit;
    size_t n = 0;

    memcpy(strength, truth, sizeof truth);
    if (d->what != MOODS)
        return;
    for (int i = 0; i < MODELS; i++)
        for (int j = i + 1; j < MODELS; j++) {
            const double p = expected(truth[i] - truth[j], mood * sqrt(2));
            row[n++] = (struct bradley_row){i, j, p, 1 - p, 0, {0}};
        }
    check(bradley_fit(&fit, row, n, &(struct bradley_conf){.items = MODELS, .reference = -1}));
    memcpy(strength, fit.strength, MODELS * sizeof *strength);
    bradley_fini(&fit);
}

struct counts {
    long sets, without; /* without: no finite maximum */
    double strengths, differences, effects, ranks;
};

static void count(const struct leaderboard *b, const double want[MODELS],
                  const struct design *d, struct counts *c)
{
    bool all = true;

    for (int i = 0; i < MODELS; i++) {
        const struct leaderboard_row *r =
            &b->row[i]; /* models are numbered by name: a is best */
        c->strengths +=
            (r->low <= want[r->model] && want[r->model] <= r->high) / (double)MODELS;
        all &= r->rank_low <= r->model + 1 && r->model + 1 <= r->rank_high;
    }
    for (size_t k = 0; k < b->pairs; k++) {
        const struct leaderboard_pair *p = &b->pair[k];
        const double diff = want[b->row[p->better].model] - want[b->row[p->worse].model];
        c->differences += (p->low <= diff && diff <= p->high) / (double)b->pairs;
    }
    if (d->what == POSITION)
        c->effects += b->effect[0].low <= home && home <= b->effect[0].high;
    c->ranks += all;
    c->sets++;
}

static void one_set(const struct design *d, size_t n, uint64_t set, uint32_t draws,
                    const double want[MODELS], struct counts *c)
{
    const struct leaderboard_conf conf = {.model = d->model,
                                          .se = d->se,
                                          .cluster = d->cluster,
                                          .level = .95,
                                          .draws = draws,
                                          .seed = 1};
    struct votes *votes = votes_new();
    struct leaderboard b;

    if (d->what == POSITION)
        votes->covariate[votes->covariates++] = mem_text("position");
    for (size_t p = 0; p < n; p++)
        if (d->what == RANKED)
            rank(votes, set, p);
        else
            for (uint32_t who = 0; who < (d->what == MOODS ? RATERS : 1); who++)
                compare(votes, d, set, p, who);
    check(votes_end(votes));
    if (leaderboard_run(&b, votes, &conf) || b.why) {
        c->without++;
    } else {
        count(&b, want, d, c);
    }
    leaderboard_fini(&b);
    votes_free(votes);
}

int main(int argc, char **argv)
{
    const long sets = argc > 1 ? strtol(argv[1], NULL, 10) : 500;
    const uint32_t draws = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 200;
    int bad = 0;

    printf("%-36s %5s %9s %11s %7s %6s %8s\n", "95 % intervals", "n", "strengths",
           "differences", "effect", "ranks", "without");
    for (int k = 0; k < DESIGNS; k++)
        for (size_t i = 0; i < sizeof ns / sizeof *ns; i++) {
            const struct design *d = &designs[k];
            struct counts c = {.sets = 0};
            double want[MODELS], all;
            target(d, want);
            for (long set = 0; set < sets; set++)
                one_set(d, ns[i], (uint64_t)set, draws, want, &c);
            all = c.sets ? (double)c.sets : 1;
            printf("%-36s %5zu %9.3f %11.3f", d->words, ns[i], c.strengths / all,
                   c.differences / all);
            if (d->what == POSITION)
                printf(" %7.3f", c.effects / all);
            else
                printf(" %7s", "");
            printf(" %6.3f %8ld\n", c.ranks / all, c.without);
            fflush(stdout);
            bad += d->judged && (c.strengths / all < .92 || c.strengths / all > .98 ||
                                 c.differences / all < .92 || c.differences / all > .98);
        }
    return bad > 0;
}
