#include "tests/support/test.h"

#include "bench/exactness.h"

#include "base/mem.h"
#include "lm/kernel/bf16.h"

#include <math.h>
#include <stdlib.h>

enum { N = 64, K = 96, MOST = 31 };

/* The inexact product is the same product: of rounded numbers, but for the order of its sums; for each size of its tiles. */
static void it_is_the_same_product(void **state)
{
    float *x = mem_new(MOST * K, sizeof *x), *w = mem_new(N * K, sizeof *w),
          *y = mem_new(MOST * N, sizeof *y);

    (void)state;
    if (!exactness_known())
        skip();
    for (int i = 0; i < MOST * K; i++)
        x[i] = sinf((float)i);
    for (int i = 0; i < N * K; i++)
        w[i] = cosf(0.37f * (float)i);
    for (int rows = 1; rows <= MOST; rows++) {
        assert_ok(exactness_loose(y, x, w, rows, N, K));
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < N; c++) {
                double sum = 0;

                for (int k = 0; k < K; k++)
                    sum += (double)bf16_widen(bf16_round(x[r * K + k])) *
                           bf16_widen(bf16_round(w[c * K + k]));
                assert_true(fabs(y[r * N + c] - sum) < 1e-4);
            }
    }
    free(x);
    free(w);
    free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_the_same_product)};

    return cmocka_run_group_tests_name("exactness", tests, NULL, NULL);
}
