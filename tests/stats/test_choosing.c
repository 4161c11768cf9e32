#include "base/rng.h"
#include "stats/bootstrap.h"
#include "stats/cholesky.h"
#include "stats/choosing.h"
#include "tests/golden/choosing.inc"
#include "tests/stats/golden.h"

#include <string.h>

enum { D = CHOOSING_D, N = CHOOSING_POOL };

static const struct margin_rows said = {choosing_x, choosing_y, choosing_weight,
                                        CHOOSING_LABELLED};
static const struct choosing_pool pool = {choosing_pool, N, D, NULL};

static struct choosing_conf asked(enum choosing way, double epsilon)
{
    return (struct choosing_conf){way, choosing_penalty, epsilon, 8, 3, 1};
}

static void the_head_is_that_of_scipy(void **state)
{
    double scratch[D], start[D] = {3, -8, 2, 5};
    struct margin fit, again, none;

    (void)state;
    assert_int_equal(margin_fit(&fit, &said, D, choosing_penalty, NULL), OK);
    for (int i = 0; i < D; i++)
        assert_near(fit.w[i], choosing_w[i], 1e-9);
    assert_near(fit.loglik, choosing_loglik[0], 1e-10);
    for (int i = 0; i < N; i++) {
        assert_near(margin_mean(&fit, choosing_pool + i * D), choosing_mean[i], 1e-9);
        assert_near(margin_variance(&fit, choosing_pool + i * D, scratch), choosing_variance[i],
                    1e-9);
    }
    /* One maximum, wherever it is looked for. */
    assert_int_equal(margin_fit(&again, &said, D, choosing_penalty, start), OK);
    for (int i = 0; i < D; i++)
        assert_near(again.w[i], fit.w[i], 1e-12);
    /* Nothing said: the prior. */
    assert_int_equal(
        margin_fit(&none, &(struct margin_rows){NULL, NULL, NULL, 0}, D, 0.25, NULL), OK);
    assert_near(margin_mean(&none, choosing_pool), 0, 0);
    assert_near(none.l[0], 0.5, 1e-15);
    margin_fini(&fit);
    margin_fini(&again);
    margin_fini(&none);
}

/* A row and its mirror say the same, and so does a row of weight 2 and the row twice. */
static void a_pair_has_no_first(void **state)
{
    double x[2 * CHOOSING_LABELLED * D], y[2 * CHOOSING_LABELLED];
    double weight[CHOOSING_LABELLED];
    struct margin once, twice;

    (void)state;
    for (int i = 0; i < CHOOSING_LABELLED; i++) {
        const int mirror = i + CHOOSING_LABELLED;
        weight[i] = 2;
        y[i] = choosing_y[i];
        y[mirror] = 1 - choosing_y[i];
        for (int j = 0; j < D; j++) {
            x[i * D + j] = choosing_x[i * D + j];
            x[mirror * D + j] = -choosing_x[i * D + j];
        }
    }
    assert_int_equal(
        margin_fit(&once, &(struct margin_rows){x, y, weight, CHOOSING_LABELLED}, D, 1, NULL),
        OK);
    assert_int_equal(margin_fit(&twice,
                                &(struct margin_rows){x, y, NULL, 2 * CHOOSING_LABELLED}, D, 1,
                                NULL),
                     OK);
    for (int i = 0; i < D; i++)
        assert_near(once.w[i], twice.w[i], 1e-12);
    margin_fini(&once);
    margin_fini(&twice);
}

static void a_factor_is_raised(void **state)
{
    double a[D * D], b[D * D], x[D], down[D];

    (void)state;
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            a[i * D + j] = b[i * D + j] = (i == j) * 2.0 + 0.5 / (1 + i + j);
    for (int i = 0; i < D; i++)
        x[i] = choosing_pool[i];
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            b[i * D + j] += 0.7 * x[i] * x[j];
    assert_true(cholesky_factor(a, D) && cholesky_factor(b, D));
    cholesky_raise(a, D, 0.7, x);
    for (int i = 0; i < D; i++)
        for (int j = 0; j <= i; j++)
            assert_near(a[i * D + j], b[i * D + j], 1e-13);
    cholesky_down(a, D, choosing_x, down);
    for (int i = 0; i < D; i++) {
        double sum = 0;
        for (int j = 0; j <= i; j++)
            sum += a[i * D + j] * down[j];
        assert_near(sum, choosing_x[i], 1e-13);
    }
}

