#include "lm/optim/optim.h"

#include "tests/golden/optim.inc"
#include "tests/lm/optim_step.h"
#include "tests/support/formula.h"
#include "tests/support/test.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { N = 37 };

static void adamw_follows_torch(void **state)
{
    (void)state;
    struct tensor tensor[2] = {{.rows = 1, .cols = N, .at = 0, .decay = true},
                               {.rows = 1, .cols = N, .at = 48, .decay = false}};
    float data[48 + N], grad[48 + N], m[48 + N] = {0}, v[48 + N] = {0};
    struct params params = {.n = 2, .tensor = tensor, .count = 48 + N, .data = data};
    const struct adamw conf = {0.9, 0.95, 1e-6, 0.1, OPTIM_ADAMW, {.nesterov = false}};

    memset(data, 0, sizeof data);
    memset(grad, 0, sizeof grad);
    formula_fill(data, N, 1, 1.0f, 0.0f);
    formula_fill(data + 48, N, 2, 1.0f, 0.0f);
    for (uint32_t t = 1; t <= 7; t++) {
        formula_fill(grad, N, 10 * t, 0.3f, 0.0f);
        formula_fill(grad + 48, N, 10 * t + 1, 0.3f, 0.0f);
        const double norm = optim_clip(grad, 48 + N, 1.0);
        assert_true(fabs(norm - adamw_norm[t - 1]) < 1e-6);
        optim_step(&conf, &params, grad, m, v, t, 1e-2 / t);
    }
    for (int i = 0; i < N; i++) {
        assert_true(fabs(data[i] - adamw_a[i]) < 3e-7);
        assert_true(fabs(data[48 + i] - adamw_b[i]) < 3e-7);
    }
    for (int i = N; i < 48; i++) /* what lies between tensors is nobody's */
        assert_true(data[i] == 0.0f);
}

static void schedules_follow_transformers(void **state)
{
    (void)state;
    const size_t cases = sizeof golden_case / sizeof *golden_case;

    for (size_t c = 0; c < cases; c++) {
        enum schedule schedule;
        assert_ok(optim_schedule(&schedule, golden_case[c].name));
        struct schedule_plan plan =
            optim_plan(schedule, golden_peak, GOLDEN_WARM, GOLDEN_TOTAL);
        double *const field[] = {
            &plan.num_cycles,      &plan.lr_end,           &plan.power,
            &plan.min_lr,          &plan.min_lr_rate,      &plan.timescale,
            &plan.num_decay_steps, &plan.num_stable_steps, &plan.min_lr_ratio};
        for (size_t i = 0; i < sizeof field / sizeof *field; i++)
            if (!isnan(golden_case[c].value[i]))
                *field[i] = golden_case[c].value[i];
        if (golden_case[c].ramp[0] >= 0)
            plan.warmup_type = (enum ramp)golden_case[c].ramp[0];
        if (golden_case[c].ramp[1] >= 0)
            plan.decay_type = (enum ramp)golden_case[c].ramp[1];
        assert_ok(optim_plan_check(&plan));
        for (int t = 0; t < GOLDEN_STEPS; t++) {
            const double want = golden_factor[c * GOLDEN_STEPS + (size_t)t];
            const double got = optim_rate(&plan, t) / golden_peak;
            if (!(fabs(got - want) < 1e-12))
                fail_msg("case %zu (%s), step %d: %.17g, not %.17g", c, golden_case[c].name, t,
                         got, want);
        }
    }
}

static void factors_need_no_arguments(void **state)
{
    (void)state;
    static const char *const names[] = {"linear", "cosine", "constant", "constant_with_warmup"};

    for (size_t c = 0; c < 4; c++) {
        enum schedule schedule;
        assert_ok(optim_schedule(&schedule, names[c]));
        for (int t = 0; t < GOLDEN_STEPS; t++)
            assert_true(fabs(optim_factor(schedule, t, GOLDEN_WARM, GOLDEN_TOTAL) -
                             golden_factor[c * GOLDEN_STEPS + (size_t)t]) < 1e-12);
    }
    assert_true(optim_factor(SCHEDULE_LINEAR, 0, 0, 10) == 1.0); /* no warm-up */
    assert_true(optim_factor(SCHEDULE_COSINE_MIN, 40, 7, 40) < 1e-12);
    assert_true(optim_factor(SCHEDULE_POLYNOMIAL, 40, 7, 40) == 0.0);
}

