#include "lm/kernel/grad.h"

#include "lm/kernel/attention.h"
#include "lm/kernel/blas.h"
#include "lm/kernel/grad_attention.h"
#include "lm/kernel/isa.h"
#include "tests/support/formula.h"
#include "tests/support/gradcheck.h"
#include "tests/support/test.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Each loss is sum out[i] * weight[i], so that d loss / d out is `weight`. */
enum { T = 5, C = 48, F = 32 };
static const double near = 1e-3;

static double weighed(const float *out, int n, uint32_t seed)
{
    double sum = 0.0;

    for (int i = 0; i < n; i++)
        sum += (double)out[i] * (double)formula((uint32_t)i, seed);
    return sum;
}

static double norm_loss(const float *x, void *ctx)
{
    float y[T * C]; /* x: rows, then the weight */
    (void)ctx;

    rows_norm(y, NULL, x, x + T * C, T, C, 1e-5f);
    return weighed(y, T * C, 1);
}

static void norm_is_the_derivative(void **state)
{
    (void)state;
    float x[(T + 1) * C], dy[T * C], y[T * C], rms[T], grad[(T + 1) * C];

    formula_fill(x, T * C, 2, 1.0f, 0.0f);
    formula_fill(x + T * C, C, 3, 0.5f, 1.0f);
    formula_fill(dy, T * C, 1, 1.0f, 0.0f);
    for (int i = 0; i < (T + 1) * C; i++)
        grad[i] = 0.25f; /* adds */
    rows_norm(y, rms, x, x + T * C, T, C, 1e-5f);
    grad_norm(grad, grad + T * C, dy, x, rms, x + T * C, T, C);
    for (int i = 0; i < (T + 1) * C; i++)
        grad[i] -= 0.25f;
    assert_true(gradcheck(norm_loss, NULL, x, grad, (T + 1) * C) < near);
}

static double silu_loss(const float *x, void *ctx)
{
    float y[T * F];
    (void)ctx;

    rows_silu(y, x, T, F);
    return weighed(y, T * F, 4);
}

static void silu_is_the_derivative(void **state)
{
    (void)state;
    float gu[T * 2 * F], dy[T * F], y[T * F], want[T * F], grad[T * 2 * F];

    formula_fill(gu, T * 2 * F, 5, 3.0f, 0.0f);
    formula_fill(dy, T * F, 4, 1.0f, 0.0f);
    grad_silu(y, grad, dy, gu, T, F);
    assert_true(gradcheck(silu_loss, NULL, gu, grad, T * 2 * F) < near);
    rows_silu(want, gu, T, F);
    for (int i = 0; i < T * F; i++)
        assert_true(fabsf(y[i] - want[i]) < 1e-6f);
    for (int i = 0; i < T * 2 * F; i++) /* far out: finite, and in place */
        gu[i] *= 100.0f;
    grad_silu(dy, gu, dy, gu, T, F);
    for (int i = 0; i < T * 2 * F; i++)
        assert_true(isfinite(gu[i]));
}

static const struct rows_heads heads = {4, 2, 16};
enum { QKV = (4 + 2 * 2) * 16, OUT = 4 * 16, LONG = 55 };
static const int two[] = {0, 3, LONG};
static float cosines[LONG * 8], sines[LONG * 8];

static void make_angles(void)
{
    float freq[8];
    int pos[LONG];

    for (int i = 0; i < 8; i++)
        freq[i] = 1.0f / (float)(i + 1);
    for (int s = 0; s < 2; s++)
        for (int t = two[s]; t < two[s + 1]; t++)
            pos[t] = t - two[s];
    rows_angles(cosines, sines, pos, freq, LONG, 8);
}

static double qkv_loss(const float *x, void *ctx)
{
    float y[T * QKV];
    (void)ctx;

    memcpy(y, x, sizeof y);
    rows_qkv(y, NULL, cosines + 3 * 8, sines + 3 * 8, T, &heads);
    return weighed(y, T * QKV, 6);
}