static void information_is_that_of_quadrature(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(choosing_points); i += 3)
        assert_near(choosing_information(choosing_points[i], choosing_points[i + 1]),
                    choosing_points[i + 2], 1e-9);
    assert_near(choosing_information(1, 0), 0, 1e-15);
    assert_true(choosing_information(800, 4) >= 0);
    /* Never more than a coin holds. */
    assert_true(choosing_information(0, 1e8) < log(2));
}

static void batch_is(enum choosing way, const int *row, const double *score)
{
    const struct choosing_conf conf = asked(way, 0);
    struct choosing_one out[CHOOSING_BATCH];
    size_t chosen;

    assert_int_equal(choosing_batch(out, CHOOSING_BATCH, &chosen, &pool, &said, &conf), OK);
    assert_int_equal(chosen, CHOOSING_BATCH);
    for (size_t i = 0; i < chosen; i++) {
        assert_int_equal(out[i].row, row[i]);
        assert_near(out[i].score, score[i], 1e-9);
        assert_near(out[i].chance, 1, 0);
        assert_false(out[i].drawn);
    }
}

static void batches_are_those_of_numpy(void **state)
{
    (void)state;
    batch_is(CHOOSING_UNCERTAINTY, choosing_uncertainty_row, choosing_uncertainty_score);
    batch_is(CHOOSING_INFORMATION, choosing_information_row, choosing_information_score);
    batch_is(CHOOSING_DETERMINANT, choosing_determinant_row, choosing_determinant_score);
    batch_is(CHOOSING_PREDICTION, choosing_prediction_row, choosing_prediction_score);
}

/* The first row's score is the variance of the heads' chances, as two passes give it, and no row
 * has more. */
static void the_committee_disagrees(void **state)
{
    const struct choosing_conf conf = asked(CHOOSING_DISAGREEMENT, 0);
    double p[8][N], most = 0;
    struct choosing_one out[1];
    size_t chosen, at = 0;

    (void)state;
    for (uint32_t h = 0; h < 8; h++) {
        uint32_t times[CHOOSING_LABELLED];
        double by[CHOOSING_LABELLED];
        struct margin fit;
        bootstrap_draw(times, CHOOSING_LABELLED, conf.seed, CHOOSING_HEADS_MAX + h);
        for (int i = 0; i < CHOOSING_LABELLED; i++)
            by[i] = times[i] * choosing_weight[i];
        assert_int_equal(
            margin_fit(&fit,
                       &(struct margin_rows){choosing_x, choosing_y, by, CHOOSING_LABELLED}, D,
                       choosing_penalty, NULL),
            OK);
        for (int i = 0; i < N; i++)
            p[h][i] = margin_chance(margin_mean(&fit, choosing_pool + i * D));
        margin_fini(&fit);
    }
    for (size_t i = 0; i < N; i++) {
        double mean = 0, sum = 0;
        for (int h = 0; h < 8; h++)
            mean += p[h][i] / 8;
        for (int h = 0; h < 8; h++)
            sum += (p[h][i] - mean) * (p[h][i] - mean) / 7;
        if (sum > most) {
            most = sum;
            at = i;
        }
    }
    assert_int_equal(choosing_batch(out, 1, &chosen, &pool, &said, &conf), OK);
    assert_int_equal(out[0].row, at);
    assert_near(out[0].score, most, 1e-12);
}

/* Every row once, none that was taken, and no more than there are. */
static void nothing_comes_twice(void **state)
{
    (void)state;
    for (int way = 0; way < CHOOSING_WAYS; way++) {
        const struct choosing_conf conf = asked((enum choosing)way, 0.3);
        bool taken[N] = {[2] = true, [N - 1] = true}, seen[N] = {false};
        const struct choosing_pool some = {choosing_pool, N, D, taken};
        struct choosing_one out[2 * N];
        size_t chosen;
        assert_int_equal(choosing_batch(out, 2 * N, &chosen, &some, &said, &conf), OK);
        assert_int_equal(chosen, N - 2);
        for (size_t i = 0; i < chosen; i++) {
            assert_false(seen[out[i].row] || taken[out[i].row]);
            seen[out[i].row] = true;
            assert_true(out[i].chance > 0 && out[i].chance <= 1);
        }
        assert_near(out[chosen - 1].chance, 1, 1e-15);
    }
}

