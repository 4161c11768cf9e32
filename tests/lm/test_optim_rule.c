/* Rules other than AdamW against torch's own lines, in double; cosine_warmup_with_min_lr against
 * numbers of transformers 5 (_get_cosine_with_min_lr_schedule_with_warmup_lr_rate_lambda). */
#include "lm/optim/optim_rule.h"

#include "tests/support/formula.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

enum { N = 37, STEPS = 6 };

/* torch/optim/{sgd,rmsprop,adagrad}.py, one weight: L2 decay, no momentum, not centred. */
static double torch_step(enum optim_rule rule, double p, double g, double decay, double rate,
                         double *v)
{
    g += decay * p;
    if (rule == OPTIM_SGD)
        return p - rate * g;
    if (rule == OPTIM_RMSPROP) {
        *v = *v * .99 + g * g * (1 - .99);
        return p - rate * g / (sqrt(*v) + 1e-8);
    }
    *v += g * g;
    return p - rate * g / (sqrt(*v) + 1e-10);
}

static void rules_follow_torch(void **state)
{
    static const enum optim_rule rules[] = {OPTIM_SGD, OPTIM_RMSPROP, OPTIM_ADAGRAD};
    (void)state;

    for (size_t r = 0; r < 3; r++) {
        struct tensor tensor[2] = {{.rows = 1, .cols = N, .at = 0, .decay = true},
                                   {.rows = 1, .cols = N, .at = 48, .decay = false}};
        float data[48 + N] = {0}, grad[48 + N] = {0}, m[48 + N] = {0}, v[48 + N] = {0};
        double want[48 + N] = {0}, seen[48 + N] = {0};
        struct params params = {.n = 2, .tensor = tensor, .count = 48 + N, .data = data};
        const struct adamw conf = {.weight_decay = .1, .rule = rules[r]};

        formula_fill(data, N, 1, 1.0f, 0.0f);
        formula_fill(data + 48, N, 2, 1.0f, 0.0f);
        for (int i = 0; i < 48 + N; i++)
            want[i] = data[i];
        for (uint32_t t = 1; t <= STEPS; t++) {
            formula_fill(grad, N, 10 * t, 0.3f, 0.0f);
            formula_fill(grad + 48, N, 10 * t + 1, 0.3f, 0.0f);
            optim_rule_step(&conf, &params, grad, m, v, t, 1e-2 / t);
            for (int i = 0; i < 48 + N; i++)
                if (i < N || i >= 48)
                    want[i] = torch_step(rules[r], want[i], grad[i], i < N ? .1 : 0, 1e-2 / t,
                                         &seen[i]);
        }
        for (int i = 0; i < 48 + N; i++) {
            if (!(fabs(data[i] - want[i]) < 1e-6))
                fail_msg("rule %zu, weight %d: %.9g, not %.9g", r, i, (double)data[i], want[i]);
            assert_true(m[i] == 0.0f); /* none of them has a first moment */
        }
        assert_true(rules[r] != OPTIM_SGD || v[0] == 0.0f);
        assert_true(data[N] == 0.0f); /* what lies between tensors is nobody's */
    }
}

static void names_are_transformers(void **state)
{
    static const char *const adamw[] = {"adamw_torch",    "adamw_torch_fused",
                                        "adamw_bnb_8bit", "paged_adamw_32bit",
                                        "adamw_8bit",     "adamw_hf"};
    enum optim_rule rule;
    (void)state;

    for (size_t i = 0; i < sizeof adamw / sizeof *adamw; i++) {
        assert_ok(optim_rule_named(&rule, adamw[i]));
        assert_int_equal(rule, OPTIM_ADAMW);
    }
    assert_ok(optim_rule_named(&rule, "rmsprop"));
    assert_int_equal(rule, OPTIM_RMSPROP);
    assert_err(ERR_RANGE, optim_rule_named(&rule, "adafactor"));
    assert_err(ERR_RANGE, optim_rule_named(&rule, "galore_adamw"));
}

static void a_warm_cosine_follows_transformers(void **state)
{
    static const int at[] = {0, 3, 6, 7, 20, 39};
    static const struct {
        double low, from, want[6];
    } cases[] = {
        {0.1, NAN, {1.0 / 7, 4.0 / 7, 1.0, 0.997962365157888, 0.6560915209792423, 0.1}},
        {0.25, 0.2, {0.2, 0.6, 1.0, 0.9983019709649067, 0.7134096008160353, 0.25}},
    };
    enum schedule schedule;
    (void)state;

    assert_ok(optim_schedule(&schedule, "cosine_warmup_with_min_lr"));
    for (size_t c = 0; c < 2; c++) {
        struct schedule_plan plan = optim_plan(schedule, 1.0, 7, 40);
        assert_err(ERR_RANGE, optim_plan_check(&plan));
        plan.min_lr_rate = cases[c].low;
        plan.warmup_lr_rate = cases[c].from;
        assert_ok(optim_plan_check(&plan));
        for (size_t i = 0; i < 6; i++)
            if (!(fabs(optim_rate(&plan, at[i]) - cases[c].want[i]) < 1e-12))
                fail_msg("case %zu, step %d: %.17g, not %.17g", c, at[i],
                         optim_rate(&plan, at[i]), cases[c].want[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_follow_torch),
        cmocka_unit_test(names_are_transformers),
        cmocka_unit_test(a_warm_cosine_follows_transformers),
    };

    return cmocka_run_group_tests_name("optim_rule", tests, NULL, NULL);
}