static void rotation_is_undone(void **state)
{
    (void)state;
    float x[T * QKV], grad[T * QKV];

    make_angles();
    formula_fill(x, T * QKV, 7, 1.0f, 0.0f);
    formula_fill(grad, T * QKV, 6, 1.0f, 0.0f);
    grad_qkv(grad, cosines + 3 * 8, sines + 3 * 8, T, &heads);
    assert_true(gradcheck(qkv_loss, NULL, x, grad, T * QKV) < near);
}

/* Two packed sequences, as generation would compute them. */
static void attend(float *out, const float *qkv)
{
    const int group = heads.heads / heads.kv_heads, dim = heads.head_dim;
    float *keys = calloc(attention_keys(dim, LONG), sizeof *keys);
    float *scratch = calloc(attention_scratch(1, group, dim, LONG), sizeof *scratch);

    for (int s = 0; s < 2; s++)
        for (int kv = 0; kv < heads.kv_heads; kv++)
            for (int t = two[s]; t < two[s + 1]; t++) {
                const float *row = qkv + (size_t)t * QKV;
                attention_put_key(keys, row + (heads.heads + kv) * dim, t - two[s], dim);
                const struct attention job = {
                    .q = row + kv * group * dim,
                    .ldq = QKV,
                    .keys = keys,
                    .values =
                        qkv + (size_t)two[s] * QKV + (heads.heads + heads.kv_heads + kv) * dim,
                    .ldv = QKV,
                    .out = out + (size_t)t * OUT + kv * group * dim,
                    .ldo = OUT,
                    .pos = t - two[s],
                    .rows = 1,
                    .group = group,
                    .head_dim = dim,
                    .scratch = scratch,
                };
                attention_run(&job);
            }
    free(keys);
    free(scratch);
}

static double attention_loss(const float *qkv, void *ctx)
{
    float out[LONG * OUT];
    (void)ctx;

    attend(out, qkv);
    return weighed(out, LONG * OUT, 8);
}

static void back(float *grad, const float *qkv, bool portable, int threads)
{
    float out[LONG * OUT], dout[LONG * OUT];
    const size_t each = grad_attention_scratch(&heads, LONG - 3, false);
    float *scratch = calloc(each * (size_t)threads, sizeof *scratch);

    attend(out, qkv);
    formula_fill(dout, LONG * OUT, 8, 1.0f, 0.0f);
    const struct grad_attention job = {
        .qkv = qkv,
        .out = out,
        .dout = dout,
        .dqkv = grad,
        .seq = two,
        .n_seq = 2,
        .heads = heads,
        .scratch = scratch,
        .threads = threads,
        .portable = portable,
    };
    grad_attention(&job);
    free(scratch);
}

static void attention_is_the_derivative(void **state)
{
    (void)state;
    static float qkv[LONG * QKV], grad[LONG * QKV], again[LONG * QKV];

    formula_fill(qkv, LONG * QKV, 9, 1.0f, 0.0f);
    for (int portable = 0; portable < 2; portable++) {
        for (int i = 0; i < LONG * QKV; i++)
            grad[i] = NAN; /* what was there does not matter */
        back(grad, qkv, portable, 2);
        const double gap = gradcheck(attention_loss, NULL, qkv, grad, LONG * QKV);
        if (gap >= near)
            fail_msg("portable %d: gap %g", portable, gap);
        back(again, qkv, portable, 1);
        assert_memory_equal(grad, again, sizeof grad);
    }
}

struct aim {
    int target;
    float rate, dlogprob, dentropy;
};
enum { V = 37 };

static double softmax_loss(const float *x, void *ctx)
{
    const struct aim *aim = ctx;
    double max = -1e30, sum = 0.0, entropy = 0.0, z;

    for (int j = 0; j < V; j++)
        max = fmax(max, (double)x[j] * (double)aim->rate);
    for (int j = 0; j < V; j++)
        sum += exp((double)x[j] * (double)aim->rate - max);
    for (int j = 0; j < V; j++) {
        z = (double)x[j] * (double)aim->rate - max - log(sum);
        entropy -= exp(z) * z;
    }
    z = (double)x[aim->target] * (double)aim->rate - max - log(sum);
    return (double)aim->dlogprob * z + (double)aim->dentropy * entropy;
}

