/* How often the interval of Cohen's kappa holds the truth, by simulation, as `drover agreement`
 * prints it (ratings/matrix.h).
 *
 *     coverage_kappa [SETS]     prints the table; ends with 1 where one is below .92 or, from 30
 *                               items or prompts on, above .98
 *
 * With chance rho both people say the same value, else each draws by a taste of their own; the truth
 * follows from the table of chances, of pairs counted both ways round. Items alone, or four of each
 * prompt that share their fate with chance one half (then n is the number of prompts). Everything
 * follows from fixed seeds. */
#include "base/rng.h"
#include "ratings/matrix.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { VALUES = 3, ALIKE = 4 };
static const char *const words[VALUES] = {"a", "b", "tie"};
static const uint32_t mirror[VALUES] = {1, 0, 2};
static const size_t ns[] = {20, 60, 200};
static const double rhos[] = {0, .4, .8};

static const struct coverage_kappa_scene {
    const char *words;
    enum judgements_level level;
    double taste[2][VALUES]; /* of both people; a common value is drawn by the first's */
    bool prompts;
} scenes[] = {
    {"two values, even", JUDGEMENTS_NOMINAL, {{.5, .5, 0}, {.5, .5, 0}}, false},
    {"three values, even",
     JUDGEMENTS_NOMINAL,
     {{1. / 3, 1. / 3, 1. / 3}, {1. / 3, 1. / 3, 1. / 3}},
     false},
    {"three values, .8 of one", JUDGEMENTS_NOMINAL, {{.8, .1, .1}, {.8, .1, .1}}, false},
    {"two tastes", JUDGEMENTS_NOMINAL, {{.6, .3, .1}, {.2, .5, .3}}, false},
    {"choices of pairs, .2 ties", JUDGEMENTS_PAIRS, {{.4, .4, .2}, {.4, .4, .2}}, false},
    {"four items a prompt", JUDGEMENTS_PAIRS, {{.4, .4, .2}, {.4, .4, .2}}, true},
};
enum { SCENES = sizeof scenes / sizeof *scenes };

static void check(enum err err)
{
    if (err) {
        fprintf(stderr, "coverage_kappa: %s\n", err_text());
        exit(2);
    }
}

static double truth(const struct coverage_kappa_scene *s, double rho)
{
    double observed = 0, expected = 0, side[2][VALUES];

    for (int w = 0; w < 2; w++)
        for (uint32_t v = 0; v < VALUES; v++)
            side[w][v] = rho * s->taste[0][v] + (1 - rho) * s->taste[w][v];
    for (uint32_t v = 0; v < VALUES; v++) {
        const uint32_t m = s->level == JUDGEMENTS_PAIRS ? mirror[v] : v;
        observed += rho * s->taste[0][v] + (1 - rho) * s->taste[0][v] * s->taste[1][v];
        expected += (side[0][v] + side[0][m]) / 2 * (side[1][v] + side[1][m]) / 2;
    }
    return (observed - expected) / (1 - expected);
}

static const char *value_of(const double *taste, double u)
{
    const int v = (u >= taste[0]) + (u >= taste[0] + taste[1] && taste[2] > 0);

    return words[v];
}

static double uniform(uint64_t seed, uint64_t set, uint32_t item, uint32_t who)
{
    return rng_uniform(seed, RNG_RESAMPLE, set, item, who);
}

static struct judgements *draw(const struct coverage_kappa_scene *s, size_t n, double rho,
                               uint64_t set)
{
    struct judgements *all = judgements_new(s->level);
    const uint32_t items = (uint32_t)(s->prompts ? n * ALIKE : n);

    for (uint32_t i = 0; i < items; i++) {
        const uint32_t prompt = i / ALIKE;
        const uint32_t like = s->prompts && uniform(31, set, i, 0) < .5 ? prompt : 100000 + i;
        const bool same = uniform(32, set, like, 0) < rho;
        for (uint32_t who = 0; who < 2; who++) {
            char item[16], name[16];
            const struct judgements_said said = {
                .item = item,
                .annotator = who ? "second" : "first",
                .prompt = s->prompts ? name : NULL,
                .value = value_of(s->taste[same ? 0 : who],
                                  same ? uniform(33, set, like, 0) : uniform(34, set, i, who)),
                .time = -1,
                .seconds = NAN,
                .length_a = NAN,
                .length_b = NAN};
            snprintf(item, sizeof item, "i%u", i);
            snprintf(name, sizeof name, "p%u", prompt);
            check(judgements_add(all, &said));
        }
    }
    check(judgements_end(all));
    return all;
}

static double covered(const struct coverage_kappa_scene *s, size_t n, double rho, long sets)
{
    const double is = truth(s, rho);
    long held = 0;

    for (long set = 0; set < sets; set++) {
        struct judgements *all = draw(s, n, rho, (uint64_t)set);
        struct matrix matrix;

        check(matrix_run(&matrix, all, &(struct agreement_conf){.seed = 1}));
        held += matrix.n == 1 && matrix.cell->kappa.low <= is && is <= matrix.cell->kappa.high;
        matrix_fini(&matrix);
        judgements_free(all);
    }
    return (double)held / (double)sets;
}

int main(int argc, char **argv)
{
    const long sets = argc > 1 ? strtol(argv[1], NULL, 10) : 2000;
    int bad = 0;

    printf("%-26s %5s", "Cohen's kappa", "n");
    for (int r = 0; r < 3; r++)
        printf("  rho=%-3g", rhos[r]);
    for (int k = 0; k < SCENES; k++)
        for (int i = 0; i < 3; i++) {
            printf("\n%-26s %5zu", scenes[k].words, ns[i]);
            for (int r = 0; r < 3; r++) {
                const double got = covered(&scenes[k], ns[i], rhos[r], sets);
                bad += got < .92 || (got > .98 && ns[i] >= 30);
                printf("  %.3f%s", got, got < .92 || got > .98 ? "*" : " ");
                fflush(stdout);
            }
        }
    printf("\n");
    return bad > 0;
}
