#include "tests/support/test.h"

#include "base/rng.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/real.h"
#include "lm/kernel/share.h"
#include "lm/kernel/softmax.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void noise(float *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t w[4];

        rng_words(w, seed, RNG_TEST, i, 0, 0);
        x[i] = (float)((double)w[0] * 0x1p-31 - 1.0);
    }
}

/* Distance of got from the true value, in units of the last place of a float there. */
static double ulps(float got, double want)
{
    const float near = (float)want;

    return fabs((double)got - want) / (double)(nextafterf(fabsf(near), INFINITY) - fabsf(near));
}

/* First of all: nothing has chosen an instruction set yet. */
static void the_environment_forces_an_instruction_set(void **state)
{
    (void)state;
    assert_int_equal(setenv("DROVER_ISA", "avx1024", 1), 0);
    assert_err(ERR_RANGE, isa_check());
    assert_non_null(strstr(err_text(), "DROVER_ISA"));
    assert_non_null(strstr(err_text(), "avx1024"));
    assert_int_equal(setenv("DROVER_ISA", "scalar", 1), 0);
    assert_ok(isa_check());
    assert_string_equal(isa_current()->name, "scalar");
    assert_err(ERR_RANGE, isa_force("neon"));
    for (int i = 0; i < ISA_TABLES; i++)
        print_message("table %d: %s\n", i,
                      isa_at(i) ? isa_at(i)->name : "not shown, this CPU lacks it");
}

static void exp_is_within_two_ulps(void **state)
{
    double worst = 0;

    (void)state;
    for (int k = 0; k < 3; k++) {
        const float odd[] = {0,   -0.0f, 88,     89,        1e30f, INFINITY,
                             -87, -88,   -1e30f, -INFINITY, NAN};
        float x[1003], y[1003];

        if (!isa_at(k))
            continue;
        for (int round = 0; round < 200; round++) {
            noise(x, 1003, (uint64_t)round);
            for (int i = 0; i < 1003; i++)
                x[i] *= round % 2 ? 87.0f : 1.0f;
            isa_at(k)->exp(y, x, 1003);
            for (int i = 0; i < 1003; i++)
                worst = fmax(worst, ulps(y[i], exp((double)x[i])));
        }
        isa_at(k)->exp(y, odd, 11);
        assert_true(y[0] == 1 && y[1] == 1 && y[2] == y[3] && y[3] == y[4] && y[4] == y[5]);
        assert_true(y[6] > FLT_MIN && y[7] == 0 && !signbit(y[7]) && y[8] == 0 && y[9] == 0);
        assert_true(isnan(y[10]));
    }
    print_message("exp: %.2f ulp\n", worst);
    assert_true(worst <= 2);
}

static void silu_is_within_little_more_than_two_ulps(void **state)
{
    double worst = 0;

    (void)state;
    for (int k = 0; k < 3; k++) {
        float g[1024], u[1024], y[1024];

        if (!isa_at(k))
            continue;
        noise(g, 1024, 1);
        for (int i = 0; i < 1024; i++) {
            g[i] *= 20;
            u[i] = 1;
        }
        isa_at(k)->silu(y, g, u, 1024);
        for (int i = 0; i < 1024; i++)
            worst = fmax(worst, ulps(y[i], (double)g[i] / (1 + exp(-(double)g[i]))));
    }
    print_message("silu: %.2f ulp\n", worst);
    assert_true(worst <= 2.2); /* exp, one addition and one division */
}

/* Against the tanh form in double; and what is far out stays a number, with its sign. */
static void gelu_and_soft_caps_are_accurate(void **state)
{
    const float limit = 7.0f;
    double gelu = 0, cap = 0;

    (void)state;
    for (int k = 0; k < 3; k++) {
        float g[1024], y[1024], odd[] = {1e30f, -1e30f, NAN, 0, 1e-8f, INFINITY, -INFINITY};

        if (!isa_at(k))
            continue;
        noise(g, 1024, 1);
        for (int i = 0; i < 1024; i++)
            g[i] *= i % 2 ? 6.0f : 0.1f;
        isa_at(k)->gelu(y, g, NULL, 1024);
        for (int i = 0; i < 1024; i++) {
            const double x = (double)g[i], z = 0.7978845608028654 * (x + 0.044715 * x * x * x);

            gelu = fmax(gelu, fabs((double)y[i] * (1 + exp(-2 * z)) / x - 1));
        }
        memcpy(y, g, sizeof y);
        for (int i = 0; i < 1023; i++)
            y[i] *= 5;
        isa_at(k)->cap(y, limit, 1023);
        for (int i = 0; i < 1023; i++)
            cap = fmax(cap, fabs((double)y[i] / ((double)limit *
                                                 tanh((double)(g[i] * 5) / (double)limit)) -
                                 1));
        assert_true(y[1023] == g[1023]); /* beyond n */
        isa_at(k)->cap(odd, limit, 7);
        assert_true(odd[0] == limit && odd[1] == -limit && isnan(odd[2]) && odd[3] == 0);
        assert_true(odd[5] == limit && odd[6] == -limit);
    }
    print_message("gelu %.2g, cap %.2g relative\n", gelu, cap);
    assert_true(gelu < 1e-5 && cap < 6e-7); /* gelu: exp of a rounded argument up to 30 */
}

