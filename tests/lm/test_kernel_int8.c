#include "tests/lm/operands.h"
#include "tests/support/test.h"

#include "lm/kernel/gemm.h"
#include "lm/kernel/int8.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/share.h"

#include <omp.h>

/* The definition by itself, in doubles: q [n], returns the scale. Each double is rounded to float where
 * the definition has a float; a quotient or product of two floats is no other by way of doubles. */
static float quantised(int *q, const float *x, size_t n)
{
    float most = 0, rate;

    for (size_t i = 0; i < n; i++) {
        q[i] = 0;
        most = isnan(x[i]) || isnan(most) ? NAN : fmaxf(most, fabsf(x[i]));
    }
    if (!(most >= 0x1p-56f) || isinf(most))
        return isnan(most) || isinf(most) ? most : 0.0f;
    rate = (float)(127.0 / (double)most);
    for (size_t i = 0; i < n; i++)
        q[i] = (int)nearbyint((double)(float)((double)x[i] * (double)rate));
    return (float)((double)most / 127.0);
}

/* R11 as it is written, of one row of each side. */
static float defined(const float *x, const float *w, size_t k)
{
    float y = 0;

    for (size_t at = 0; at < k; at += 32) {
        const size_t n = k - at < 32 ? k - at : 32;
        int qx[32], qw[32];
        const float sx = quantised(qx, x + at, n), sw = quantised(qw, w + at, n);
        long sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += qx[i] * qw[i];
        assert_true(labs(sum) <= 1 << 19);
        y = fmaf((float)sum, sx * sw, y);
    }
    return y;
}

struct whole_product {
    enum world world;
    int m, n, k;
};

/* On every instruction set, on 1 .. 3 threads. C has columns and A and W have entries that are none of
 * the product's. */
static void product(struct whole_product p)
{
    const size_t ldc = (size_t)p.n + 3, lda = (size_t)p.k + 2, ldw = (size_t)p.k + 1;
    const size_t rows = (size_t)p.m, all = rows * ldc, na = rows * lda;
    float *a = floats(na), *w = floats((size_t)p.n * ldw), *want = floats(all),
          *c = floats(all);
    uint8_t *panels = calloc(int8_size(p.n, p.k) + 1, 1);

    assert_non_null(panels);
    for (size_t i = 0; i < na; i++)
        a[i] = draw(p.world, 1, i);
    for (size_t i = 0; i < (size_t)p.n * ldw; i++)
        w[i] = draw(p.world == ANY ? WILD : p.world, 2, i);
    for (size_t i = 0; i < all; i++)
        want[i] = 77;
    int8_pack(panels, 0, w, ldw, p.n, p.k);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < (size_t)p.n; j++)
            want[i * ldc + j] = defined(a + i * lda, w + j * ldw, (size_t)p.k);
    for (int isa = 0; isa < ISA_TABLES; isa++)
        for (int threads = 1; isa_at(isa) && threads <= 3; threads++) {
            assert_ok(isa_force(isa_at(isa)->name));
            omp_set_num_threads(threads);
            for (size_t i = 0; i < all; i++)
                c[i] = 77;
            gemm_int8(c, ldc, a, lda, panels, p.m, p.n, p.k);
            for (size_t i = 0; i < all; i++)
                if (!same(want[i], c[i]))
                    fail_msg("world %d, %d x %d x %d, %s, %d threads: [%zu] %a not %a",
                             (int)p.world, p.m, p.n, p.k, isa_at(isa)->name, threads, i,
                             (double)c[i], (double)want[i]);
        }
    free(a);
    free(w);
    free(want);
    free(c);
    free(panels);
}

static void products_are_sums_of_whole_numbers(void **state)
{
    static const int ns[] = {1, 16, 31, 32, 33, 70, 96};
    static const int ks[] = {0, 1, 3, 4, 31, 64, 97, 127, 128, 129, 200, 256, 400};

    (void)state;
    share_least(0);
    for (int m = 1; m <= 97; m++)
        product((struct whole_product){(enum world)(m % WORLDS), m, ns[m % 7], ks[m % 13]});
    for (int n = 0; n < 7; n++)
        for (int k = 0; k < 13; k++)
            for (int world = 0; world < WORLDS; world++)
                product(
                    (struct whole_product){(enum world)world, 1 + (n + k) % 8, ns[n], ks[k]});
    product((struct whole_product){TAME, 200, 33, 5000}); /* slices of a long k */
    product((struct whole_product){WILD, 30, 40, 1311});
}

/* Every product of a group at its largest, of either sign: as far as a sum can go. */
static void sums_go_to_their_limit(void **state)
{
    enum { K = 256, N = 32 };
    float a[4][K], w[N][K], c[4][N];
    uint8_t *panels = calloc(int8_size(N, K), 1);

    (void)state;
    for (int i = 0; i < 4 * K; i++)
        a[i / K][i % K] = (i / K) % 2 ? -1.5f : 1.5f;
    for (int i = 0; i < N * K; i++)
        w[i / K][i % K] = i / K % 2 ? -3.0f : 3.0f;
    int8_pack(panels, 0, w[0], K, N, K);
    for (int isa = 0; isa < ISA_TABLES; isa++) {
        if (!isa_at(isa))
            continue;
        assert_ok(isa_force(isa_at(isa)->name));
        gemm_int8(c[0], N, a[0], K, panels, 4, N, K);
        for (int i = 0; i < 4 * N; i++) {
            const float want = defined(a[i / N], w[i % N], K);

            assert_true(fabsf(fabsf(want) - 4.5f * K) < 1e-3f);
            assert_true(same(c[i / N][i % N], want));
        }
    }
    free(panels);
}

