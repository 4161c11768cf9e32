/* The direct methods' losses and slopes: TRL's own code on random inputs
 * (tests/golden/direct_losses.py), the values of reference formulas in double precision, finite
 * differences of everything, and what must be equal to what. */
#include "learner/objective/logistic.h"
#include "learner/objective/objective_cpo.h"
#include "learner/objective/objective_dpo.h"
#include "learner/objective/objective_kto.h"
#include "learner/objective/objective_orpo.h"
#include "learner/objective/objective_simpo.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

enum { PAIRS = 4, ROWS = 2 * PAIRS, MOST = 64 };

/* A packed batch: a prompt of two tokens (none for rejected answers when shared), then the
 * answer. Pairs are 2i, 2i+1; TRL's file has all chosen, then all rejected. */
struct objective_bed {
    int n, seq[ROWS + 1], row[ROWS]; /* row of TRL's for each sequence */
    uint8_t learn[MOST];
    float logprob[MOST], reference[MOST], square[MOST];
    float weight[ROWS], soft[ROWS], drift[ROWS];
    int8_t label[ROWS];
    float slope[MOST];
};

static json_t *golden;

static double at(const json_t *list, size_t i, size_t k)
{
    return json_number_value(json_array_get(json_array_get(list, i), k));
}

static void fill(struct objective_bed *toy, bool pairs, uint8_t prompt)
{
    const json_t *logprob = json_object_get(golden, "logprob");
    const json_t *head = json_object_get(golden, "prompt_logprob");

    memset(toy, 0, sizeof(*toy));
    for (int s = 0; s < ROWS; s++) {
        const int row = toy->row[s] = pairs ? s / 2 + s % 2 * PAIRS : s;
        const size_t n = json_array_size(json_array_get(logprob, (size_t)row));
        toy->seq[s] = toy->n;
        toy->weight[s] = toy->soft[s] = 1;
        toy->label[s] = (int8_t)json_integer_value(
            json_array_get(json_object_get(golden, "label"), (size_t)row));
        toy->drift[s] = (float)json_number_value(
            json_array_get(json_object_get(golden, "drift"), (size_t)row));
        if (row < PAIRS)
            toy->logprob[toy->n + 1] =
                (float)json_number_value(json_array_get(head, (size_t)row));
        toy->learn[toy->n + 1] = row < PAIRS ? prompt : 0;
        toy->n += 2;
        for (size_t k = 0; k < n; k++, toy->n++) {
            toy->learn[toy->n] = 1;
            toy->logprob[toy->n] = (float)at(logprob, (size_t)row, k);
            toy->reference[toy->n] =
                (float)at(json_object_get(golden, "reference"), (size_t)row, k);
            toy->square[toy->n] = (float)at(json_object_get(golden, "square"), (size_t)row, k);
        }
        toy->seq[s + 1] = toy->n;
    }
    assert_true(toy->n <= MOST);
}

static struct objective_in inputs(const struct objective_bed *toy)
{
    return (struct objective_in){.n = toy->n,
                                 .n_seq = ROWS,
                                 .seq = toy->seq,
                                 .learn = toy->learn,
                                 .logprob = toy->logprob,
                                 .reference = toy->reference,
                                 .square = toy->square,
                                 .seq_weight = toy->weight,
                                 .seq_soft = toy->soft,
                                 .seq_label = toy->label,
                                 .seq_kl_baseline = toy->drift};
}

struct direct_case {
    const struct objective *objective;
    struct objective_dpo_conf dpo;
    struct objective_cpo_conf cpo;
    struct objective_kto_conf kto;
    struct objective_orpo_conf orpo;
    struct objective_simpo_conf simpo;
};

static const void *conf_of(const struct direct_case *m)
{
    return m->objective == &objective_dpo    ? (const void *)&m->dpo
           : m->objective == &objective_cpo  ? (const void *)&m->cpo
           : m->objective == &objective_kto  ? (const void *)&m->kto
           : m->objective == &objective_orpo ? (const void *)&m->orpo
                                             : (const void *)&m->simpo;
}

static double run(const struct direct_case *m, struct objective_bed *toy,
                  struct objective_out *out)
{
    struct objective_in in = inputs(toy);

    in.normaliser = m->objective->count(&in);
    in.step_tokens = m->objective->count_tokens ? m->objective->count_tokens(&in) : 0;
    *out = (struct objective_out){.dlogprob = toy->slope};
    m->objective->run(conf_of(m), &in, out);
    return out->loss;
}

