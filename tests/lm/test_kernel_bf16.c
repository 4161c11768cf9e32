#include "tests/lm/operands.h"
#include "tests/support/test.h"

#include "lm/kernel/bf16.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/isa_list.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/share.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* The definition by itself: by doubles, not by bits. */
static float rounded(float x)
{
    const float size = fabsf(x);
    int exponent;
    double step, near;

    if (isnan(x) || isinf(x))
        return isnan(x) ? NAN : x;
    if (size < 0x1p-56f)
        return 0.0f;
    frexp((double)size, &exponent);
    step = ldexp(1, exponent - 8); /* eight digits */
    near = nearbyint((double)x / step) * step;
    return fabs(near) >= 0x1p128 ? copysignf(INFINITY, x) : (float)near;
}

/* Every upper half with the lower halves that decide. */
static void rounding_is_to_the_nearest(void **state)
{
    static const uint32_t low[] = {0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF, 0x1234};

    (void)state;
    for (int isa = 0; isa < ISA_TABLES; isa++)
        for (uint32_t top = 0; isa_at(isa) && top < 65536; top += 13) {
            float x[13 * 7], y[13 * 7];
            int n = 0;

            assert_ok(isa_force(isa_at(isa)->name));
            for (uint32_t t = top; t < top + 13 && t < 65536; t++)
                for (int l = 0; l < 7; l++, n++) {
                    const uint32_t bits = t << 16 | low[l];

                    memcpy(&x[n], &bits, sizeof bits);
                }
            bf16_round_all(y, x, (size_t)n);
            for (int i = 0; i < n; i++) {
                uint32_t bits;

                memcpy(&bits, &y[i], sizeof bits);
                if (!same(y[i], rounded(x[i])) || bits & 0xFFFF ||
                    bits >> 16 != bf16_round(x[i]))
                    fail_msg("%s: %a became %a", isa_at(isa)->name, (double)x[i], (double)y[i]);
            }
        }
}

static void halves_are_cut_and_widened(void **state)
{
    enum { N = 2100 };
    float x[N], y[N];
    uint16_t half[N];

    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = draw(ANY, 1, (uint64_t)i);
    bf16_cut(half, x, N);
    bf16_widen_all(y, half, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(half[i], bf16_round(x[i]));
        assert_true(same(y[i], rounded(x[i])));
    }
}

/* R10 as it is written. x and w are rounded; w is [n,k]. */
static float defined(const float *x, const float *w, int k, float c)
{
    for (int at = 0; at < k; at += 32) {
        float even = 0, odd = 0;

        for (int i = at; i < at + 32 && i < k; i += 2)
            even = fmaf(x[i], w[i], even);
        for (int i = at + 1; i < at + 32 && i < k; i += 2)
            odd = fmaf(x[i], w[i], odd);
        c = c + (even + odd);
    }
    return c;
}

struct rounded_product {
    enum world world;
    int m, n, k;
    bool add;
};

/* On every instruction set, on 1 .. 3 threads. C has columns and A and W have entries that are none of
 * the product's. */
static void product(struct rounded_product p)
{
    const size_t ldc = (size_t)p.n + 3, lda = (size_t)p.k + 2, ldw = (size_t)p.k + 1;
    const size_t rows = (size_t)p.m, all = rows * ldc, na = rows * lda;
    float *a = floats(na), *near = floats(na), *w = floats((size_t)p.n * ldw);
    float *start = floats(all), *want = floats(all), *c = floats(all);
    uint16_t *pairs = calloc(pairs_size(p.n, p.k) + 1, sizeof *pairs);

    assert_non_null(pairs);
    for (size_t i = 0; i < na; i++)
        near[i] = rounded(a[i] = draw(p.world, 1, i));
    for (size_t i = 0; i < (size_t)p.n * ldw; i++)
        w[i] = rounded(draw(p.world, 2, i));
    for (size_t i = 0; i < all; i++)
        start[i] = draw(TAME, 3, i);
    pairs_pack(pairs, 0, w, ldw, p.n, p.k);
    memcpy(want, start, all * sizeof *c);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < (size_t)p.n; j++)
            want[i * ldc + j] =
                defined(near + i * lda, w + j * ldw, p.k, p.add ? start[i * ldc + j] : 0.0f);
    for (int isa = 0; isa < ISA_TABLES; isa++)
        for (int threads = 1; isa_at(isa) && threads <= 3; threads++) {
            assert_ok(isa_force(isa_at(isa)->name));
            omp_set_num_threads(threads);
            memcpy(c, start, all * sizeof *c);
            gemm_bf16(c, ldc, a, lda, pairs, p.m, p.n, p.k, p.add);
            for (size_t i = 0; i < all; i++)
                if (!same(want[i], c[i]))
                    fail_msg("world %d, %d x %d x %d, add %d, %s, %d threads: [%zu] %a not %a",
                             (int)p.world, p.m, p.n, p.k, p.add, isa_at(isa)->name, threads, i,
                             (double)c[i], (double)want[i]);
        }
    free(a);
    free(near);
    free(w);
    free(start);
    free(want);
    free(c);
    free(pairs);
}

static void products_have_the_order_of_processors(void **state)
{
    static const int ns[] = {1, 16, 31, 32, 33, 70, 96};
    static const int ks[] = {0, 1, 2, 31, 32, 33, 63, 64, 97, 193, 400};

    (void)state;
    share_least(0);
    for (int m = 1; m <= 97; m++)
        product((struct rounded_product){(enum world)(m % WORLDS), m, ns[m % 7], ks[m % 11],
                                         m % 2});
    for (int n = 0; n < 7; n++)
        for (int k = 0; k < 11; k++)
            for (int world = 0; world < WORLDS; world++)
                product((struct rounded_product){(enum world)world, 1 + (n + k) % 8, ns[n],
                                                 ks[k], (n + k + world) % 2});
    product((struct rounded_product){TAME, 200, 33, 2600, false}); /* slices of a long k */
    product((struct rounded_product){EDGE, 30, 40, 1311, true});
    product((struct rounded_product){WILD, 6, 40, 1022, false});
}