/* An operand is written whole, whatever its room held: where a group is not finite its bytes are 0, and a
 * product with it is no number, not an infinity made of what lay there. */
static void nothing_is_left_of_what_was_there(void **state)
{
    enum { K = 70, N = 32, ROOM = 3 * 32 * sizeof(float) };
    static const float odd[] = {INFINITY, -INFINITY, NAN, 0.0f};
    float x[K], w[N][K], c[N];
    uint8_t *panels = calloc(int8_size(N, K), 1), room[2][ROOM];

    (void)state;
    for (int i = 0; i < N * K; i++)
        w[i / K][i % K] = draw(TAME, 5, (uint64_t)i);
    int8_pack(panels, 0, w[0], K, N, K);
    for (int i = 0; i < ISA_TABLES * 12; i++) {
        const struct isa *isa = isa_at(i / 12);
        const int group = i % 3;
        size_t bytes;

        if (!isa)
            continue;
        bytes = 3 * isa->int8_bytes;
        for (int d = 0; d < K; d++)
            x[d] = draw(TAME, 6, (uint64_t)d);
        x[32 * group + 5] = odd[i % 12 / 3];
        for (int r = 0; r < 2; r++) {
            memset(room[r], r ? 0x7F : 0x81, sizeof room[r]);
            isa->int8_row(room[r], x, K);
        }
        assert_memory_equal(room[0], room[1], bytes);
        isa->int8(c, N, room[0], bytes, panels, 1, K, false, NULL);
        for (int j = 0; j < N; j++)
            assert_true(same(c[j], defined(x, w[j], K)));
    }
    free(panels);
}

static void weights_go_back(void **state)
{
    enum { N = 45, K = 151 };
    float w[N][K], row[K], settled[K];
    uint8_t *a = calloc(int8_size(N, K), 1), *b = calloc(int8_size(N, K), 1);

    (void)state;
    for (int i = 0; i < N * K; i++)
        w[i / K][i % K] = i / K == 7 ? 0.0f : draw(TAME, 5, (uint64_t)i);
    int8_pack(a, 0, w[0], K, N, K);
    int8_pack(b, 0, w[0], K, 20, K); /* in two parts that meet within a panel */
    int8_pack(b, 20, w[20], K, N - 20, K);
    assert_memory_equal(a, b, int8_size(N, K));
    for (int n = 0; n < N; n++) {
        memcpy(settled, w[n], sizeof settled);
        int8_settle(settled, K);
        int8_unpack_row(row, a, n, K);
        assert_memory_equal(settled, row, sizeof row);
        for (int k = 0; k < K; k++) {
            int q[32];
            const int group = k / 32 * 32;
            const float scale =
                quantised(q, w[n] + group, (size_t)(K - group < 32 ? K - group : 32));

            assert_true(row[k] == (float)q[k - group] * scale && abs(q[k - group]) <= 127);
            assert_true(fabsf(row[k] - w[n][k]) <= scale * 0.5001f);
        }
    }
    free(a);
    free(b);
}

/* A panel of bfloat16 becomes the panel that its rows make, in all that is a column's. */
static void pairs_become_whole_numbers(void **state)
{
    static const int ns[] = {1, 31, 32, 33, 70}, ks[] = {1, 3, 4, 31, 32, 33, 97, 128, 200};

    (void)state;
    share_least(0);
    for (int i = 0; i < 5 * 9 * WORLDS; i++) {
        const int n = ns[i % 5], k = ks[i / 5 % 9];
        const size_t all = (size_t)n * (size_t)k;
        float *w = floats(all);
        uint16_t *pairs = calloc(pairs_size(n, k), sizeof *pairs);
        uint8_t *want = calloc(int8_size(n, k), 1), *got = malloc(int8_size(n, k));

        assert_true(pairs && want && got);
        for (size_t j = 0; j < all; j++)
            w[j] = bf16_widen(bf16_round(draw((enum world)(i % WORLDS), 2, j)));
        for (int d = 0; d < k && n > 3;
             d++) /* a column of nothing, and one that is not finite */
            w[d] = 0, w[2 * k + d] = d % 5 == 3 ? INFINITY : w[2 * k + d];
        pairs_pack(pairs, 0, w, (size_t)k, n, k);
        int8_pack(want, 0, w, (size_t)k, n, k);
        memset(got, 0xA5, int8_size(n, k)); /* all of it is written, what fills up, too */
        omp_set_num_threads(1 + i % 3);
        int8_of_pairs(got, pairs, n, k);
        for (int c = 0; c < n; c++) {
            const size_t column = int8_panel(c / 32, k) + 4 * (size_t)(c % 32);

            for (size_t line = 0; line < int8_panel(1, k); line += INT8_LINE)
                assert_memory_equal(want + column + line, got + column + line, 4);
        }
        for (size_t j = 0; j < int8_size(n, k); j++) /* nothing of it is left to chance */
            if (got[j] == 0xA5 && want[j] != 0xA5)
                fail_msg("%d x %d: byte %zu is not written", n, k, j);
        free(w);
        free(pairs);
        free(want);
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_sums_of_whole_numbers),
        cmocka_unit_test(sums_go_to_their_limit),
        cmocka_unit_test(nothing_is_left_of_what_was_there),
        cmocka_unit_test(weights_go_back),
        cmocka_unit_test(pairs_become_whole_numbers),
    };

    return cmocka_run_group_tests_name("kernel_int8", tests, NULL, NULL);
}
