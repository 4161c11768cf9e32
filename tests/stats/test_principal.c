#include "stats/principal.h"
#include "tests/golden/choosing.inc"
#include "tests/stats/golden.h"

#include <math.h>
#include <stdlib.h>

enum { N = CHOOSING_POOL, D = 9, FEW = 3, BY = N / 2 };

/* Products of rows know no basis: they are numpy's in its eigenvectors. */
static void directions_are_those_of_numpy(void **state)
{
    double *got;
    int k;

    (void)state;
    assert_int_equal(principal_reduce(&got, &k, choosing_wide, N, BY, D, FEW), OK);
    assert_int_equal(k, FEW);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double product = 0;
            for (int a = 0; a < FEW; a++)
                product += got[i * FEW + a] * got[j * FEW + a];
            assert_near(product, choosing_gram[i * N + j], 2e-3);
        }
    free(got);
}

/* With room for all of them features stay what they are, but for their units. */
static void few_features_stay(void **state)
{
    double *got, length = 0, square[D] = {0};
    int k;

    (void)state;
    assert_int_equal(principal_reduce(&got, &k, choosing_wide, N, N, D, D), OK);
    assert_int_equal(k, D);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++) {
            const double v = got[i * D + j];
            length += v * v / N;
            square[j] += v * v / N;
            assert_near(v * choosing_wide[j], got[j] * choosing_wide[i * D + j], 1e-9);
        }
    assert_near(length, 1, 1e-12);
    for (int j = 0; j < D; j++) /* the seventh is always 0 */
        assert_near(square[j], j == 6 ? 0 : 1. / (D - 1), 1e-12);
    free(got);
}

/* Rows that are all the same, or 0, have no second direction. */
static void rows_without_directions(void **state)
{
    const double same[8] = {1, 2, 3, 4, 1, 2, 3, 4}, none[8] = {0};
    double *got;
    int k;

    (void)state;
    assert_int_equal(principal_reduce(&got, &k, same, 2, 2, 4, 2), OK);
    for (int j = 0; j < k; j++)
        assert_true(got[j] == got[2 + j]);
    assert_near(got[0] * got[0] + got[1] * got[1], 1, 1e-12);
    free(got);
    assert_int_equal(principal_reduce(&got, &k, none, 2, 2, 4, 2), OK);
    for (int j = 0; j < 2 * k; j++)
        assert_true(got[j] == 0);
    free(got);
}

static void nonsense_is_refused(void **state)
{
    const double bad[4] = {1, 2, NAN, 0}, far[4] = {1, 2, 1e200, 0};
    double *got;
    int k;

    (void)state;
    assert_int_equal(principal_reduce(&got, &k, bad, 2, 2, 2, 1), ERR_RANGE);
    assert_null(got);
    assert_int_equal(principal_reduce(&got, &k, far, 2, 2, 2, 1), ERR_RANGE);
    assert_int_equal(principal_reduce(&got, &k, choosing_wide, N, 0, D, FEW), ERR_RANGE);
    assert_int_equal(principal_reduce(&got, &k, choosing_wide, N, N, D, 0), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directions_are_those_of_numpy),
        cmocka_unit_test(few_features_stay),
        cmocka_unit_test(rows_without_directions),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
