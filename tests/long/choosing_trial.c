/* How many judgements a way of choosing pairs needs beside choosing them at random:
 * `choosing_trial TABLE [SEEDS [PENALTY [DIRECTIONS]]]` on pairs of choosing_pairs.c; by tests/long/choosing.sh.
 *
 * Features are what `drover prefs choose` makes of them (stats/principal.h), by the pool. A seed divides the questions: two
 * thirds are the pool, the rest a test set that nobody chose. All ways start from the same 50 pairs
 * and get a pair's verdict by the same annotator's same coin, so they differ by what they chose
 * alone. Accuracy is that of the head on the test set's truth.
 *
 * What is told: labels that a way needs to be as good as random after FINAL of them, as a share of
 * FINAL, from the curves' means over the seeds made monotone, with straight lines between batches;
 * intervals from draws of seeds, whole and paired. Random is the mean of RANDOMS draws of its own;
 * "random, again" is one more beside them: what no difference looks like. With DIRECTIONS random is all
 * there is, and its head has so many: what a head can learn is seen, and no choice. */

#include "base/mem.h"
#include "base/rng.h"
#include "examples/world/world.h"
#include "stats/bootstrap.h"
#include "stats/choosing.h"
#include "stats/principal.h"
#include "tests/long/choosing_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    START = 50,
    BATCH = 25,
    FINAL = 500,
    LABELS = 750,
    POINTS = (LABELS - START) / BATCH + 1,
    LAST = (FINAL - START) / BATCH,
    RANDOMS = 4,
    AGAIN = CHOOSING_WAYS, /* arms: the ways, random again, and more of random for its mean */
    ARMS = CHOOSING_WAYS + RANDOMS,
    SEEDS_MAX = 1000,
    DRAWS = 2000,
};

struct trial {
    struct choosing_table of;
    struct choosing_row *row; /* [n] */
    double *x;                /* [n,d] first answer - second */
    int n, questions, seeds, directions, arms;
    double penalty;
    double accuracy[SEEDS_MAX][ARMS][POINTS];
};

static void stop(const char *what)
{
    fprintf(stderr, "choosing_trial: %s: %s\n", what, err_text());
    exit(1);
}

/* ---- the pairs, once */

static void read_table(struct trial *t, const char *path)
{
    FILE *file = fopen(path, "rb");
    struct choosing_row row;
    float *both;

    if (!file || fread(&t->of, sizeof t->of, 1, file) != 1 || t->of.d < 1 ||
        t->of.d > MARGIN_FEATURES_MAX)
        stop(path);
    both = mem_new(2 * (size_t)t->of.d, sizeof *both);
    while (fread(&row, sizeof row, 1, file) == 1 &&
           fread(both, sizeof *both, 2 * (size_t)t->of.d, file) == 2 * (size_t)t->of.d) {
        const size_t at = (size_t)t->n++, d = (size_t)t->of.d;
        t->row = mem_grow(t->row, at + 1, sizeof *t->row);
        t->x = mem_grow(t->x, (at + 1) * d, sizeof *t->x);
        t->row[at] = row;
        for (size_t j = 0; j < d; j++)
            t->x[at * d + j] = (double)both[j] - (double)both[d + j];
        if (row.question >= t->questions)
            t->questions = row.question + 1;
    }
    free(both);
    fclose(file);
    fprintf(stderr, "%d pairs of %d questions, %d features\n", t->n, t->questions, t->of.d);
}

/* ---- one seed */

struct one {
    struct trial *t;
    uint64_t seed;
    double *x; /* [n,d] pool, then test */
    int d;
    int *pair, n_pool; /* [n] whose row that is */
    uint32_t *start;   /* [n_pool] */
};

static void features(struct one *o)
{
    const struct trial *const t = o->t;
    const size_t d = (size_t)t->of.d;
    double *x = mem_new((size_t)t->n * d, sizeof *x);

    for (int i = 0; i < t->n; i++)
        memcpy(x + (size_t)i * d, t->x + (size_t)o->pair[i] * d, d * sizeof *x);
    if (principal_reduce(&o->x, &o->d, x, (size_t)t->n, (size_t)o->n_pool, t->of.d,
                         t->directions))
        stop("features");
    free(x);
}

