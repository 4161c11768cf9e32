/* Moments in 8 bits: the bits of their definition, made by a script that has nothing of this code; nobody's
 * threads, pieces or masters in them; what a code may lose. */
#include "lm/optim/moments.h"
#include "lm/optim/optim_rule.h"

#include "tests/golden/moments.inc"
#include "tests/lm/small.h"
#include "tests/support/formula.h"

#include <math.h>
#include <omp.h>

static uint64_t fnv(uint64_t h, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)bytes)[i]) * 0x100000001B3u;
    return h;
}

static void same(uint64_t got, uint64_t want, const char *what)
{
    if (got != want)
        fail_msg("%s: %016llx, not %016llx", what, (unsigned long long)got,
                 (unsigned long long)want);
}

static void steps_are_the_definitions(void **state)
{
    enum { BIG = ROWS * COLS, SMALL_ = FEW * 300 };
    static const uint64_t begin = 0xCBF29CE484222325u;
    const struct adamw conf = {0.9, 0.95, 1e-6, 0.1, OPTIM_ADAMW, {.nesterov = false}};
    struct tensor tensor[2] = {{.rows = ROWS, .cols = COLS, .at = 0, .decay = true},
                               {.rows = FEW, .cols = 300, .at = BIG, .decay = false}};
    const int threads = omp_get_max_threads();
    (void)state;

    for (int run = 0; run < 2; run++) {
        static float data[BIG + SMALL_], grad[BIG + SMALL_];
        struct params params = {.n = 2, .tensor = tensor, .count = BIG + SMALL_, .data = data};
        struct moments moments;
        const struct optim_target target = {
            .params = &params, .grad = grad, .moments = &moments};

        omp_set_num_threads(run ? 3 : 1);
        assert_ok(moments_new(&moments, &params, true));
        /* codes, a scale for each of three blocks of a row; floats */
        assert_int_equal(moments.bytes, BIG + ROWS * 3 * 4 + SMALL_ * 4);
        formula_fill(data, BIG, 1, 1.0f, 0.0f);
        formula_fill(data + BIG, SMALL_, 2, 1.0f, 0.0f);
        for (uint32_t t = 1; t <= STEPS; t++) {
            formula_fill(grad, BIG, 10 * t, 0.3f, 0.0f);
            formula_fill(grad + BIG, SMALL_, 10 * t + 1, 0.3f, 0.0f);
            memset(grad + 4 * COLS, 0, COLS * sizeof *grad);
            grad[2 * COLS + 300] *= 1000.0f;
            optim_rule_step(&conf, &target, t, 1e-2 / t);
        }
        for (size_t i = 0; i < BIG; i += 601)
            assert_memory_equal(&data[i], &golden_some[i / 601], sizeof *data);
        same(fnv(begin, data, sizeof data), golden_weights, "weights");
        same(fnv(begin, moments.m, moments.bytes), golden_first, "first moment");
        same(fnv(begin, moments.v, moments.bytes), golden_second, "second moment");
        moments_free(&moments);
    }
    omp_set_num_threads(threads);
}

/* A model's step with masters is that with a block of floats: moments and weights, of every rule that has
 * moments of these kinds. */
static void masters_change_nothing(void **state)
{
    static const enum optim_rule rules[] = {OPTIM_ADAMW, OPTIM_LION, OPTIM_RMSPROP};
    struct shape shape = small_shape[0];
    (void)state;

    shape.compute = PRECISION_BFLOAT16;
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        struct adamw conf = {0.9, 0.95, 1e-6, 0.1, rules[r], {.nesterov = false}};
        struct moments of_plain, moments;
        struct masters *masters;
        struct small plain, small;
        struct hash was, is;
        float *grad;

        small_new(&plain, &shape);
        small_new(&small, &shape);
        memset(small.image, 0, packed_size(&shape));
        assert_ok(masters_new(&masters, small.params, small.image, small.layout));
        assert_ok(moments_new(&of_plain, plain.params, true));
        assert_ok(moments_new(&moments, small.params, true));
        assert_true(moments.bytes < plain.params->count * sizeof(float) / 4 * 3);
        assert_int_equal(moments_size(plain.params, true), 2 * moments.bytes);
        grad = calloc(plain.params->count, sizeof *grad);
        assert_non_null(grad);
        for (uint32_t t = 1; t <= 3; t++) {
            const struct optim_target one = {
                .params = plain.params, .grad = grad, .moments = &of_plain};
            const struct optim_target other = {
                .params = small.params, .masters = masters, .grad = grad, .moments = &moments};

            formula_fill(grad, plain.params->count, 10 * t, 0.3f, 0.0f);
            optim_rule_step(&conf, &one, t, 1e-2 / t);
            optim_rule_step(&conf, &other, t, 1e-2 / t);
        }
        was = params_hash(plain.params);
        is = params_hash(small.params);
        assert_memory_equal(&was, &is, sizeof was);
        assert_memory_equal(of_plain.m, moments.m, moments.bytes);
        assert_memory_equal(of_plain.v, moments.v, moments.bytes);
        free(grad);
        moments_free(&of_plain);
        moments_free(&moments);
        masters_free(masters);
        small_free(&plain);
        small_free(&small);
    }
}