static void bad_schedules_are_refused(void **state)
{
    (void)state;
    enum schedule schedule;
    enum ramp ramp;
    struct schedule_plan plan;

    assert_err(ERR_RANGE, optim_schedule(&schedule, "cosin"));
    assert_non_null(strstr(err_text(), "warmup_stable_decay"));
    assert_err(ERR_RANGE, optim_ramp(&ramp, "sqrt"));
    plan = optim_plan(SCHEDULE_COSINE_MIN, 1e-3, 1, 10);
    assert_err(ERR_RANGE, optim_plan_check(&plan));
    plan.min_lr = plan.min_lr_rate = 1e-4;
    assert_err(ERR_RANGE, optim_plan_check(&plan));
    plan = optim_plan(SCHEDULE_STABLE, 1e-3, 1, 10);
    assert_err(ERR_RANGE, optim_plan_check(&plan));
    plan = optim_plan(SCHEDULE_POLYNOMIAL, 1e-8, 1, 10);
    assert_err(ERR_RANGE, optim_plan_check(&plan));
}

/* Norm and step of a block longer than a chunk, with 1 and 3 threads. */
static void threads_do_not_change_bits(void **state)
{
    (void)state;
    const size_t n = 100003;
    struct tensor tensor = {.rows = 1, .cols = (int)n, .at = 0, .decay = true};
    float *block = calloc(8 * n, sizeof *block);
    double norm[2];
    const int threads = omp_get_max_threads();

    assert_non_null(block);
    for (int run = 0; run < 2; run++) {
        float *data = block + (size_t)run * 4 * n, *grad = data + n, *m = grad + n, *v = m + n;
        struct params params = {.n = 1, .tensor = &tensor, .count = n, .data = data};
        const struct adamw conf = {0.9, 0.999, 1e-8, 0.01, OPTIM_ADAMW, {.nesterov = false}};

        omp_set_num_threads(run ? 3 : 1);
        formula_fill(data, n, 1, 1.0f, 0.0f);
        formula_fill(grad, n, 2, 1.0f, 0.0f);
        norm[run] = optim_clip(grad, n, 1.0);
        optim_step(&conf, &params, grad, m, v, 1, 1e-3);
    }
    omp_set_num_threads(threads);
    assert_true(norm[0] == norm[1]);
    assert_memory_equal(block, block + 4 * n, 4 * n * sizeof *block);
    double exact = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double g = (double)formula((uint32_t)i, 2);
        exact += g * g;
    }
    assert_true(fabs(norm[0] - sqrt(exact)) < 1e-9 * norm[0]);
    free(block);
}

/* Where a thread's share ends: between two pieces, on their border, within one; of weights that decay and not. */
static void each_row_moves_once(void **state)
{
    enum { WEIGHTS = 6, COLS = 1024, ROWS = 64, MOST = 13, ALL = WEIGHTS * ROWS * COLS };
    const struct adamw conf = {.rule = OPTIM_SGD, .weight_decay = 0.5};
    float *const data = calloc(2 * ALL, sizeof *data), *const grad = data + ALL;
    const int threads = omp_get_max_threads();
    struct tensor tensor[WEIGHTS];

    (void)state;
    for (int t = 1; t <= MOST; t++) {
        struct params params = {.n = WEIGHTS, .tensor = tensor, .data = data};

        for (int i = 0; i < WEIGHTS; i++) {
            /* six alike are divided on borders by 2, 3, 4 and 6 threads */
            const int rows = i == 4 && t % 5 == 0 ? 1 : ROWS;

            tensor[i] =
                (struct tensor){.rows = rows, .cols = COLS, .at = params.count, .decay = i % 2};
            params.count += (size_t)rows * COLS;
        }
        omp_set_num_threads(t);
        for (size_t i = 0; i < params.count; i++)
            data[i] = grad[i] = 1.0f;
        optim_step(&conf, &params, grad, NULL, NULL, 1, 0.25);
        for (int w = 0; w < WEIGHTS; w++)
            for (size_t i = 0; i < (size_t)tensor[w].rows * COLS; i++)
                assert_true(data[tensor[w].at + i] == (w % 2 ? 0.625f : 0.75f));
    }
    omp_set_num_threads(threads);
    free(data);
}

static void a_small_gradient_is_not_scaled(void **state)
{
    (void)state;
    float g[3] = {0.3f, 0.0f, 0.4f};

    assert_true(fabs(optim_clip(g, 3, 1.0) - 0.5) < 1e-7);
    assert_true(g[0] == 0.3f && g[2] == 0.4f);
    assert_true(fabs(optim_clip(g, 3, 0.0) - 0.5) < 1e-7);
    assert_true(g[0] == 0.3f);
    (void)optim_clip(g, 3, 0.25);
    assert_true(fabsf(g[0] - 0.15f) < 1e-6f && fabsf(g[2] - 0.2f) < 1e-6f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adamw_follows_torch),
        cmocka_unit_test(schedules_follow_transformers),
        cmocka_unit_test(factors_need_no_arguments),
        cmocka_unit_test(bad_schedules_are_refused),
        cmocka_unit_test(threads_do_not_change_bits),
        cmocka_unit_test(each_row_moves_once),
        cmocka_unit_test(a_small_gradient_is_not_scaled),
    };
    return cmocka_run_group_tests_name("optim", tests, NULL, NULL);
}
