/* How often the 95 % intervals of stats/ hold what they are about, by simulation.
 *
 *     coverage [TRIALS]        prints the tables; ends with 1 where a share is covered below
 * .92
 *
 * Shares: rows of their own; rows of which a third are ties; four answers a prompt that are
 * alike by rho (a prompt's share is 0, p or 1 by mixture). Means: normal, exponential,
 * lognormal, and mostly near 0 with a tenth near 5. AUROC: normal scores. Everything follows
 * from fixed seeds. */
#include "base/rng.h"
#include "stats/bootstrap.h"
#include "stats/mean.h"
#include "stats/roc.h"
#include "stats/share.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 200, EACH = 4 };
static const double ps[] = {.5, .7, .9, .95, .99};
static const size_t ns[] = {20, 60, 200};

static double draw(uint64_t trial, uint32_t i, uint32_t what)
{
    return rng_uniform(1, RNG_RESAMPLE, trial, i, what);
}

static int check(enum err err)
{
    if (err)
        fprintf(stderr, "coverage: %s\n", err_text());
    return err ? exit(2), 0 : 0;
}

static double alone(uint64_t trial, uint32_t i, double p)
{
    return draw(trial, i, 0) < p;
}

/* A third of the rows where it can be: a tie is half a win and half a loss. */
static double tied(uint64_t trial, uint32_t i, double p)
{
    const double ties = fmin(1. / 3, 2 * (1 - p)), u = draw(trial, i, 1);

    return u < p - ties / 2 ? 1 : u < p + ties / 2 ? .5 : 0;
}

static double alike(uint64_t trial, uint32_t i, double p, double rho)
{
    const uint32_t prompt = i / EACH;

    return draw(trial, prompt, 2) < rho ? draw(trial, prompt, 3) < p : draw(trial, i, 4) < p;
}

static double share_of(int kind, size_t n, double p, long trials)
{
    static const double rho[] = {0, 0, 0, .3, 1};
    long covered = 0;

    for (long t = 0; t < trials; t++) {
        double value[MOST * EACH];
        uint32_t cluster[MOST * EACH];
        const size_t rows = kind < 2 ? n : n * EACH;
        struct share got;
        for (uint32_t i = 0; i < rows; i++) {
            cluster[i] = i / EACH;
            value[i] = kind == 0   ? alone((uint64_t)t, i, p)
                       : kind == 1 ? tied((uint64_t)t, i, p)
                                   : alike((uint64_t)t, i, p, rho[kind]);
        }
        check(share_mean(&got, value, kind < 2 ? NULL : cluster, rows, 1, .95));
        covered += got.low <= p && p <= got.high;
    }
    return (double)covered / (double)trials;
}

static double percentile_of(size_t n, double p, long trials)
{
    const struct bootstrap_conf how = {BOOTSTRAP_PERCENTILE, 500, .95, 1};
    long covered = 0;

    for (long t = 0; t < trials; t++) {
        double value[MOST];
        struct bootstrap got;
        for (uint32_t i = 0; i < n; i++)
            value[i] = alone((uint64_t)t, i, p);
        check(bootstrap_mean(&got, value, NULL, n, &how));
        covered += got.low <= p && p <= got.high;
    }
    return (double)covered / (double)trials;
}

static int shares(long trials)
{
    static const char *const kinds[] = {"rows alone", "a third ties", "4 a prompt, rho 0",
                                        "4 a prompt, rho .3", "4 a prompt, rho 1"};
    int bad = 0;

    printf("%-22s %5s", "shares", "n");
    for (size_t k = 0; k < 5; k++)
        printf("   p=%-4g", ps[k]);
    for (int kind = 0; kind < 5; kind++)
        for (size_t i = 0; i < 3; i++) {
            printf("\n%-22s %5zu", kinds[kind], ns[i]);
            for (size_t k = 0; k < 5; k++) {
                const double got = share_of(kind, ns[i], ps[k], trials);
                bad += got < .92;
                printf("   %.3f ", got);
            }
        }
    for (size_t i = 0; i < 3; i++) {
        printf("\n%-22s %5zu", "(percentile bootstrap)", ns[i]);
        for (size_t k = 0; k < 5; k++)
            printf("   %.3f ", percentile_of(ns[i], ps[k], trials / 10));
    }
    printf("\n");
    return bad;
}

static double mean_value(int kind, uint64_t trial, uint32_t i)
{
    const double z = rng_normal(2, RNG_RESAMPLE, trial, i, 0);

    return kind == 0   ? z
           : kind == 1 ? -log(1 - draw(trial, i, 5))
           : kind == 2 ? exp(z)
                       : (draw(trial, i, 6) < .1 ? 5 + z : .3 * z);
}

static void means(long trials)
{
    static const char *const kinds[] = {"normal", "exponential", "lognormal", "a tenth near 5"};
    static const double truth[] = {0, 1, 1.6487212707001281, .5};
    const struct bootstrap_conf how = {BOOTSTRAP_BCA, 1000, .95, 1};

    printf("\n%-22s %5s   bootstrap-t   BCa\n", "means", "n");
    for (int kind = 0; kind < 4; kind++)
        for (size_t i = 0; i < 3; i++) {
            long by_t = 0, by_bca = 0;
            for (long t = 0; t < trials; t++) {
                double value[MOST];
                struct bootstrap got;
                for (uint32_t k = 0; k < ns[i]; k++)
                    value[k] = mean_value(kind, (uint64_t)t, k);
                check(mean_run(&got, value, NULL, ns[i], &how));
                by_t += got.low <= truth[kind] && truth[kind] <= got.high;
                check(bootstrap_mean(&got, value, NULL, ns[i], &how));
                by_bca += got.low <= truth[kind] && truth[kind] <= got.high;
            }
            printf("%-22s %5zu   %.3f         %.3f\n", kinds[kind], ns[i],
                   (double)by_t / (double)trials, (double)by_bca / (double)trials);
        }
}

/* Positives are shifted so that the AUROC is `want`. */
static void aurocs(long trials)
{
    static const double want[] = {.5, .7, .9, .98}, shift[] = {0, .74161, 1.81239, 2.90445};

    printf("\n%-22s %5s", "AUROC", "n");
    for (size_t k = 0; k < 4; k++)
        printf("   A=%-4g", want[k]);
    for (size_t i = 0; i < 3; i++) {
        printf("\n%-22s %5zu", "half of them positive", ns[i]);
        for (size_t k = 0; k < 4; k++) {
            long covered = 0;
            for (long t = 0; t < trials; t++) {
                double score[MOST];
                bool positive[MOST];
                struct roc got;
                for (uint32_t j = 0; j < ns[i]; j++) {
                    positive[j] = j % 2;
                    score[j] = rng_normal(3, RNG_RESAMPLE, (uint64_t)t, j, (uint32_t)k) +
                               (positive[j] ? shift[k] : 0);
                }
                check(roc_run(&got, score, positive, ns[i]));
                covered += got.low <= want[k] && want[k] <= got.high;
            }
            printf("   %.3f ", (double)covered / (double)trials);
        }
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    const long trials = argc > 1 ? strtol(argv[1], NULL, 10) : 10000;
    const int bad = shares(trials);

    means(trials / 10);
    aurocs(trials);
    return bad > 0;
}