static void softmax_is_the_derivative(void **state)
{
    (void)state;
    float x[V], grad[V], scratch[V];
    struct aim aims[] = {{3, 1.0f, 1.0f, 0.0f},
                         {0, 1.0f, 0.0f, 1.0f},
                         {V - 1, 1.7f, -2.0f, 0.5f},
                         {7, 0.5f, 0.3f, -3.0f}};

    for (size_t a = 0; a < sizeof aims / sizeof *aims; a++) {
        formula_fill(x, V, 11, 3.0f, 1.0f);
        memcpy(grad, x, sizeof x);
        grad_softmax(grad, V, aims[a].rate, aims[a].target, aims[a].dlogprob, aims[a].dentropy,
                     scratch);
        assert_true(gradcheck(softmax_loss, &aims[a], x, grad, V) < near);
    }
    memset(x, 0, sizeof x); /* a certain token: probabilities of exactly 0 */
    x[5] = 500.0f;
    grad_softmax(x, V, 1.0f, 5, 1.0f, 1.0f, scratch);
    for (int j = 0; j < V; j++)
        assert_true(fabsf(x[j]) < 1e-6f);
}

static void sums_over_rows_are_sums(void **state)
{
    (void)state;
    enum { ROWS = 70, WIDE = 100 };
    static float dy[ROWS * WIDE], got[WIDE], table[4 * WIDE], dv[ROWS], x[ROWS * WIDE];
    static float dx[ROWS * WIDE];
    int token[ROWS];

    formula_fill(dy, ROWS * WIDE, 12, 1.0f, 0.0f);
    formula_fill(x, ROWS * WIDE, 13, 1.0f, 0.0f);
    formula_fill(dv, ROWS, 14, 1.0f, 0.0f);
    for (int c = 0; c < WIDE; c++)
        got[c] = 1.0f;
    grad_columns(got, dy, WIDE, ROWS, WIDE);
    for (int t = 0; t < ROWS; t++)
        token[t] = t % 3;
    grad_embed(table, dy, token, ROWS, WIDE);
    for (int c = 0; c < WIDE; c++) {
        double all = 1.0, part[4] = {0.0};
        for (int t = 0; t < ROWS; t++) {
            all += (double)dy[t * WIDE + c];
            part[t % 3] += (double)dy[t * WIDE + c];
        }
        assert_true(fabs(all - (double)got[c]) < 1e-5);
        for (int r = 0; r < 4; r++)
            assert_true(fabs(part[r] - (double)table[r * WIDE + c]) < 1e-5);
    }
    memset(got, 0, sizeof got);
    grad_dot(dx, got, dv, x, dy, ROWS, WIDE);
    for (int c = 0; c < WIDE; c++) {
        double all = 0.0;
        for (int t = 0; t < ROWS; t++) {
            all += (double)dv[t] * (double)x[t * WIDE + c];
            assert_true(dx[t * WIDE + c] == dv[t] * dy[c]);
        }
        assert_true(fabs(all - (double)got[c]) < 1e-5);
    }
}

static float *turned(const float *a, int rows, int columns)
{
    float *out = malloc((size_t)rows * (size_t)columns * sizeof *out);

    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            out[j * rows + i] = a[i * columns + j];
    return out;
}