static void divide(struct one *o)
{
    const struct trial *const t = o->t;
    const uint32_t all = (uint32_t)t->questions;
    uint32_t *question = mem_new(all, sizeof *question);
    bool *pool = mem_new(all, sizeof *pool);
    int end = t->n;

    rng_shuffle(question, all, o->seed, RNG_TEST, 1);
    for (uint32_t i = 0; i < all; i++)
        pool[question[i]] = i < all * 2 / 3;
    o->n_pool = 0;
    for (int i = 0; i < t->n; i++)
        o->pair[pool[t->row[i].question] ? o->n_pool++ : --end] = i;
    rng_shuffle(o->start, (uint32_t)o->n_pool, o->seed, RNG_TEST, 2);
    features(o);
    free(question);
    free(pool);
}

/* The pair's annotator and coin are the pair's own: whoever asks gets the same verdict. */
static double verdict(const struct one *o, size_t row)
{
    const int pair = o->pair[row];
    const double *const u = o->t->row[pair].utility;
    const int who =
        (int)(rng_uniform(o->seed, RNG_TEST, 3, (uint32_t)pair, 0) * WORLD_ANNOTATORS);

    return o->t->of.world ? world_prefers(who, u[0], u[1], o->seed, (uint32_t)pair)
                          : u[0] > u[1];
}

static double accuracy(const struct one *o, const struct margin *head)
{
    double right = 0, n = 0;

    for (int i = o->n_pool; i < o->t->n; i++) {
        const double *const u = o->t->row[o->pair[i]].utility;
        const double m = margin_mean(head, o->x + (size_t)i * (size_t)o->d);
        if (fabs(u[0] - u[1]) < 1e-9)
            continue;
        n++;
        right += m == 0 ? 0.5 : (m > 0) == (u[0] > u[1]);
    }
    return right / n;
}

static void arm(struct one *o, int which)
{
    const size_t d = (size_t)o->d, draws = which < AGAIN ? 0 : (size_t)(which - AGAIN + 1);
    const enum choosing way = draws ? CHOOSING_RANDOM : (enum choosing)which;
    struct choosing_conf conf = {way, o->t->penalty, 0, 8, o->seed + draws * 7919u, 0};
    double *x = mem_new((size_t)LABELS * d, sizeof *x), y[LABELS];
    bool *taken = mem_new((size_t)o->n_pool, sizeof *taken);
    const struct choosing_pool pool = {o->x, (size_t)o->n_pool, (int)d, taken};
    struct margin_rows rows = {x, y, NULL, 0};
    struct choosing_one out[START];
    struct margin head, before = {.w = NULL};
    size_t n = START;

    for (size_t i = 0; i < START; i++)
        out[i].row = o->start[i];
    for (int point = 0; point < POINTS; point++) {
        for (size_t i = 0; i < n; i++) {
            taken[out[i].row] = true;
            memcpy(x + rows.n * d, o->x + out[i].row * d, d * sizeof *x);
            y[rows.n++] = verdict(o, out[i].row);
        }
        if (margin_fit(&head, &rows, (int)d, conf.penalty, before.w))
            stop("fit");
        o->t->accuracy[o->seed][which][point] = accuracy(o, &head);
        margin_fini(&before);
        before = head;
        conf.round = (uint32_t)point;
        if (point + 1 < POINTS && choosing_batch(out, BATCH, &n, &pool, &rows, &conf))
            stop("choose");
    }
    margin_fini(&before);
    free(x);
    free(taken);
}

static void run(struct trial *t, uint64_t seed)
{
    struct one o = {.t = t, .seed = seed};

    o.pair = mem_new((size_t)t->n, sizeof *o.pair);
    o.start = mem_new((size_t)t->n, sizeof *o.start);
    divide(&o);
    if (o.n_pool < LABELS) {
        fprintf(stderr, "a pool of %d pairs: %d are needed\n", o.n_pool, LABELS);
        exit(1);
    }
    for (int a = 0; a < t->arms; a++)
        arm(&o, a);
    fprintf(stderr, "\rseed %d ", (int)seed);
    free(o.x);
    free(o.pair);
    free(o.start);
}

/* ---- all seeds */