/* One row of 4096 values there and back. */
static void turned(float *m, float *v)
{
    struct tensor tensor = {.rows = 1, .cols = MOMENTS_LEAST, .at = 0};
    const struct params params = {.n = 1, .tensor = &tensor, .count = MOMENTS_LEAST};
    const struct moments_rows rows = {m, v};
    struct moments moments;

    assert_ok(moments_new(&moments, &params, true));
    moments_put(&moments, &params, 0, 0, 1, rows);
    moments_take(&moments, &params, 0, 0, 1, rows);
    moments_free(&moments);
}

static void a_code_loses_little(void **state)
{
    static float m[MOMENTS_LEAST], v[MOMENTS_LEAST], was_m[MOMENTS_LEAST], was_v[MOMENTS_LEAST];
    (void)state;

    formula_fill(m, MOMENTS_LEAST, 3, 1.0f, 0.0f);
    formula_fill(v, MOMENTS_LEAST, 4, 1.0f, 0.0f);
    for (int i = 0; i < MOMENTS_LEAST;
         i++) { /* many sizes, none and far too small ones among them */
        m[i] = i % 11 ? m[i] * m[i] * m[i] : 0.0f;
        v[i] = i % 13 == 0 ? 0.0f : i % 13 == 1 ? 1e-30f : v[i] * v[i] * v[i] * v[i];
    }
    memcpy(was_m, m, sizeof m);
    memcpy(was_v, v, sizeof v);
    turned(m, v);
    for (int b = 0; b < MOMENTS_LEAST; b += MOMENTS_BLOCK) {
        double most = 0, root = 0;

        for (int i = b; i < b + MOMENTS_BLOCK; i++) {
            most = fmax(most, fabs((double)was_m[i]));
            root = fmax(root, sqrt((double)was_v[i]));
        }
        for (int i = b; i < b + MOMENTS_BLOCK; i++) {
            /* roots are half a level away at most, but for one that must not vanish */
            const double a = sqrt(fabs((double)m[i]) / most) * 127;
            const double c = sqrt(fabs((double)was_m[i]) / most) * 127;
            const double e = sqrt(sqrt((double)v[i]) / root) * 255;
            const double g = sqrt(sqrt((double)was_v[i]) / root) * 255;

            assert_true(fabs(a - c) < 0.5001 &&
                        (m[i] == 0 || signbit(m[i]) == signbit(was_m[i])));
            assert_true(fabs(e - g) < 0.5001 || (g > 0 && e < 1.0001));
            assert_true((v[i] == 0) == (was_v[i] == 0));
        }
    }
}

/* Blocks of nothing, of numbers that have no inverse, of squares that have overflowed. */
static void edges_are_numbers(void **state)
{
    static float m[MOMENTS_LEAST], v[MOMENTS_LEAST];
    (void)state;

    for (int i = 0; i < MOMENTS_LEAST; i++) {
        const int block = i / MOMENTS_BLOCK;

        m[i] = block == 0 ? 0.0f : block == 1 ? -1e-42f : block == 2 ? 1e38f : -0.0f;
        v[i] = block == 0 ? 0.0f : block == 1 ? 1e-44f : block == 2 ? 1e38f : INFINITY;
    }
    turned(m, v);
    for (int i = 0; i < MOMENTS_LEAST; i++) {
        const int block = i / MOMENTS_BLOCK;

        assert_true(block == 2 ? fabsf(m[i] / 1e38f - 1) < 1e-6f : m[i] == 0.0f);
        if (block == 1)
            assert_true(v[i] >= 0 && v[i] < 1e-43f);
        else if (block > 2)
            assert_true(isinf(v[i]));
        else
            assert_true(block == 2 ? v[i] > 9.9e37f : v[i] == 0.0f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_the_definitions),
        cmocka_unit_test(masters_change_nothing),
        cmocka_unit_test(a_code_loses_little),
        cmocka_unit_test(edges_are_numbers),
    };

    return cmocka_run_group_tests_name("moments", tests, NULL, NULL);
}