/* Over many rounds: as often drawn as epsilon says, each place's chance as often as it says, and
 * the levelled mean of what was chosen is the pool's, which the plain mean is not. */
static void chances_correct_the_choice(void **state)
{
    enum { ROUNDS = 4000, PLACES = 5 };
    double truth = 0, plain = 0, levelled = 0, square = 0, se;
    int drawn = 0, top = 0;

    (void)state;
    for (int i = 0; i < N; i++)
        truth += choosing_pool[i * D] * choosing_pool[i * D] / N;
    for (uint32_t r = 0; r < ROUNDS; r++) {
        struct choosing_conf conf = asked(CHOOSING_DETERMINANT, 0.5);
        struct choosing_one out[PLACES];
        double mean = 0;
        size_t chosen;
        conf.round = r;
        assert_int_equal(choosing_batch(out, PLACES, &chosen, &pool, &said, &conf), OK);
        for (size_t i = 0; i < PLACES; i++) {
            const double x = choosing_pool[out[i].row * D], value = x * x;
            plain += value / PLACES / ROUNDS;
            mean += choosing_levelled(i + 1, PLACES, N, out[i].chance) * value / PLACES;
            drawn += out[i].drawn;
        }
        top += out[0].row == (size_t)choosing_determinant_row[0];
        levelled += mean / ROUNDS;
        square += mean * mean / ROUNDS;
    }
    se = sqrt((square - levelled * levelled) / ROUNDS);
    assert_near(drawn / (double)(ROUNDS * PLACES), 0.5, 0.02);
    assert_near(top / (double)ROUNDS, 0.5 + 0.5 / N, 0.04);
    assert_near(levelled, truth, 4 * se);
    assert_true(fabs(plain - truth) > 10 * se);
    assert_near(choosing_levelled(7, 7, 7, 1), 1, 0);
}

static void what_cannot_be_is_refused(void **state)
{
    struct choosing_conf conf = asked(CHOOSING_DISAGREEMENT, 0);
    double x[D] = {1, 2, INFINITY, 0}, y = 1, bad = 1.5;
    struct choosing_one out[2];
    struct margin fit;
    size_t chosen;

    (void)state;
    assert_int_equal(margin_fit(&fit, &(struct margin_rows){x, &y, NULL, 1}, D, 1, NULL),
                     ERR_RANGE);
    x[2] = 0;
    assert_int_equal(margin_fit(&fit, &(struct margin_rows){x, &bad, NULL, 1}, D, 1, NULL),
                     ERR_RANGE);
    assert_int_equal(margin_fit(&fit, &(struct margin_rows){x, &y, NULL, 1}, D, 0, NULL),
                     ERR_RANGE);
    assert_int_equal(margin_fit(&fit, &(struct margin_rows){x, &y, NULL, 1}, 0, 1, NULL),
                     ERR_RANGE);
    x[0] = 1e200;
    assert_int_equal(margin_fit(&fit, &(struct margin_rows){x, &y, NULL, 1}, D, 1, NULL),
                     ERR_RANGE);
    assert_int_equal(
        choosing_batch(out, 2, &chosen, &(struct choosing_pool){x, 1, D, NULL}, &said, &conf),
        ERR_RANGE);
    conf.heads = 1;
    assert_int_equal(choosing_batch(out, 2, &chosen, &pool, &said, &conf), ERR_RANGE);
    conf = asked(CHOOSING_RANDOM, 1.5);
    assert_int_equal(choosing_batch(out, 2, &chosen, &pool, &said, &conf), ERR_RANGE);
    assert_int_equal(chosen, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_is_that_of_scipy),
        cmocka_unit_test(a_pair_has_no_first),
        cmocka_unit_test(a_factor_is_raised),
        cmocka_unit_test(information_is_that_of_quadrature),
        cmocka_unit_test(batches_are_those_of_numpy),
        cmocka_unit_test(the_committee_disagrees),
        cmocka_unit_test(nothing_comes_twice),
        cmocka_unit_test(chances_correct_the_choice),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