static double number(const json_t *conf, const char *key, double otherwise)
{
    const json_t *value = json_object_get(conf, key);

    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static void read_dpo(struct objective_dpo_conf *out, const json_t *conf)
{
    static const char *const names[] = {"reverse_kl", "forward_kl", "js_divergence",
                                        "alpha_divergence"};
    const json_t *types = json_object_get(conf, "loss_types");

    *out = (struct objective_dpo_conf){
        .terms = (int)json_array_size(types),
        .beta = number(conf, "beta", 0),
        .label_smoothing = number(conf, "label_smoothing", 0),
        .alpha = number(conf, "f_alpha_divergence_coef", 0),
        .ld_alpha = number(conf, "ld_alpha", 1),
        .tau = number(conf, "discopop_tau", 0),
        .use_weighting = json_is_true(json_object_get(conf, "use_weighting"))};
    for (int i = 0; i < 4; i++)
        if (!strcmp(names[i], json_string_value(json_object_get(conf, "f_divergence_type"))))
            out->divergence = (enum objective_dpo_divergence)i;
    for (int i = 0; i < out->terms; i++) {
        const int kind =
            objective_dpo_kind(json_string_value(json_array_get(types, (size_t)i)));
        assert_true(kind >= 0);
        out->term[i].kind = (enum objective_dpo_kind)kind;
        out->term[i].weight =
            json_number_value(json_array_get(json_object_get(conf, "loss_weights"), (size_t)i));
    }
}

static const struct objective *objective_of(const char *name)
{
    static const struct objective *const all[] = {
        &objective_dpo, &objective_simpo, &objective_orpo, &objective_cpo, &objective_kto};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i]->name, name))
            return all[i];
    return NULL;
}

static void read_method(struct direct_case *m, const json_t *item)
{
    static const char *const cpo[] = {"sigmoid", "hinge", "ipo"};
    const json_t *conf = json_object_get(item, "conf");
    const char *type = json_string_value(json_object_get(conf, "loss_type"));

    memset(m, 0, sizeof(*m));
    m->objective = objective_of(json_string_value(json_object_get(item, "method")));
    assert_non_null(m->objective);
    if (m->objective == &objective_dpo)
        read_dpo(&m->dpo, conf);
    m->orpo.beta = number(conf, "beta", 0);
    m->kto = (struct objective_kto_conf){
        number(conf, "beta", 0), number(conf, "desirable_weight", 1),
        number(conf, "undesirable_weight", 1), type && !strcmp(type, "kto")};
    m->cpo = (struct objective_cpo_conf){.mean = type && !strcmp(type, "simpo"),
                                         .beta = number(conf, "beta", 0),
                                         .label_smoothing = number(conf, "label_smoothing", 0),
                                         .likelihood = number(conf, "cpo_alpha", 0),
                                         .alpha = number(conf, "alpha", 0)};
    if (m->cpo.mean)
        m->cpo.gamma = number(conf, "simpo_gamma", 0);
    for (int i = 0; type && i < 3; i++)
        if (!strcmp(cpo[i], type))
            m->cpo.kind = (enum objective_cpo_kind)i;
}

static double slack(double want)
{
    return 1e-6 * fmax(1, fabs(want));
}

static void same_metrics(size_t c, const struct objective_out *out, const json_t *want)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)want, key, value)
    {
        bool found = false;
        for (int i = 0; i < out->metrics; i++) {
            const struct objective_metric *m = &out->metric[i];
            const double a = json_number_value(value), b = m->sum / m->weight;
            if (strcmp(m->name, key))
                continue;
            found = true;
            if (!(fabs(a - b) <= 4 * slack(a)))
                fail_msg("case %zu, %s: %.9g, TRL has %.9g", c, key, b, a);
        }
        if (!found)
            fail_msg("case %zu: no %s", c, key);
    }
}

static void losses_and_slopes_are_trls(void **state)
{
    const json_t *cases = json_object_get(golden, "cases");
    (void)state;

    assert_int_equal(json_array_size(cases), 70);
    for (size_t c = 0; c < json_array_size(cases); c++) {
        const json_t *item = json_array_get(cases, c), *slope = json_object_get(item, "slope");
        const json_t *head = json_object_get(item, "prompt_slope");
        const double want = json_number_value(json_object_get(item, "loss"));
        struct objective_out out;
        struct direct_case m;
        struct objective_bed toy;
        double got;
        read_method(&m, item);
        fill(&toy, m.objective != &objective_kto, m.objective == &objective_orpo ? 2 : 0);
        got = run(&m, &toy, &out);
        if (!(fabs(got - want) <= slack(want)))
            fail_msg("case %zu: loss %.9g, TRL has %.9g", c, got, want);
        for (int s = 0; s < ROWS; s++)
            for (int i = toy.seq[s]; i < toy.seq[s + 1]; i++) {
                const int k = i - toy.seq[s];
                const double a =
                    k >= 2 ? at(slope, (size_t)toy.row[s], (size_t)k - 2)
                    : k == 1 && head && toy.row[s] < PAIRS
                        ? json_number_value(json_array_get(head, (size_t)toy.row[s]))
                        : 0;
                if (!(fabs((double)toy.slope[i] - a) <= slack(a)))
                    fail_msg("case %zu, sequence %d, token %d: slope %.9g, TRL has %.9g", c, s,
                             k, (double)toy.slope[i], a);
            }
        same_metrics(c, &out, json_object_get(item, "metrics"));
    }
}

