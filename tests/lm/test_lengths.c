#include "tests/support/test.h"

#include "base/rng.h"
#include "lm/kernel/isa.h"

#include <math.h>

static void noise(float *x, int n, uint64_t seed)
{
    for (int i = 0; i < n; i++)
        x[i] = (float)(2 * rng_uniform(seed, RNG_TEST, (uint64_t)i, 0, 0) - 1);
}

/* Against their formulas in double, and nothing beyond n is touched. */
static void lengths_need_be_no_multiple_of_a_vector(void **state)
{
    enum { N = 80 };
    float x[N], w[N], b[N], y[N + 16];

    (void)state;
    noise(x, N, 1);
    noise(w, N, 2);
    noise(b, N, 3);
    for (int k = 0; k < 3; k++)
        for (int n = 1; n < N && isa_at(k); n++) {
            const struct isa *isa = isa_at(k);
            double square = 0, sum = 0, spread = 0, dot = 0;
            float mean, rms, rate;

            for (int i = 0; i < n; i++) {
                square += (double)x[i] * (double)x[i];
                sum += (double)x[i];
                dot += (double)x[i] * (double)w[i];
            }
            for (int i = 0; i < n; i++)
                spread += ((double)x[i] - sum / n) * ((double)x[i] - sum / n);
            for (int i = 0; i < N + 16; i++)
                y[i] = 7.0f;
            rms = isa->norm(y, x, w, 1.0f, n, 1e-2f);
            assert_true(fabs((double)rms * sqrt(square / n + 0.01) - 1) < 1e-6);
            for (int i = 0; i < n; i++)
                assert_true(fabs((double)(y[i] - x[i] * rms * (1 + w[i]))) < 1e-5);
            assert_true(y[n] == 7.0f);
            rate = isa->layer(y, &mean, x, w, 1.0f, b, n, 1e-2f);
            assert_true(fabs((double)mean - sum / n) < 1e-6);
            assert_true(fabs((double)rate * sqrt(spread / n + 0.01) - 1) < 1e-5);
            for (int i = 0; i < n; i++)
                assert_true(fabs((double)(y[i] - ((x[i] - mean) * rate * (1 + w[i]) + b[i]))) <
                            1e-5);
            isa->silu(y, x, w, n);
            for (int i = 0; i < n; i++)
                assert_true(fabs((double)y[i] - (double)x[i] / (1 + exp((double)-x[i])) *
                                                    (double)w[i]) < 1e-5);
            isa->gelu(y, x, NULL, n);
            assert_true(fabs((double)isa->dot(x, w, n) - dot) < 1e-5);
            for (int i = n; i < N + 16; i++)
                assert_true(y[i] == 7.0f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_need_be_no_multiple_of_a_vector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
