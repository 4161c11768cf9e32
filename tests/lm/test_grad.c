#include "lm/kernel/grad.h"

#include "lm/kernel/grad_softmax.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/softmax.h"
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

/* Rows, then w, then b: three kinds. */
static struct rows_norm norm_of(const float *x, enum rows_kind kind)
{
    return (struct rows_norm){kind, x + T * C, x + (T + 1) * C, C, 1e-5f};
}

static double norm_loss(const float *x, void *ctx)
{
    const struct rows_norm norm = norm_of(x, *(enum rows_kind *)ctx);
    float y[T * C];

    rows_norm(y, NULL, x, T, &norm);
    return weighed(y, T * C, 1);
}

static void norm_is_the_derivative(void **state)
{
    (void)state;
    for (enum rows_kind kind = ROWS_RMS; kind <= ROWS_LAYER_PLUS; kind++) {
        const int n = (rows_centred(kind) ? T + 2 : T + 1) * C;
        float x[(T + 2) * C], dy[T * C], y[T * C], factor[2 * T], grad[(T + 2) * C];
        const struct rows_norm norm = norm_of(x, kind);
        const struct grad_norm job = {grad, grad + T * C, grad + (T + 1) * C, dy, x, factor, T};

        formula_fill(x, T * C, 2, 1.0f, 0.3f);
        formula_fill(x + T * C, 2 * C, 3, 0.5f, 1.0f);
        formula_fill(dy, T * C, 1, 1.0f, 0.0f);
        for (int i = 0; i < (T + 2) * C; i++)
            grad[i] = 0.25f; /* adds */
        rows_norm(y, factor, x, T, &norm);
        grad_norm(&job, &norm);
        for (int i = 0; i < n; i++)
            grad[i] -= 0.25f;
        if (!(gradcheck(norm_loss, &kind, x, grad, n) < near))
            fail_msg("norm %d", (int)kind);
    }
}

static double gate_loss(const float *x, void *ctx)
{
    float y[T * F];

    rows_gate(y, x, T, F, *(enum rows_gate *)ctx);
    return weighed(y, T * F, 4);
}

static void gates_are_the_derivative(void **state)
{
    (void)state;
    for (enum rows_gate gate = ROWS_SILU; gate <= ROWS_SILU_PLAIN; gate++) {
        const int n = T * rows_gate_width(gate, F);
        float gu[T * 2 * F], dy[T * F], y[T * F], want[T * F], grad[T * 2 * F];

        formula_fill(gu, T * 2 * F, 5, 3.0f, 0.0f);
        formula_fill(dy, T * F, 4, 1.0f, 0.0f);
        grad_gate(y, grad, dy, gu, T, F, gate);
        if (!(gradcheck(gate_loss, &gate, gu, grad, n) < near))
            fail_msg("gate %d", (int)gate);
        rows_gate(want, gu, T, F, gate);
        for (int i = 0; i < T * F; i++)
            assert_true(fabsf(y[i] - want[i]) < 1e-6f);
        for (int i = 0; i < n; i++) /* far out: finite, and in place */
            gu[i] *= 100.0f;
        grad_gate(dy, gu, dy, gu, T, F, gate);
        for (int i = 0; i < n; i++)
            assert_true(isfinite(gu[i]));
    }
}

static double cap_loss(const float *x, void *ctx)
{
    float y[F];
    (void)ctx;

    memcpy(y, x, sizeof y);
    isa_current()->cap(y, 2.0f, F);
    return weighed(y, F, 4);
}

static void a_cap_is_the_derivative(void **state)
{
    float x[F], y[F], grad[F];
    (void)state;

    formula_fill(x, F, 5, 3.0f, 0.0f);
    formula_fill(grad, F, 4, 1.0f, 0.0f);
    memcpy(y, x, sizeof y);
    isa_current()->cap(y, 2.0f, F);
    grad_cap(grad, y, 2.0f, F);
    assert_true(gradcheck(cap_loss, NULL, x, grad, F) < near);
}

static const struct rows_heads heads = {
    .heads = 4, .kv_heads = 2, .head_dim = 16, .scale = 0.25f};
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
    rows_angles(cosines, sines, pos, freq, 1.2f, LONG, 8);
}