/* Differences of the loss in every log-probability, for every case with weights and votes. */
static void slopes_are_the_differences(void **state)
{
    const json_t *cases = json_object_get(golden, "cases");
    (void)state;

    for (size_t c = 0; c < json_array_size(cases); c++) {
        struct objective_out out;
        struct direct_case m;
        struct objective_bed toy;
        float slope[MOST];
        read_method(&m, json_array_get(cases, c));
        if (m.dpo.use_weighting) /* a weight has no slope */
            continue;
        fill(&toy, m.objective != &objective_kto, m.objective == &objective_orpo ? 2 : 0);
        for (int s = 0; s < ROWS; s++)
            toy.weight[s] = m.dpo.term[0].kind < DPO_AOT ? .5f + .25f * (float)(s / 2) : 1;
        for (int s = 0; m.dpo.terms && m.dpo.term[0].kind < DPO_AOT && s < ROWS; s++)
            toy.soft[s] = 1 - .15f * (float)(s / 2);
        (void)run(&m, &toy, &out);
        memcpy(slope, toy.slope, sizeof(slope));
        for (int i = 0; i < toy.n; i++) {
            const float was = toy.logprob[i], up = was + 0x1p-9f, down = was - 0x1p-9f;
            double high, low, got;
            toy.logprob[i] = up;
            high = run(&m, &toy, &out);
            toy.logprob[i] = down;
            low = run(&m, &toy, &out);
            toy.logprob[i] = was;
            got = (high - low) / (double)(up - down);
            if (!(fabs(got - (double)slope[i]) <= 2e-4 * fmax(.01, fabs(got))))
                fail_msg("case %zu, token %d: %.7g, differences give %.7g", c, i,
                         (double)slope[i], got);
        }
    }
}

/* One pair of six and eight tokens with sums -12, -20 and reference -13, -18. */
static double one_pair(const struct objective *o, const void *conf, const float *soft)
{
    float logprob[14], reference[14], slope[14];
    uint8_t learn[14];
    const int seq[] = {0, 6, 14};
    struct objective_out out = {.dlogprob = slope};

    for (int i = 0; i < 14; i++) {
        logprob[i] = i < 6 ? -2 : -2.5f;
        reference[i] = i < 6 ? (i ? -2 : -3) : -2.25f;
        learn[i] = 1;
    }
    const struct objective_in in = {.n = 14,
                                    .n_seq = 2,
                                    .seq = seq,
                                    .learn = learn,
                                    .logprob = logprob,
                                    .reference = reference,
                                    .seq_soft = soft,
                                    .normaliser = 1};
    o->run(conf, &in, &out);
    return out.loss;
}

static struct objective_dpo_conf plain(enum objective_dpo_kind kind)
{
    return (struct objective_dpo_conf){
        .terms = 1, .term = {{kind, 1}}, .beta = .1, .ld_alpha = 1, .alpha = .5, .tau = .05};
}

/* Formulas transcribed apart from TRL, in double precision. */
static void known_values(void **state)
{
    static const struct {
        enum objective_dpo_kind kind;
        double smoothing;
        enum objective_dpo_divergence divergence;
        double want;
    } rows[] = {
        {DPO_SIGMOID, 0, DPO_REVERSE_KL, .554355244},
        {DPO_CDPO, .1, DPO_REVERSE_KL, .584355244},
        {DPO_ROBUST, .1, DPO_REVERSE_KL, .516855244},
        {DPO_HINGE, 0, DPO_REVERSE_KL, .7},
        {DPO_IPO, 0, DPO_REVERSE_KL, 21.006944444},
        {DPO_EXO, 1e-3, DPO_REVERSE_KL, 2.258199192},
        {DPO_NCA, 0, DPO_REVERSE_KL, 1.315664425},
        {DPO_BCO, 0, DPO_REVERSE_KL, 1.242535529},
        {DPO_SPPO, 0, DPO_REVERSE_KL, 25.0},
        {DPO_AOT, 0, DPO_REVERSE_KL, .554355244},
        {DPO_APO_ZERO, 0, DPO_REVERSE_KL, .925186815},
        {DPO_APO_DOWN, 0, DPO_REVERSE_KL, .950536671},
        {DPO_DISCOPOP, 0, DPO_REVERSE_KL, .740357168},
        {DPO_SIGMOID_NORM, 0, DPO_REVERSE_KL, .672530845},
        {DPO_SIGMOID, 0, DPO_FORWARD_KL, .402483879},
        {DPO_SIGMOID, 0, DPO_JS, .606569973},
        {DPO_SIGMOID, 0, DPO_ALPHA, .504105748},
    };
    const struct objective_simpo_conf simpo = {.beta = 2, .gamma = .5};
    const struct objective_cpo_conf cpo = {.kind = CPO_SIGMOID, .beta = .1};
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct objective_dpo_conf conf = plain(rows[i].kind);
        conf.label_smoothing = rows[i].smoothing;
        conf.divergence = rows[i].divergence;
        if (!(fabs(one_pair(&objective_dpo, &conf, NULL) - rows[i].want) < 2e-9))
            fail_msg("row %zu: %.9f", i, one_pair(&objective_dpo, &conf, NULL));
    }
    assert_true(fabs(one_pair(&objective_simpo, &simpo, NULL) - .474076984) < 2e-9);
    assert_true(fabs(one_pair(&objective_cpo, &cpo, NULL) - .371100666) < 2e-9);
}