static void scalar_mathematics_agrees_with_libm(void **state)
{
    double l = 0, e = 0, s = 0, f = 0;

    (void)state;
    for (int i = 1; i < 200000; i++) {
        const double u = rng_uniform(1, RNG_TEST, (uint64_t)i, 0, 0);
        const double x = exp(60 * u - 30), a = (u - 0.5) * (i % 2 ? 20 : 2e6);
        double sn, cs;

        l = fmax(l, fabs(real_log(x) - log(x)) / fmax(fabs(log(x)), 1e-3));
        f = fmax(f, ulps((float)real_log(x), log(x)));
        e = fmax(e, fabs(real_exp(80 * u - 40) / exp(80 * u - 40) - 1));
        real_sincos(a, &sn, &cs);
        s = fmax(s, fmax(fabs(sn - sin(a)), fabs(cs - cos(a))));
    }
    print_message("log %.2g, exp %.2g relative; sin, cos %.2g\n", l, e, s);
    assert_true(l < 1e-15 && e < 1e-15 && s < 1e-15 && f <= 0.51);
    assert_true(fabs(real_power(5e5, 30.0 / 32) / pow(5e5, 30.0 / 32) - 1) < 1e-14);
    assert_true(fabs(real_sigmoid(log(3)) - .75) < 1e-15 && real_sigmoid(-800) == 0 &&
                real_sigmoid(800) == 1 && real_sigmoid(0) == .5);
    assert_true(real_log(1) == 0 && real_exp(0) == 1 && isinf(real_log(0)));
    assert_true(isnan(real_log(-1)) && real_exp(-1e9) == 0 && isinf(real_exp(1e9)));
}

/* Every serial kernel, on lengths with and without tails, against the scalar one. */
static void all_instruction_sets_give_the_same_bits(void **state)
{
    enum { N = 208 };
    float a[N], b[N], c[N];

    (void)state;
    noise(a, N, 1);
    noise(b, N, 2);
    noise(c, N, 3);
    for (int k = 1; k < 3; k++)
        for (int n = 1; n <= 192 && isa_at(k); n++) {
            float got[2][11 * N] = {{0}}, number[2][12] = {{0}};

            for (int w = 0; w < 2; w++) {
                const struct isa *isa = isa_at(w ? k : 0);
                float *y = got[w], *z = number[w];
                struct isa_mass mass;

                z[0] = isa->norm(y, a, b, 0.0f, n, 1e-6f);
                z[8] = isa->norm(y + 6 * N, a, b, 1.0f, n, 1e-6f);
                z[9] = isa->layer(y + 7 * N, &z[10], a, b, n % 2 ? 1.0f : 0.0f, c, n, 1e-6f);
                isa->gelu(y + 8 * N, a, b, n);
                isa->gelu(y + 9 * N, a, NULL, n);
                memcpy(y + 10 * N, a, sizeof a);
                isa->cap(y + 10 * N, 0.3f, n);
                isa->silu(y + N, a, b, n);
                memcpy(y + 2 * N, a, sizeof a);
                isa->add(y + 2 * N, b, n);
                isa->scale(y + 2 * N, 0.37f, n);
                memcpy(y + 3 * N, a, sizeof a);
                isa->rope(y + 3 * N, b, c, n / 2);
                memcpy(y + 4 * N, a, sizeof a);
                z[1] = isa->softmax(y + 4 * N, n, &z[2]);
                isa->mass(&mass, a, n, 1.7f);
                memcpy(z + 3, &mass, sizeof mass);
                isa->spread(y + 5 * N, a, n, 1.7f, mass.max);
                z[7] = isa->dot(a, b, n);
            }
            assert_memory_equal(got[0], got[1], sizeof got[0]);
            assert_memory_equal(number[0], number[1], sizeof number[0]);
        }
}

