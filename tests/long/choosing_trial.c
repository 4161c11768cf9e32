/* How many judgements a way of choosing pairs needs, beside choosing them at random, on the small
 * world (examples/world): `choosing_trial MODEL [SEEDS [PENALTY]]`, by tests/long/choosing.sh.
 *
 * Features are those of a frozen model (eval/answer_features.h), in units of their root mean square
 * over the pool. A seed divides the questions: 1,000 of them give a pool of two pairs each, 400
 * others a test set that nobody chose. All ways start from the same 50 pairs and get a pair's
 * verdict by the same annotator's same coin, so they differ by what they chose alone. Accuracy is
 * that of the head on the test set's hidden utilities.
 *
 * What is told: labels that a way needs to be as good as random after FINAL of them, as a share of
 * FINAL, from the curves' means over the seeds made monotone; intervals from draws of seeds, whole
 * and paired. "random, again" is random with other draws: what no difference looks like. */

#include "base/mem.h"
#include "base/rng.h"
#include "eval/answer_features.h"
#include "examples/world/world.h"
#include "stats/bootstrap.h"
#include "stats/choosing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EACH = 4, /* answers to a question: two pairs */
    PAIRS = WORLD_PROMPTS * 2,
    POOL = 1000,
    TEST = 400, /* questions */
    START = 50,
    BATCH = 25,
    FINAL = 500,
    LABELS = 750,
    POINTS = (LABELS - START) / BATCH + 1,
    ARMS = CHOOSING_WAYS + 1, /* the last: random again */
    SEEDS_MAX = 400,
    DRAWS = 2000,
};

struct trial {
    int d, seeds;
    double penalty;
    double *x; /* [PAIRS,d] */
    double utility[PAIRS][2];
    double accuracy[SEEDS_MAX][ARMS][POINTS];
};

static void stop(const char *what)
{
    fprintf(stderr, "choosing_trial: %s: %s\n", what, err_text());
    exit(1);
}

/* ---- the world, once */

static void answer_all(struct trial *t, const char *path)
{
    struct open_model model;
    struct answer_features_of *of = mem_new((size_t)PAIRS * 2, sizeof *of);
    float *raw;
    int bad = 0, cut = 0;

    if (open_model_all(&model, path, HEAD_LM))
        stop(path);
    t->d = model_shape(model.model)->width;
    raw = mem_new((size_t)PAIRS * 2 * (size_t)t->d, sizeof *raw);
    for (int q = 0; q < WORLD_PROMPTS; q++) {
        char prompt[WORLD_TEXT], text[WORLD_TEXT];
        world_prompt(prompt, q);
        for (int e = 0; e < EACH; e++) {
            const int at = q * EACH + e;
            world_demonstration(text, q, 77, (uint32_t)e);
            t->utility[at / 2][at % 2] = world_utility(q, text, true);
            of[at] = (struct answer_features_of){json_string(prompt), json_string(text), NULL};
        }
    }
    if (answer_features(raw, &model, of, PAIRS * 2, &bad, &cut))
        stop("features");
    fprintf(stderr, "%d answers, %d features, %d cut\n", PAIRS * 2, t->d, cut);
    t->x = mem_new((size_t)PAIRS * (size_t)t->d, sizeof *t->x);
    for (int i = 0; i < PAIRS; i++)
        for (int j = 0; j < t->d; j++)
            t->x[i * t->d + j] =
                (double)raw[2 * i * t->d + j] - (double)raw[(2 * i + 1) * t->d + j];
    for (int i = 0; i < PAIRS * 2; i++) {
        json_decref((json_t *)of[i].prompt);
        json_decref((json_t *)of[i].answer);
    }
    free(of);
    free(raw);
    open_model_close(&model);
}

/* ---- one seed */

struct one {
    struct trial *t;
    uint64_t seed;
    double *pool, *test; /* [2 POOL,d], [2 TEST,d] in units of the pool */
    int pair[2 * POOL], asked[2 * TEST];
    uint32_t start[2 * POOL];
};

static void divide(struct one *o)
{
    const int d = o->t->d;
    uint32_t question[WORLD_PROMPTS];
    double *scale = mem_new((size_t)d, sizeof *scale);

    rng_shuffle(question, WORLD_PROMPTS, o->seed, RNG_TEST, 1);
    rng_shuffle(o->start, 2 * POOL, o->seed, RNG_TEST, 2);
    for (int i = 0; i < 2 * POOL; i++)
        o->pair[i] = (int)question[i / 2] * 2 + i % 2;
    for (int i = 0; i < 2 * TEST; i++)
        o->asked[i] = (int)question[POOL + i / 2] * 2 + i % 2;
    for (int i = 0; i < 2 * POOL; i++)
        for (int j = 0; j < d; j++)
            scale[j] += pow(o->t->x[o->pair[i] * d + j], 2) / (2 * POOL);
    for (int j = 0; j < d; j++) {
        const double by = 1 / sqrt(scale[j] + 1e-12);
        for (int i = 0; i < 2 * POOL; i++)
            o->pool[i * d + j] = o->t->x[o->pair[i] * d + j] * by;
        for (int i = 0; i < 2 * TEST; i++)
            o->test[i * d + j] = o->t->x[o->asked[i] * d + j] * by;
    }
    free(scale);
}