/* A vote share q is cDPO with 1 - q of the labels turned; a tie pulls neither way. */
static void votes_are_mixtures(void **state)
{
    const float q[] = {.9f, .9f}, tie[] = {.5f, .5f};
    struct objective_dpo_conf conf = plain(DPO_SIGMOID), hard = plain(DPO_CDPO);
    (void)state;

    hard.label_smoothing = 1 - (double)q[0];
    assert_true(fabs(one_pair(&objective_dpo, &conf, q) -
                     one_pair(&objective_dpo, &hard, NULL)) < 1e-9);
    hard.label_smoothing = .5;
    assert_true(fabs(one_pair(&objective_dpo, &conf, tie) -
                     one_pair(&objective_dpo, &hard, NULL)) < 1e-12);
}

/* A pair of weight 2 is the pair there twice. */
static void a_weight_counts_pairs(void **state)
{
    struct direct_case m = {.objective = &objective_dpo, .dpo = plain(DPO_SIGMOID)};
    struct objective_out out;
    struct objective_bed toy;
    double twice, sum = 0, one[PAIRS];
    (void)state;

    for (int i = 0; i < PAIRS; i++) {
        fill(&toy, true, 0);
        for (int s = 0; s < ROWS; s++)
            toy.weight[s] = s / 2 == i;
        one[i] = run(&m, &toy, &out);
        sum += one[i];
    }
    fill(&toy, true, 0);
    assert_true(fabs(run(&m, &toy, &out) - sum / PAIRS) < 1e-12);
    toy.weight[2] = toy.weight[3] = 2;
    twice = run(&m, &toy, &out);
    assert_true(fabs(twice - (sum + one[1]) / (PAIRS + 1)) < 1e-12);
}

/* Policy = reference: ln 2 to the last bit, and a slope that is not zero. */
static void the_first_loss_is_ln_2(void **state)
{
    const struct direct_case m = {.objective = &objective_dpo, .dpo = plain(DPO_SIGMOID)};
    struct objective_out out;
    struct objective_bed toy;
    (void)state;

    fill(&toy, true, 0);
    memcpy(toy.reference, toy.logprob, sizeof(toy.reference));
    assert_true(run(&m, &toy, &out) == 0.693147180559945309417232121458);
    for (int i = 0; i < toy.n; i++)
        assert_true((toy.slope[i] != 0) == (toy.learn[i] == 1));
}

static void extremes_stay_finite(void **state)
{
    (void)state;

    assert_true(logistic_log(-1e5) == -1e5 && logistic_log(1e5) == 0);
    assert_true(logistic_sigmoid(-1e5) == 0 && logistic_sigmoid(1e5) == 1);
    for (double x = -30; x <= 30; x += .37) {
        assert_true(fabs(logistic_log(x) + log1p(exp(-x))) < 4e-15 * (1 + fabs(x)));
        assert_true(fabs(logistic_sigmoid(x) - 1 / (1 + exp(-x))) < 1e-15);
    }
    for (double x = -1e-12; x > -40; x *= 1.7)
        assert_true(fabs(logistic_log1mexp(x) - log(-expm1(x))) <=
                    2e-15 * (1 + fabs(log(-expm1(x)))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_and_slopes_are_trls),
        cmocka_unit_test(slopes_are_the_differences),
        cmocka_unit_test(known_values),
        cmocka_unit_test(votes_are_mixtures),
        cmocka_unit_test(a_weight_counts_pairs),
        cmocka_unit_test(the_first_loss_is_ln_2),
        cmocka_unit_test(extremes_stay_finite),
    };
    int status;

    golden = json_load_file(GOLDEN, 0, NULL);
    status = golden ? cmocka_run_group_tests_name("objective_direct", tests, NULL, NULL) : 1;
    json_decref(golden);
    return status;
}