/* Each number is cut by itself, then summed without a rounding; the first are edges of what counts. */
static void shares_are_cut_and_summed(void **state)
{
    enum { N = 80 };
    float e[N] = {1, 0, 0x1p-44f, 0x1.fffffep-45f, 0x1.8p-43f, 0x1.fffffep-1f, 0x1p-126f};

    (void)state;
    for (int i = 7; i < N; i++)
        e[i] = (float)exp(-30 * rng_uniform(1, RNG_TEST, (uint64_t)i, 0, 0));
    for (int k = 0; k < 3; k++)
        for (int n = 1; n <= N && isa_at(k); n++) {
            uint64_t want = 0;

            for (int i = 0; i < n; i++)
                want += (uint64_t)((double)e[i] * 0x1p44);
            assert_true(isa_at(k)->whole(e, n) == want);
        }
}

static float *guarded(size_t n)
{
    float *p = malloc(n * sizeof *p);

    assert_non_null(p);
    return p;
}

/* What remains of a float in bfloat16. */
static void cut(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, &x[i], 4);
        bits &= 0xFFFF0000u;
        memcpy(&x[i], &bits, 4);
    }
}

/* One product against the definition: a chain of fmaf over k, of f32 weights or of bfloat16's. C has
 * `gap` columns too many, that must stay as they are. */
static void product_of(bool halves, int m, int n, int k, bool add)
{
    const size_t gap = 3, ldc = (size_t)n + gap, lda = (size_t)k + 2, ldw = (size_t)k + 1;
    float *a = guarded((size_t)m * lda), *w = guarded((size_t)n * ldw);
    float *start = guarded((size_t)m * ldc), *want = guarded((size_t)m * ldc);
    float *c = guarded((size_t)m * ldc), *panels = calloc(gemm_packed_size(n, k) + 1, 4);
    uint16_t *pairs = calloc(pairs_size(n, k) + 1, 2);

    noise(a, (size_t)m * lda, 1);
    noise(w, (size_t)n * ldw, 2);
    noise(start, (size_t)m * ldc, 3);
    memcpy(want, start, (size_t)m * ldc * sizeof *c);
    if (halves)
        cut(w, (size_t)n * ldw);
    gemm_pack(panels, 0, w, ldw, n, k);
    if (halves)
        pairs_pack(pairs, 0, w, ldw, n, k);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float sum = add ? start[(size_t)i * ldc + (size_t)j] : 0;

            for (int kk = 0; kk < k; kk++)
                sum =
                    fmaf(a[(size_t)i * lda + (size_t)kk], w[(size_t)j * ldw + (size_t)kk], sum);
            want[(size_t)i * ldc + (size_t)j] = sum;
        }
    for (int isa = 0; isa < 3; isa++)
        for (int threads = 1; isa_at(isa) && threads <= 3; threads++) {
            assert_ok(isa_force(isa_at(isa)->name));
            omp_set_num_threads(threads);
            memcpy(c, start, (size_t)m * ldc * sizeof *c);
            if (halves)
                gemm_pairs(c, ldc, a, lda, pairs, m, n, k, add);
            else
                gemm_packed(c, ldc, a, lda, panels, m, n, k, add);
            if (memcmp(c, want, (size_t)m * ldc * sizeof *c) != 0)
                fail_msg("%d x %d x %d, halves %d, add %d, %s, %d threads", m, n, k, halves,
                         add, isa_current()->name, threads);
        }
    free(a);
    free(w);
    free(start);
    free(want);
    free(c);
    free(panels);
    free(pairs);
}

static void product(int m, int n, int k, bool add)
{
    for (int halves = 0; halves < 2; halves++)
        product_of(halves, m, n, k, add);
}

static void products_are_chains_of_fused_multiply_adds(void **state)
{
    static const int ms[] = {1, 2, 3, 5, 8, 13, 24, 25, 97};
    static const int ns[] = {1, 16, 31, 32, 33, 48, 70, 96};
    static const int ks[] = {0, 1, 7, 64, 193, 400};

    (void)state;
    share_least(0);
    for (size_t i = 0; i < sizeof ms / sizeof ms[0]; i++)
        for (size_t j = 0; j < sizeof ns / sizeof ns[0]; j++)
            for (size_t q = 0; q < sizeof ks / sizeof ks[0]; q++)
                product(ms[i], ns[j], ks[q], (i + j + q) % 2);
    product(30, 40, 1300, false); /* more than one slice of a long k */
    product(200, 65, 650, true);
    product(6, 40, 1022, false); /* with lda 1024: a stride that is copied */
}

