/* How often the 95 % intervals of agreement hold what they are about, by simulation.
 *
 *     coverage_agreement [TRIALS]     prints the table; ends with 1 where one is below .92 or,
 *                                     from 30 items or prompts on, above .98
 *
 * An item's judgements are all one value with chance rho, else each its own, of values that are
 * evenly or unevenly likely: then alpha is rho at every level, Cohen's and Fleiss' kappa are
 * rho, and percent is rho + (1 - rho) times the sum of squared chances. Two or three judges an
 * item; items alone, or four of each prompt that share their fate with chance one half (then n
 * is the number of prompts). */
#include "base/rng.h"
#include "stats/alpha.h"
#include "stats/share.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 200, ALIKE = 4, JUDGES = 3 };

static const struct agreement_scene {
    const char *name;
    enum alpha_metric metric;
    uint32_t judges, values;
    double skew; /* chance of value 0; the rest is even */
    int prompts; /* 1: four items of each */
} scenes[] = {
    {"nominal, 3 judges, 3 values", ALPHA_NOMINAL, 3, 3, 1. / 3, 0},
    {"nominal, 2 judges, 2 values", ALPHA_NOMINAL, 2, 2, .5, 0},
    {"nominal, 3 judges, .8 of one", ALPHA_NOMINAL, 3, 3, .8, 0},
    {"ordinal, 3 judges, 5 values", ALPHA_ORDINAL, 3, 5, .2, 0},
    {"interval, 3 judges, 5 values", ALPHA_INTERVAL, 3, 5, .2, 0},
    {"ratio, 2 judges, 5 values", ALPHA_RATIO, 2, 5, .2, 0},
    {"nominal, 4 items a prompt", ALPHA_NOMINAL, 3, 3, 1. / 3, 1},
};
enum { SCENES = sizeof scenes / sizeof *scenes };
static const double rhos[] = {0, .4, .8};
static const size_t ns[] = {20, 60, 200};

static uint32_t value_of(const struct agreement_scene *s, double u)
{
    if (u < s->skew)
        return 0;
    return 1 + (uint32_t)((u - s->skew) / (1 - s->skew) * (s->values - 1));
}

struct agreement_set {
    size_t start[MOST * ALIKE + 1];
    uint32_t value[MOST * ALIKE * JUDGES], cluster[MOST * ALIKE];
    double share[MOST * ALIKE]; /* of agreeing pairs of each item */
};

static void draw(struct agreement_set *d, const struct agreement_scene *s, size_t items,
                 double rho, uint64_t trial)
{
    for (uint32_t i = 0; i < items; i++) {
        const uint32_t prompt = s->prompts ? i / ALIKE : i;
        /* Fate and value of the item are its prompt's with chance one half. */
        const uint32_t like =
            s->prompts && rng_uniform(4, RNG_RESAMPLE, trial, i, 0) < .5 ? prompt : 10000 + i;
        const int all = rng_uniform(5, RNG_RESAMPLE, trial, like, 0) < rho;
        uint32_t *value = d->value + (size_t)i * s->judges;
        double same = 0, pairs = s->judges * (s->judges - 1) / 2.;
        d->cluster[i] = prompt;
        d->start[i] = (size_t)i * s->judges;
        for (uint32_t j = 0; j < s->judges; j++)
            value[j] = value_of(s, all ? rng_uniform(6, RNG_RESAMPLE, trial, like, 0)
                                       : rng_uniform(7, RNG_RESAMPLE, trial, i, j));
        for (uint32_t j = 0; j + 1 < s->judges; j++)
            for (uint32_t k = j + 1; k < s->judges; k++)
                same += value[j] == value[k];
        d->share[i] = same / pairs;
    }
    d->start[items] = items * s->judges;
}

static int check(enum err err)
{
    if (err)
        fprintf(stderr, "coverage_agreement: %s\n", err_text());
    return err ? exit(2), 0 : 0;
}

static double covered(const struct agreement_scene *s, size_t n, double rho, long trials,
                      int percent)
{
    static struct agreement_set d;
    static const double number[] = {0, 1, 2, 4, 8};
    const size_t items = s->prompts ? n * ALIKE : n;
    const double rest = (1 - s->skew) / (s->values - 1);
    const double chance = s->skew * s->skew + (s->values - 1) * rest * rest;
    const double truth = percent ? rho + (1 - rho) * chance : rho;
    long held = 0, told = 0;

    for (long t = 0; t < trials; t++) {
        const struct alpha_units units = {.start = d.start,
                                          .value = d.value,
                                          .number = number,
                                          .cluster = s->prompts ? d.cluster : NULL,
                                          .units = items,
                                          .values = s->values,
                                          .clusters = n,
                                          .metric = s->metric};
        struct share share;
        struct alpha alpha;
        draw(&d, s, items, rho, (uint64_t)t);
        if (percent) {
            check(share_mean(&share, d.share, s->prompts ? d.cluster : NULL, items,
                             s->judges > 2 ? JUDGES : 1, .95));
            held += share.low <= truth && truth <= share.high;
        } else {
            check(alpha_run(&alpha, &units,
                            &(struct bootstrap_conf){.resamples = 1000, .seed = 1}));
            held += alpha.low <= truth && truth <= alpha.high;
        }
        told++;
    }
    return (double)held / (double)told;
}

int main(int argc, char **argv)
{
    const long trials = argc > 1 ? strtol(argv[1], NULL, 10) : 500;
    int bad = 0;

    for (int percent = 0; percent < 2; percent++) {
        printf("%-32s %5s", percent ? "percent" : "alpha", "n");
        for (int r = 0; r < 3; r++)
            printf("  rho=%-3g", rhos[r]);
        for (int k = 0; k < SCENES; k++)
            for (int i = 0; i < 3 && !(percent && scenes[k].metric != ALPHA_NOMINAL); i++) {
                printf("\n%-32s %5zu", scenes[k].name, ns[i]);
                for (int r = 0; r < 3; r++) {
                    const double got = covered(&scenes[k], ns[i], rhos[r], trials, percent);
                    bad += got < .92 || (got > .98 && ns[i] >= ALPHA_FEW);
                    printf("  %.3f%s", got, got < .92 || got > .98 ? "*" : " ");
                    fflush(stdout);
                }
            }
        printf("\n\n");
    }
    return bad > 0;
}