static double qkv_loss(const float *x, void *ctx)
{
    float y[T * QKV];
    (void)ctx;

    memcpy(y, x, sizeof y);
    rows_qkv(y, cosines + 3 * 8, sines + 3 * 8, T, &heads);
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

/* The raw rows, then q's and k's weights. */
static double heads_loss(const float *x, void *ctx)
{
    const struct rows_head_norm norm = {*(enum rows_kind *)ctx, x + T * QKV, x + T * QKV + 16,
                                        1e-5f, false};
    float y[T * QKV];

    rows_head_norm(y, NULL, x, T, &heads, &norm);
    return weighed(y, T * QKV, 6);
}

static void head_norms_are_the_derivative(void **state)
{
    (void)state;
    for (enum rows_kind kind = ROWS_RMS; kind <= ROWS_RMS_PLUS; kind++) {
        float x[T * QKV + 32], y[T * QKV], grad[T * QKV + 32], factor[T * 6];
        const struct rows_head_norm norm = {kind, x + T * QKV, x + T * QKV + 16, 1e-5f, false};
        const struct grad_head_norm job = {grad, grad + T * QKV, grad + T * QKV + 16,
                                           x,    factor,         T};

        formula_fill(x, T * QKV, 7, 1.0f, 0.0f);
        formula_fill(x + T * QKV, 32, 8, 0.5f, 1.0f);
        rows_head_norm(y, factor, x, T, &heads, &norm);
        formula_fill(grad, T * QKV, 6, 1.0f, 0.0f);
        for (int i = 0; i < 32; i++)
            grad[T * QKV + i] = 0.25f; /* adds */
        grad_head_norm(&job, &heads, &norm);
        for (int i = 0; i < 32; i++)
            grad[T * QKV + i] -= 0.25f;
        assert_true(gradcheck(heads_loss, &kind, x, grad, T * QKV + 32) < near);
        memcpy(grad, x, sizeof x); /* in place */
        rows_head_norm(grad, factor, grad, T, &heads, &norm);
        assert_memory_equal(grad, y, sizeof y);
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

/* A row some of its logits at a time. */
static void in_pieces(float *logit, int n, const struct aim *aim, int each)
{
    struct softmax row;

    softmax_row(&row, logit, n, aim->rate);
    for (int from = 0; from < n; from += each)
        grad_softmax(logit + from, n - from < each ? n - from : each, &row, aim->target - from,
                     aim->dlogprob, aim->dentropy);
}

static void softmax_is_the_derivative(void **state)
{
    (void)state;
    float x[V], grad[V];
    struct aim aims[] = {{3, 1.0f, 1.0f, 0.0f},
                         {0, 1.0f, 0.0f, 1.0f},
                         {V - 1, 1.7f, -2.0f, 0.5f},
                         {7, 0.5f, 0.3f, -3.0f}};

    for (size_t a = 0; a < sizeof aims / sizeof *aims; a++) {
        formula_fill(x, V, 11, 3.0f, 1.0f);
        memcpy(grad, x, sizeof x);
        in_pieces(grad, V, &aims[a], 10);
        assert_true(gradcheck(softmax_loss, &aims[a], x, grad, V) < near);
    }
    memset(x, 0, sizeof x); /* a certain token: probabilities of exactly 0 */
    x[5] = 500.0f;
    in_pieces(x, V, &(struct aim){5, 1.0f, 1.0f, 1.0f}, V);
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

/* The same bits on every instruction set and for any number of threads. */
static float *norm_bits(float *out)
{
    enum { ROWS = 70 };
    static float x[ROWS * C], dy[ROWS * C], factor[2 * ROWS], w[2 * C];

    formula_fill(x, ROWS * C, 20, 2.0f, 0.0f);
    formula_fill(dy, ROWS * C, 21, 1.0f, 0.0f);
    formula_fill(w, 2 * C, 22, 0.5f, 1.0f);
    for (enum rows_kind kind = ROWS_RMS; kind <= ROWS_LAYER_PLUS; kind++) {
        const struct rows_norm norm = {kind, w, w + C, C, 1e-6f};
        const struct grad_norm job = {out, out + ROWS * C, out + (ROWS + 1) * C, dy, x, factor,
                                      ROWS};

        rows_norm(out, factor, x, ROWS, &norm);
        grad_norm(&job, &norm);
        out += (ROWS + 2) * C;
    }
    return out;
}

static float *gate_bits(float *out)
{
    enum { ROWS = 70 };
    static float gu[ROWS * 2 * F], dy[ROWS * F];

    formula_fill(gu, ROWS * 2 * F, 20, 2.0f, 0.0f);
    formula_fill(dy, ROWS * F, 21, 1.0f, 0.0f);
    for (enum rows_gate gate = ROWS_SILU; gate <= ROWS_GELU_PLAIN; gate++) {
        grad_gate(out, out + ROWS * F, dy, gu, ROWS, F, gate);
        out += ROWS * F * 3;
    }
    return out;
}

static float *head_bits(float *out)
{
    static float raw[LONG * QKV], factor[LONG * 6], w[32];
    const struct rows_head_norm norm = {ROWS_RMS_PLUS, w, w + 16, 1e-6f, false};
    const struct grad_head_norm job = {out, out + LONG * QKV, out + LONG * QKV + 16,
                                       raw, factor,           LONG};

    formula_fill(raw, LONG * QKV, 24, 1.0f, 0.0f);
    formula_fill(w, 32, 25, 0.5f, 0.0f);
    rows_head_norm(out, factor, raw, LONG, &heads, &norm);
    grad_head_norm(&job, &heads, &norm);
    return out + LONG * QKV + 32;
}

static void portable_bits(float *out)
{
    static const struct aim aim = {3, 0.7f, 1.0f, 0.5f};

    out = norm_bits(out);
    out = gate_bits(out);
    out = head_bits(out);
    formula_fill(out, 1000, 23, 4.0f, 0.0f);
    in_pieces(out, 1000, &aim, 1000);
}

static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    enum { ALL = 4 * 72 * C + 3 * 70 * 3 * F + LONG * QKV + 32 + 1000 };
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norm_is_the_derivative),
        cmocka_unit_test(gates_are_the_derivative),
        cmocka_unit_test(a_cap_is_the_derivative),
        cmocka_unit_test(rotation_is_undone),
        cmocka_unit_test(head_norms_are_the_derivative),
        cmocka_unit_test(softmax_is_the_derivative),
        cmocka_unit_test(sums_over_rows_are_sums),
        cmocka_unit_test(bits_are_the_same_everywhere),
    };
    return cmocka_run_group_tests_name("grad", tests, NULL, NULL);
}