/* With what is too small gone, nothing that a product makes is a denormal: so that processors which
 * flush those, and those which do not, agree. */
static void no_sum_is_a_denormal(void **state)
{
    enum { K = 96, N = 32 };
    long least = 0;

    (void)state;
    for (int round = 0; round < 300; round++) {
        float x[K], w[K], even = 0, odd = 0;

        for (int i = 0; i < K; i++) {
            x[i] = rounded(draw(EDGE, 10 + (uint64_t)round, (uint64_t)i));
            w[i] = rounded(draw(EDGE, 1000 + (uint64_t)round, (uint64_t)i));
        }
        for (int i = 0; i < K; i += 2) {
            even = fmaf(x[i], w[i], even);
            odd = fmaf(x[i + 1], w[i + 1], odd);
            assert_true(fpclassify(even) != FP_SUBNORMAL && fpclassify(odd) != FP_SUBNORMAL);
            assert_true(fpclassify(even + odd) != FP_SUBNORMAL);
            least += even != 0 && fabsf(even) < 0x1p-110f;
        }
    }
    assert_true(least > 100); /* that they came near */
}

/* Rows that are cut, not rounded; that keep what is below 2^-56, or its sign; that round ties away. */
static float (*wrong_round)(float);

static float cut(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    bits &= 0xFFFF0000u;
    memcpy(&x, &bits, sizeof x);
    return fabsf(x) < 0x1p-56f ? 0.0f : x;
}

static float small_kept(float x)
{
    return fabsf(x) < 0x1p-56f && x != 0 ? cut(x) + copysignf(0x1p-57f, x) : rounded(x);
}

static float sign_kept(float x)
{
    return fabsf(x) < 0x1p-56f ? copysignf(0x1p-63f, x) : rounded(x);
}

static float ties_away(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return (bits & 0xFFFF) == 0x8000 && fabsf(x) >= 0x1p-56f ? rounded(x * (1 + 0x1p-20f))
                                                             : rounded(x);
}

static void wrong_row(void *operand, const float *x, int k)
{
    float *to = operand;

    for (int i = 0; i < (k + 31) / 32 * 32; i++)
        to[i] = i < k ? wrong_round(x[i]) : 0.0f;
}

/* Products in other orders, or with steps that round twice, by the scalar table's operands. */
static int wrong_order;

static void wrong_product(float *c, size_t ldc, const void *a, size_t lda, const uint16_t *b,
                          int m, int n, int k, enum isa_into into, const void *next)
{
    (void)next;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            const float *x = (const void *)((const char *)a + (size_t)i * lda);
            float w[96], y = into == ISA_ON ? c[(size_t)i * ldc + (size_t)j] : 0.0f;

            assert_true(k <= 96);
            pairs_unpack_row(w, b, j, 96);
            for (int at = 0; at < k; at += 32) {
                float s[2] = {0, wrong_order == 0 ? y : 0};

                for (int q = 0; q < 32; q++) {
                    float *to = &s[wrong_order == 1 ? 0 : q % 2];

                    *to = wrong_order == 2 ? *to + x[at + q] * w[at + q]
                                           : fmaf(x[at + q], w[at + q], *to);
                }
                y = wrong_order == 0   ? s[0] + s[1]
                    : wrong_order == 3 ? (y + s[0]) + s[1]
                                       : y + (s[0] + s[1]);
            }
            c[(size_t)i * ldc + (size_t)j] = y;
        }
}

/* What this CPU has agrees (or isa_at would not give it), and what is wrong in one thing does not. */
static void other_bits_are_noticed(void **state)
{
    static float (*const rounds[])(float) = {cut, small_kept, sign_kept, ties_away};
    struct isa table = *isa_at(0);

    (void)state;
    for (int isa = 0; isa < ISA_TABLES; isa++) {
        print_message("table %d: %s\n", isa, isa_at(isa) ? isa_at(isa)->name : "not shown");
        if (isa_at(isa))
            assert_true(isa_proof(isa_at(isa), isa_at(0)));
    }
#ifdef __x86_64__
    /* On each CPU known so far: so on one that differs, or after a mistake of ours, it is said here. */
    if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") &&
        isa_at(2))
        assert_non_null(isa_at(4));
#endif
    table.bf16_row = wrong_row;
    wrong_round = rounded;
    assert_true(isa_proof(&table, isa_at(0)));
    for (size_t i = 0; i < sizeof rounds / sizeof rounds[0]; i++) {
        wrong_round = rounds[i];
        if (isa_proof(&table, isa_at(0)))
            fail_msg("rounding %zu passed", i);
    }
    table = *isa_at(0);
    table.bf16 = wrong_product;
    for (wrong_order = 0; wrong_order < 4; wrong_order++)
        if (isa_proof(&table, isa_at(0)))
            fail_msg("order %d passed", wrong_order);
    wrong_order = 4;
    assert_true(isa_proof(&table, isa_at(0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_is_to_the_nearest),
        cmocka_unit_test(halves_are_cut_and_widened),
        cmocka_unit_test(products_have_the_order_of_processors),
        cmocka_unit_test(no_sum_is_a_denormal),
        cmocka_unit_test(other_bits_are_noticed),
    };

    return cmocka_run_group_tests_name("kernel_bf16", tests, NULL, NULL);
}