/* The pair's annotator and coin are the pair's own: whoever asks gets the same verdict. */
static double verdict(const struct one *o, int row)
{
    const int pair = o->pair[row];
    const double *const u = o->t->utility[pair];
    const int who =
        (int)(rng_uniform(o->seed, RNG_TEST, 3, (uint32_t)pair, 0) * WORLD_ANNOTATORS);

    return world_prefers(who, u[0], u[1], o->seed, (uint32_t)pair);
}

static double accuracy(const struct one *o, const struct margin *head)
{
    double right = 0, n = 0;

    for (int i = 0; i < 2 * TEST; i++) {
        const double *const u = o->t->utility[o->asked[i]];
        const double m = margin_mean(head, o->test + i * o->t->d);
        if (fabs(u[0] - u[1]) < 1e-9)
            continue;
        n++;
        right += m == 0 ? 0.5 : (m > 0) == (u[0] > u[1]);
    }
    return right / n;
}

static void arm(struct one *o, int which)
{
    const int d = o->t->d;
    const enum choosing way = which == CHOOSING_WAYS ? CHOOSING_RANDOM : (enum choosing)which;
    struct choosing_conf conf = {
        way, o->t->penalty, 0, 8, o->seed + (which == CHOOSING_WAYS) * 7919u, 0};
    double *x = mem_new((size_t)LABELS * (size_t)d, sizeof *x), y[LABELS];
    bool taken[2 * POOL] = {false};
    const struct choosing_pool pool = {o->pool, 2 * POOL, d, taken};
    struct margin_rows rows = {x, y, NULL, 0};
    struct choosing_one out[START];
    size_t n = START;

    for (size_t i = 0; i < START; i++)
        out[i].row = o->start[i];
    for (int point = 0; point < POINTS; point++) {
        struct margin head;
        for (size_t i = 0; i < n; i++) {
            taken[out[i].row] = true;
            memcpy(x + rows.n * (size_t)d, o->pool + out[i].row * (size_t)d,
                   (size_t)d * sizeof *x);
            y[rows.n++] = verdict(o, (int)out[i].row);
        }
        if (margin_fit(&head, &rows, d, conf.penalty, NULL))
            stop("fit");
        o->t->accuracy[o->seed][which][point] = accuracy(o, &head);
        margin_fini(&head);
        conf.round = (uint32_t)point;
        if (point + 1 < POINTS && choosing_batch(out, BATCH, &n, &pool, &rows, &conf))
            stop("choose");
    }
    free(x);
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

static void mean_curve(double *out, const struct trial *t, int which, const uint32_t *times)
{
    double n = 0;

    memset(out, 0, POINTS * sizeof *out);
    for (int s = 0; s < t->seeds; s++) {
        n += times[s];
        for (int p = 0; p < POINTS; p++)
            out[p] += times[s] * t->accuracy[s][which][p];
    }
    for (int p = 0; p < POINTS; p++)
        out[p] /= n;
}

/* Labels at which the way's curve reaches random's at FINAL, as a share of FINAL; what is not
 * reached by LABELS counts as that. */
static double ratio(const struct trial *t, int which, const uint32_t *times)
{
    enum { LAST = (FINAL - START) / BATCH };
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

    printf("%-14s %6s %6s %6s %6s   labels to random's %d, as a share\n", "", "50", "150",
           "300", "500", FINAL);
    for (int a = 0; a < ARMS; a++) {
        double curve[POINTS], draw[DRAWS];
        for (int s = 0; s < t->seeds; s++)
            times[s] = 1;
        mean_curve(curve, t, a, times);
        printf("%-14s %.4f %.4f %.4f %.4f   %.3f",
               a == CHOOSING_WAYS ? "random, again" : choosing_words[a], curve[0], curve[4],
               curve[10], curve[18], ratio(t, a, times));
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
    struct one o = {.t = t};

    if (argc < 2)
        return fprintf(stderr, "usage: choosing_trial MODEL [SEEDS [PENALTY]]\n"), 2;
    t->seeds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 40;
    t->penalty = argc > 3 ? strtod(argv[3], NULL) : 1;
    if (t->seeds < 2 || t->seeds > SEEDS_MAX)
        return fprintf(stderr, "seeds: 2..%d\n", SEEDS_MAX), 2;
    answer_all(t, argv[1]);
    o.pool = mem_new((size_t)POOL * 2 * (size_t)t->d, sizeof *o.pool);
    o.test = mem_new((size_t)TEST * 2 * (size_t)t->d, sizeof *o.test);
    for (o.seed = 0; o.seed < (uint64_t)t->seeds; o.seed++) {
        divide(&o);
        for (int a = 0; a < ARMS; a++)
            arm(&o, a);
        fprintf(stderr, "\rseed %d", (int)o.seed);
    }
    fprintf(stderr, "\n");
    tell(t);
    free(o.pool);
    free(o.test);
    free(t->x);
    free(t);
    return 0;
}
