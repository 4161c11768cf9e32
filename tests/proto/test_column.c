/* Columns looked at several elements at a time say what looking at each says, wherever it stands. */

#include "tests/support/test.h"

#include "proto/column.h"

#include <math.h>

enum { MOST = 67 };

static int32_t token[MOST];
static float number[MOST];

static void one_outside_is_found_wherever_it_stands(void **state)
{
    static const int32_t last[] = {0, 1, 1000, INT32_MAX - 1, INT32_MAX};
    static const int32_t wrong[] = {-1, INT32_MIN, INT32_MIN + 1, -1000};

    (void)state;
    for (size_t l = 0; l < sizeof last / sizeof *last; l++)
        for (uint32_t n = 0; n <= MOST; n++) {
            for (uint32_t i = 0; i < n; i++)
                token[i] = i % 2 ? last[l] : 0;
            assert_true(column_within(token, n, last[l]));
            for (uint32_t i = 0; i < n; i++) {
                const int32_t was = token[i];

                for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
                    token[i] = wrong[k];
                    assert_false(column_within(token, n, last[l]));
                }
                token[i] = last[l] < INT32_MAX ? last[l] + 1 : -1;
                assert_false(column_within(token, n, last[l]));
                token[i] = INT32_MAX;
                assert_true(column_within(token, n, last[l]) == (last[l] == INT32_MAX));
                token[i] = was;
            }
        }
}

static void one_is_met_wherever_it_stands(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= MOST; n++) {
        for (uint32_t i = 0; i < n; i++)
            token[i] = (int32_t)i;
        assert_false(column_has(token, n, -7));
        assert_false(column_has(token, n, (int32_t)n));
        for (uint32_t i = 0; i < n; i++)
            assert_true(column_has(token, n, (int32_t)i));
    }
}

static void what_is_not_finite_is_found_wherever_it_stands(void **state)
{
    static const float fine[] = {0, -0.0F, 1e-45F, -1e-45F, 3.4028235e38F, -3.4028235e38F, 1},
                       wrong[] = {INFINITY, -INFINITY, NAN, -NAN};

    (void)state;
    for (uint32_t n = 0; n <= MOST; n++) {
        for (uint32_t i = 0; i < n; i++)
            number[i] = fine[i % (sizeof fine / sizeof *fine)];
        assert_true(column_finite(number, n));
        for (uint32_t i = 0; i < n; i++) {
            const float was = number[i];

            for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
                number[i] = wrong[k];
                assert_false(column_finite(number, n));
            }
            number[i] = was;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_outside_is_found_wherever_it_stands),
        cmocka_unit_test(one_is_met_wherever_it_stands),
        cmocka_unit_test(what_is_not_finite_is_found_wherever_it_stands),
    };

    return cmocka_run_group_tests_name("column", tests, NULL, NULL);
}