static void packing_goes_back_and_forth(void **state)
{
    enum { N = 45, K = 19 };
    float w[N * K], back[N * K], t[K * N], *a = calloc(gemm_packed_size(N, K), 4);
    float *b = malloc(gemm_packed_size(N, K) * 4), row[K];

    (void)state;
    noise(w, N * K, 4);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < K; k++)
            t[k * N + i] = w[i * K + k];
    gemm_pack(a, 0, w, K, 20, K); /* in two parts that meet within a panel */
    gemm_pack(a, 20, w + 20 * K, K, N - 20, K);
    gemm_pack_plain(b, t, N, N, K);
    assert_memory_equal(a, b, gemm_packed_size(N, K) * 4);
    gemm_unpack(back, K, a, 0, N, K);
    assert_memory_equal(back, w, sizeof w);
    gemm_unpack_row(row, a, 37, K);
    assert_memory_equal(row, w + 37 * K, sizeof row);
    free(a);
    free(b);
}

/* The order of the CPUs' own products, from its definition. Depth 51 leaves zeros at the end. */
static void pairs_lie_as_processors_take_them(void **state)
{
    enum { N = 45, K = 51 };
    float w[N * K], back[N * K], row[K];
    uint16_t *a = calloc(pairs_size(N, K), 2), *b = calloc(pairs_size(N, K), 2);

    (void)state;
    noise(w, N * K, 4);
    cut(w, N * K);
    for (int n = 0; n < 64; n++)
        for (int block = 0; block < 2; block++)
            for (int h = 0; h < 2; h++)
                for (int i = 0; i < 8; i++)
                    for (int second = 0; second < 2; second++) {
                        const int k = 32 * block + 4 * i + h + (second ? 0 : 2);
                        uint32_t bits = 0;

                        if (n < N && k < K)
                            memcpy(&bits, &w[n * K + k], 4);
                        b[(n / 32) * 64 * 32 + (32 * block + 16 * h + 2 * i) * 32 +
                          2 * (n % 32) + second] = (uint16_t)(bits >> 16);
                    }
    pairs_pack(a, 0, w, K, 20, K); /* in two parts that meet within a panel */
    pairs_pack(a, 20, w + 20 * K, K, N - 20, K);
    assert_memory_equal(a, b, pairs_size(N, K) * 2);
    pairs_unpack(back, K, a, 0, N, K);
    assert_memory_equal(back, w, sizeof w);
    pairs_unpack_row(row, a, 37, K);
    assert_memory_equal(row, w + 37 * K, sizeof row);
    free(a);
    free(b);
}

static void softmax_is_right_and_reads_no_further(void **state)
{
    float l[100], p[100];

    (void)state;
    for (int n = 1; n < 80; n++)
        for (int isa = 0; isa < 3; isa++) {
            const float rate = softmax_rate(0.7f);
            double z = 0, h = 0, p2 = 0, total = 0;
            struct softmax row;

            if (!isa_at(isa))
                continue;
            assert_ok(isa_force(isa_at(isa)->name));
            noise(l, 100, (uint64_t)n);
            for (int i = 0; i < n; i++)
                l[i] *= 9;
            for (int i = n; i < 100; i++)
                l[i] = NAN;
            softmax_row(&row, l, n, rate);
            for (int i = 0; i < n; i++)
                z += exp((double)l[i] * (double)rate);
            memset(p, 0x7f, sizeof p);
            softmax_probability(p, l, n, &row);
            for (int i = 0; i < n; i++) {
                const double q = exp((double)l[i] * (double)rate) / z;

                h -= q * log(q);
                p2 += q * q;
                total += (double)p[i];
                assert_true(fabs((double)softmax_logprob(&row, l[i]) - log(q)) < 1e-5);
                assert_true(fabs((double)p[i] - q) < 1e-6);
            }
            assert_true(fabs(total - 1) < 1e-5);
            assert_true(fabs((double)row.entropy - h) < 1e-5);
            assert_true(fabs((double)row.square - p2) < 1e-5);
            for (int i = n; i < 100; i++)
                assert_true(p[i] > 1e38f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_forces_an_instruction_set),
        cmocka_unit_test(exp_is_within_two_ulps),
        cmocka_unit_test(silu_is_within_little_more_than_two_ulps),
        cmocka_unit_test(gelu_and_soft_caps_are_accurate),
        cmocka_unit_test(scalar_mathematics_agrees_with_libm),
        cmocka_unit_test(all_instruction_sets_give_the_same_bits),
        cmocka_unit_test(shares_are_cut_and_summed),
        cmocka_unit_test(products_are_chains_of_fused_multiply_adds),
        cmocka_unit_test(packing_goes_back_and_forth),
        cmocka_unit_test(pairs_lie_as_processors_take_them),
        cmocka_unit_test(softmax_is_right_and_reads_no_further),
    };

    return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
