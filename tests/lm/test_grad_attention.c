/* Backward of attention, plain, within a window and with capped scores: the derivative, and the same
 * bits everywhere. Forward is called as decoding calls it, a query at a time. */
#include "lm/kernel/grad_attention.h"

#include "lm/kernel/attention.h"
#include "lm/kernel/isa.h"
#include "tests/support/formula.h"
#include "tests/support/gradcheck.h"
#include "tests/support/test.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double near = 1e-3;
static const struct rows_heads heads = {
    .heads = 4, .kv_heads = 2, .head_dim = 16, .scale = 0.25f};
enum { QKV = (4 + 2 * 2) * 16, OUT = 4 * 16, LONG = 55 };
static const int two[] = {0, 3, LONG};

static double weighed(const float *out, int n, uint32_t seed)
{
    double sum = 0.0;

    for (int i = 0; i < n; i++)
        sum += (double)out[i] * (double)formula((uint32_t)i, seed);
    return sum;
}

/* What attention of a layer may look at. */
struct sight {
    int window;
    float cap;
};
static const struct sight sights[] = {{0, 0.0f}, {7, 0.0f}, {0, 0.5f}, {33, 1.0f}};
enum { SIGHTS = sizeof sights / sizeof *sights };

/* Two packed sequences, as generation would compute them. */
static void attend(float *out, const float *qkv, const struct sight *sight)
{
    const int group = heads.heads / heads.kv_heads, dim = heads.head_dim;
    const struct kv_block_form form = {.head_dim = dim};
    char *block[(LONG + KV_BLOCK_TOKENS - 1) / KV_BLOCK_TOKENS];
    float *scratch = calloc(attention_scratch(1, group, dim, LONG), sizeof *scratch);

    for (size_t b = 0; b < sizeof block / sizeof *block; b++)
        block[b] = calloc(1, kv_block_size(&form));
    for (int s = 0; s < 2; s++)
        for (int kv = 0; kv < heads.kv_heads; kv++)
            for (int t = two[s]; t < two[s + 1]; t++) {
                const float *row = qkv + (size_t)t * QKV;
                const int pos = t - two[s];
                const struct attention_strand strand = {1, pos, (const char *const *)block};
                const struct attention job = {
                    .q = row + kv * group * dim,
                    .values = row + (heads.heads + heads.kv_heads + kv) * dim,
                    .out = out + (size_t)t * OUT + kv * group * dim,
                    .ldq = QKV,
                    .ldv = QKV,
                    .ldo = OUT,
                    .strand = &strand,
                    .strands = 1,
                    .form = form,
                    .group = group,
                    .window = sight->window,
                    .cap = sight->cap,
                    .scratch = scratch,
                };

                kv_block_put(&form, block[pos / KV_BLOCK_TOKENS], pos % KV_BLOCK_TOKENS,
                             row + (heads.heads + kv) * dim, job.values);
                attention_run(&job);
            }
    for (size_t b = 0; b < sizeof block / sizeof *block; b++)
        free(block[b]);
    free(scratch);
}

static double attention_loss(const float *qkv, void *ctx)
{
    float out[LONG * OUT];

    attend(out, qkv, ctx);
    return weighed(out, LONG * OUT, 8);
}

static void back(float *grad, const float *qkv, const struct sight *sight, int threads)
{
    float out[LONG * OUT], dout[LONG * OUT];
    const size_t each = grad_attention_scratch(&heads, LONG - 3, false, true);
    float *scratch = calloc(each * (size_t)threads, sizeof *scratch);

    attend(out, qkv, sight);
    formula_fill(dout, LONG * OUT, 8, 1.0f, 0.0f);
    const struct grad_attention job = {
        .qkv = qkv,
        .out = out,
        .dout = dout,
        .dqkv = grad,
        .seq = two,
        .n_seq = 2,
        .heads = heads,
        .window = sight->window,
        .cap = sight->cap,
        .scratch = scratch,
        .threads = threads,
    };
    grad_attention(&job);
    free(scratch);
}

static void attention_is_the_derivative(void **state)
{
    (void)state;
    static float qkv[LONG * QKV], grad[LONG * QKV], again[LONG * QKV];
    static double slope[LONG * QKV];

    formula_fill(qkv, LONG * QKV, 9, 1.0f, 0.0f);
    for (int k = 0; k < SIGHTS; k++) {
        struct sight sight = sights[k];

        gradcheck_slopes(attention_loss, &sight, qkv, slope, LONG * QKV);
        for (int i = 0; i < LONG * QKV; i++)
            grad[i] = NAN; /* what was there does not matter */
        back(grad, qkv, &sight, 2);
        const double gap = gradcheck_gap(slope, grad, LONG * QKV);
        if (gap >= near)
            fail_msg("sight %d: gap %g", k, gap);
        back(again, qkv, &sight, 1);
        assert_memory_equal(grad, again, sizeof grad);
    }
}

static void all_sights(float *out)
{
    static float qkv[LONG * QKV];

    formula_fill(qkv, LONG * QKV, 24, 1.0f, 0.0f);
    for (int i = 0; i < SIGHTS; i++)
        back(out + i * LONG * QKV, qkv, &sights[i], 2);
}

static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    enum { ALL = SIGHTS * LONG * QKV };
    float *want = calloc(ALL, sizeof *want), *got = calloc(ALL, sizeof *got);
    const char *name = isa_current()->name;
    const int threads = omp_get_max_threads();

    all_sights(want);
    for (int i = 0; i < 3; i++) {
        if (!isa_at(i)) {
            print_message("not shown: instruction set %d is not here\n", i);
            continue;
        }
        assert_ok(isa_force(isa_at(i)->name));
        for (int n = 1; n < 4; n++) {
            omp_set_num_threads(n);
            memset(got, 0, ALL * sizeof *got);
            all_sights(got);
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
        cmocka_unit_test(attention_is_the_derivative),
        cmocka_unit_test(bits_are_the_same_everywhere),
    };
    return cmocka_run_group_tests_name("grad_attention", tests, NULL, NULL);
}
