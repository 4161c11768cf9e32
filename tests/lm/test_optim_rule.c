/* Rules other than AdamW against torch's, bitsandbytes' and transformers' own lines, in double (and
 * against runs of theirs: learner/parity_keys); cosine_warmup_with_min_lr against numbers of
 * transformers 5 (_get_cosine_with_min_lr_schedule_with_warmup_lr_rate_lambda). */
#include "lm/optim/optim_rule.h"

#include "tests/lm/optim_step.h"
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

/* The same with arguments, SGD's momentum buffer beginning as the gradient; bitsandbytes' Lion,
 * decay first. m, v: what is remembered. */
static double argued_step(const struct adamw *c, double p, double g, double decay, double rate,
                          int t, double *m, double *v)
{
    const struct optim_args *const a = &c->args;

    if (c->rule == OPTIM_LION) {
        const double u = c->beta1 * *m + (1 - c->beta1) * g;
        p *= 1 - rate * decay;
        *m = c->beta2 * *m + (1 - c->beta2) * g;
        return p - rate * (u > 0 ? 1 : u < 0 ? -1 : 0);
    }
    g += decay * p;
    if (c->rule == OPTIM_SGD) {
        *m = t == 1 ? g : a->momentum * *m + (1 - a->dampening) * g;
        return p - rate * (a->nesterov ? g + a->momentum * *m : *m);
    }
    if (c->rule == OPTIM_RMSPROP) {
        *v = *v * a->alpha + g * g * (1 - a->alpha);
        return p - rate * g / (sqrt(*v) + a->epsilon);
    }
    *v += g * g;
    return p - rate / (1 + (t - 1) * a->lr_decay) * g / (sqrt(*v) + a->epsilon);
}

static void arguments_are_torchs(void **state)
{
    static const struct {
        enum optim_rule rule;
        const char *args;
    } rows[] = {
        {OPTIM_SGD, "momentum=0.9"},
        {OPTIM_SGD, "momentum=0.8, dampening=0.3"},
        {OPTIM_SGD, "momentum=0.7,nesterov=true,weight_decay=5"},
        {OPTIM_RMSPROP, "alpha=0.8,eps=1e-4"},
        {OPTIM_ADAGRAD, "lr_decay=0.5,eps=1e-3"},
        {OPTIM_LION, NULL},
    };
    (void)state;

    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct tensor tensor = {.rows = 1, .cols = N, .at = 0, .decay = true};
        float data[N], grad[N], m[N] = {0}, v[N] = {0};
        double want[N], seen_m[N] = {0}, seen_v[N] = {0};
        struct params params = {.n = 1, .tensor = &tensor, .count = N, .data = data};
        struct adamw conf = {
            .beta1 = .9, .beta2 = .99, .weight_decay = .1, .rule = rows[r].rule};
        const char *unread;

        assert_ok(optim_rule_args(&conf.args, &unread, conf.rule, rows[r].args));
        assert_true((unread != NULL) == (r == 2));
        formula_fill(data, N, 1, 1.0f, 0.0f);
        for (int i = 0; i < N; i++)
            want[i] = (double)data[i];
        for (int t = 1; t <= STEPS; t++) {
            formula_fill(grad, N, 10 * (uint32_t)t, 0.3f, 0.0f);
            grad[3] = 0; /* of Lion no step, of the others none but the decay's */
            optim_step(&conf, &params, grad, m, v, t, 1e-2 / t);
            for (int i = 0; i < N; i++)
                want[i] = argued_step(&conf, want[i], (double)grad[i], .1, 1e-2 / t, t,
                                      &seen_m[i], &seen_v[i]);
        }
        for (int i = 0; i < N; i++)
            if (!(fabs((double)data[i] - want[i]) < 1e-6))
                fail_msg("row %zu, weight %d: %.9g, not %.9g", r, i, (double)data[i], want[i]);
    }
}

static void wrong_arguments_are_named(void **state)
{
    static const struct {
        enum optim_rule rule;
        const char *args, *words;
    } rows[] = {
        {OPTIM_SGD, "momentum", "name=value"},
        {OPTIM_SGD, "momentum=x", "not a number"},
        {OPTIM_SGD, "momentum=1", "out of range"},
        {OPTIM_SGD, "momentum=nan", "out of range"},
        {OPTIM_SGD, "nesterov=true", "needs momentum"},
        {OPTIM_SGD, "alpha=0.5", "'alpha'"},
        {OPTIM_RMSPROP, "centered=true", "'centered'"},
    };
    struct optim_args args;
    (void)state;

    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        assert_true(optim_rule_args(&args, NULL, rows[r].rule, rows[r].args) != OK);
        if (!strstr(err_text(), rows[r].words))
            fail_msg("%s: '%s'", rows[r].args, err_text());
    }
    assert_ok(optim_rule_args(&args, NULL, OPTIM_SGD, NULL));
    assert_ok(optim_rule_args(&args, NULL, OPTIM_SGD, " "));
}