/* All ways to hold A and B, odd sizes, both libraries; and the portable one is the chain. */
static void products_are_products(void **state)
{
    (void)state;
    static const int size[][3] = {{1, 1, 1}, {5, 33, 7}, {97, 130, 300}, {200, 16, 513}};

    for (size_t s = 0; s < sizeof size / sizeof *size; s++) {
        const int m = size[s][0], n = size[s][1], k = size[s][2];
        float *a = malloc((size_t)(m * k) * sizeof *a),
              *b = malloc((size_t)(k * n) * sizeof *b);
        float *c = malloc((size_t)(m * n) * sizeof *c);
        formula_fill(a, (size_t)(m * k), 15, 1.0f, 0.0f);
        formula_fill(b, (size_t)(k * n), 16, 1.0f, 0.0f);
        float *at = turned(a, m, k), *bt = turned(b, k, n);
        for (int kind = 0; kind < 16; kind++) {
            const struct blas_product product = {
                .c = c,
                .ldc = (size_t)n,
                .a = kind & 1 ? at : a,
                .lda = (size_t)(kind & 1 ? m : k),
                .b = kind & 2 ? bt : b,
                .ldb = (size_t)(kind & 2 ? k : n),
                .m = m,
                .n = n,
                .k = k,
                .a_turned = kind & 1,
                .b_turned = kind & 2,
                .add = kind & 4,
                .portable = kind & 8,
            };
            formula_fill(c, (size_t)(m * n), 17, 1.0f, 0.0f);
            blas_product(&product);
            for (int i = 0; i < m; i++)
                for (int j = 0; j < n; j++) {
                    const float was = formula((uint32_t)(i * n + j), 17);
                    float chain = kind & 4 ? was : 0.0f;
                    double sum = (double)chain;
                    for (int e = 0; e < k; e++) {
                        chain = fmaf(a[i * k + e], b[e * n + j], chain);
                        sum += (double)a[i * k + e] * (double)b[e * n + j];
                    }
                    assert_true(fabs((double)c[i * n + j] - sum) < 1e-4);
                    if (kind & 8)
                        assert_true(c[i * n + j] == chain);
                }
        }
        free(a), free(b), free(c), free(at), free(bt);
    }
}

/* The same bits on every instruction set and for any number of threads. */
static void portable_bits(float *out)
{
    enum { ROWS = 70 };
    static float x[ROWS * C], y[ROWS * C], rms[ROWS], dx[ROWS * C], w[C], dw[C];
    static float qkv[LONG * QKV];

    formula_fill(x, ROWS * C, 20, 2.0f, 0.0f);
    formula_fill(y, ROWS * C, 21, 1.0f, 0.0f);
    formula_fill(w, C, 22, 0.5f, 1.0f);
    memset(dx, 0, sizeof dx);
    memset(dw, 0, sizeof dw);
    rows_norm(dx, rms, x, w, ROWS, C, 1e-6f);
    memset(dx, 0, sizeof dx);
    grad_norm(dx, dw, y, x, rms, w, ROWS, C);
    memcpy(out, dx, sizeof dx);
    memcpy(out + ROWS * C, dw, sizeof dw);
    out += ROWS * C + C;
    grad_silu(out, out + ROWS * 16, y, x, ROWS, 16);
    out += ROWS * 16 * 3;
    formula_fill(out, 1000, 23, 4.0f, 0.0f);
    grad_softmax(out, 1000, 0.7f, 3, 1.0f, 0.5f, x);
    out += 1000;
    formula_fill(qkv, LONG * QKV, 24, 1.0f, 0.0f);
    back(out, qkv, true, 2);
}

static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    enum { ALL = 70 * C + C + 70 * 48 + 1000 + LONG * QKV };
    float *want = calloc(ALL, sizeof *want), *got = calloc(ALL, sizeof *got);
    const char *name = isa_current()->name;
    const int threads = omp_get_max_threads();

    portable_bits(want);
    for (int i = 0; i < 3; i++) {
        if (!isa_at(i)) {
            print_message("not shown: instruction set %d is not here\n", i);
            continue;
        }
        assert_ok(isa_force(isa_at(i)->name));
        for (int n = 1; n < 4; n++) {
            omp_set_num_threads(n);
            memset(got, 0, ALL * sizeof *got);
            portable_bits(got);
            assert_memory_equal(want, got, ALL * sizeof *got);
        }
    }
    omp_set_num_threads(threads);
    assert_ok(isa_force(name));
    free(want);
    free(got);
}

static void openblas_shares_our_threads(void **state)
{
    (void)state;
    assert_ok(blas_check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openblas_shares_our_threads),
        cmocka_unit_test(products_are_products),
        cmocka_unit_test(norm_is_the_derivative),
        cmocka_unit_test(silu_is_the_derivative),
        cmocka_unit_test(rotation_is_undone),
        cmocka_unit_test(attention_is_the_derivative),
        cmocka_unit_test(softmax_is_the_derivative),
        cmocka_unit_test(sums_over_rows_are_sums),
        cmocka_unit_test(bits_are_the_same_everywhere),
    };
    return cmocka_run_group_tests_name("grad", tests, NULL, NULL);
}