/* Pool adjacent violators: the nearest curve that only rises. */
static void monotone(double *v, int n)
{
    int count[POINTS], blocks = 0;
    double mean[POINTS];

    for (int i = 0; i < n; i++) {
        mean[blocks] = v[i];
        count[blocks++] = 1;
        while (blocks > 1 && mean[blocks - 2] > mean[blocks - 1]) {
            blocks--;
            mean[blocks - 1] =
                (mean[blocks - 1] * count[blocks - 1] + mean[blocks] * count[blocks]) /
                (count[blocks - 1] + count[blocks]);
            count[blocks - 1] += count[blocks];
        }
    }
    for (int b = 0, i = 0; b < blocks; b++)
        for (int k = 0; k < count[b]; k++)
            v[i++] = mean[b];
}

/* Of an arm over the seeds; of random: of all its draws but the one that is told apart. */
static void mean_curve(double *out, const struct trial *t, int which, const uint32_t *times)
{
    double n = 0;

    memset(out, 0, POINTS * sizeof *out);
    for (int s = 0; s < t->seeds; s++) {
        n += times[s];
        for (int p = 0; p < POINTS; p++) {
            double at = t->accuracy[s][which][p];
            for (int r = AGAIN + 1; r < t->arms && which == CHOOSING_RANDOM; r++)
                at += t->accuracy[s][r][p];
            out[p] +=
                times[s] * at / (which == CHOOSING_RANDOM && t->arms == ARMS ? RANDOMS : 1);
        }
    }
    for (int p = 0; p < POINTS; p++)
        out[p] /= n;
}

/* Labels at which the way's curve reaches random's at FINAL, as a share of FINAL; what is not
 * reached by LABELS counts as that. */
static double ratio(const struct trial *t, int which, const uint32_t *times)
{
    double curve[POINTS], random[POINTS];

    mean_curve(random, t, CHOOSING_RANDOM, times);
    mean_curve(curve, t, which, times);
    monotone(random, POINTS);
    monotone(curve, POINTS);
    for (int p = 0; p < POINTS; p++)
        if (curve[p] >= random[LAST]) {
            const double part = p && curve[p] > curve[p - 1]
                                    ? (curve[p] - random[LAST]) / (curve[p] - curve[p - 1])
                                    : 0;
            return (START + BATCH * (p - part)) / FINAL;
        }
    return (double)LABELS / FINAL;
}

static void tell(const struct trial *t)
{
    uint32_t times[SEEDS_MAX];

    printf("%-16s %6s %6s %6s %6s   labels to random's %d, as a share\n", "", "50", "150",
           "300", "500", FINAL);
    for (int a = 0; a <= AGAIN && a < t->arms; a++) {
        double curve[POINTS], draw[DRAWS];
        for (int s = 0; s < t->seeds; s++)
            times[s] = 1;
        mean_curve(curve, t, a, times);
        printf("%-16s %.4f %.4f %.4f %.4f   %.3f",
               a == AGAIN ? "random, again" : choosing_words[a], curve[0], curve[4], curve[10],
               curve[LAST], ratio(t, a, times));
        for (uint32_t i = 0; i < DRAWS; i++) {
            bootstrap_draw(times, (size_t)t->seeds, 5, i);
            draw[i] = ratio(t, a, times);
        }
        printf(" [%.3f, %.3f]\n", bootstrap_quantile(draw, DRAWS, 0.025),
               bootstrap_quantile(draw, DRAWS, 0.975));
    }
}

int main(int argc, char **argv)
{
    struct trial *t = mem_new(1, sizeof *t);

    if (argc < 2)
        return fprintf(stderr, "usage: choosing_trial TABLE [SEEDS [PENALTY [DIRECTIONS]]]\n"),
               2;
    t->seeds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 40;
    t->penalty = argc > 3 ? strtod(argv[3], NULL) : 1;
    t->directions = argc > 4 ? (int)strtol(argv[4], NULL, 10) : CHOOSING_DIRECTIONS;
    t->arms = argc > 4 ? 1 : ARMS;
    if (t->seeds < 2 || t->seeds > SEEDS_MAX)
        return fprintf(stderr, "seeds: 2..%d\n", SEEDS_MAX), 2;
    read_table(t, argv[1]);
#pragma omp parallel for schedule(dynamic)
    for (int s = 0; s < t->seeds; s++)
        run(t, (uint64_t)s);
    fprintf(stderr, "\n");
    tell(t);
    free(t->row);
    free(t->x);
    free(t);
    return 0;
}