enum { ROWS = 5, COLS = 300 }; /* more columns than a thread takes at once */

/* transformers' Adafactor of a matrix (factored) or a vector, the rate given and not scaled by the
 * weights. row, col: what is remembered. */
static void adafactor_step(double *p, const float *g, int rows, int cols, bool factored,
                           double decay, double rate, int t, double *row, double *col)
{
    const double keep = 1 - pow(t, -0.8);
    double mean = 0, sum = 0, scale;

    for (int i = 0; i < rows * cols; i++) {
        const double square = (double)g[i] * (double)g[i] + 1e-30;
        if (!factored) {
            row[i] = row[i] * keep + square * (1 - keep);
            continue;
        }
        if (i % cols == 0)
            row[i / cols] *= keep;
        if (i / cols == 0)
            col[i] *= keep;
        row[i / cols] += square / cols * (1 - keep);
        col[i % cols] += square / rows * (1 - keep);
    }
    for (int i = 0; i < rows; i++)
        mean += row[i] / rows;
    for (int pass = 0; pass < 2; pass++) {
        scale = pass ? rate / fmax(1, sqrt(sum / (rows * cols))) : 0;
        for (int i = 0; i < rows * cols; i++) {
            const double u =
                factored ? (double)g[i] / sqrt(row[i / cols] / mean) / sqrt(col[i % cols])
                         : (double)g[i] / sqrt(row[i]);
            if (pass)
                p[i] = p[i] - decay * rate * p[i] - scale * u;
            else
                sum += u * u;
        }
    }
}

static void adafactor_follows_transformers(void **state)
{
    enum { AT = 1504, ONE = AT + 304, ALL = ONE + COLS };
    struct tensor tensor[3] = {
        {.rows = ROWS, .cols = COLS, .at = 0, .decay = true},
        {.rows = 1, .cols = COLS, .at = AT, .decay = false}, /* a norm: each square is kept */
        {.rows = 1, .cols = COLS, .at = ONE, .decay = true}, /* a score: a matrix of one row */
    };
    static float data[ALL], grad[ALL], m[ALL], v[ALL];
    static double want[ALL], row[ALL], col[ALL];
    struct params params = {.n = 3, .tensor = tensor, .count = ALL, .data = data};
    const struct adamw conf = {.weight_decay = .1, .rule = OPTIM_ADAFACTOR};
    (void)state;

    formula_fill(data, ALL, 1, 1.0f, 0.0f);
    for (int i = 0; i < ALL; i++)
        want[i] = (double)data[i];
    for (int t = 1; t <= STEPS; t++) {
        formula_fill(grad, ALL, 10 * (uint32_t)t, t == 2 ? 30.0f : 0.3f, 0.0f);
        memset(grad + COLS, 0, COLS * sizeof *grad); /* a token that no batch had */
        optim_step(&conf, &params, grad, m, v, t, 1e-2 / t);
        for (int k = 0; k < 3; k++) {
            const size_t at = tensor[k].at;
            adafactor_step(want + at, grad + at, tensor[k].rows, COLS, tensor[k].decay,
                           tensor[k].decay ? .1 : 0, 1e-2 / t, t, row + at, col + at);
        }
    }
    for (int k = 0; k < 3; k++)
        for (size_t i = tensor[k].at; i < tensor[k].at + (size_t)tensor[k].rows * COLS; i++)
            if (!(fabs((double)data[i] - want[i]) < 2e-6))
                fail_msg("tensor %d, weight %zu: %.9g, not %.9g", k, i, (double)data[i],
                         want[i]);
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
            optim_step(&conf, &params, grad, m, v, t, 1e-2 / t);
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
        assert_ok(optim_rule_named(&rule, NULL, adamw[i]));
        assert_int_equal(rule, OPTIM_ADAMW);
    }
    assert_ok(optim_rule_named(&rule, NULL, "rmsprop"));
    assert_int_equal(rule, OPTIM_RMSPROP);
    assert_ok(optim_rule_named(&rule, NULL, "adafactor"));
    assert_int_equal(rule, OPTIM_ADAFACTOR);
    assert_ok(optim_rule_named(&rule, NULL, "paged_lion_8bit"));
    assert_int_equal(rule, OPTIM_LION);
    assert_err(ERR_RANGE, optim_rule_named(&rule, NULL, "galore_adamw"));
    for (size_t i = 0; i < sizeof adamw / sizeof *adamw; i++) {
        bool eight;

        assert_ok(optim_rule_named(&rule, &eight, adamw[i]));
        assert_int_equal(eight, i == 2 || i == 4);
    }
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
        cmocka_unit_test(arguments_are_torchs),
        cmocka_unit_test(wrong_arguments_are_named),
        cmocka_unit_test(adafactor_follows_transformers),
        cmocka_unit_test(names_are_transformers),
        cmocka_unit_test(a_warm_cosine_follows_transformers),
    };

    return cmocka_run_group_tests_name("optim_rule", tests, NULL, NULL);
}
