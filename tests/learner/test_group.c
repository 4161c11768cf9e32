/* The losses and advantages of the methods without a critic, against TRL's own code
 * (tests/golden/group_loss.py), finite differences, and sums over micro-batches. */
#include "base/conf.h"
#include "learner/objective/advantage_group.h"
#include "learner/objective/entropy.h"
#include "learner/objective/objective_grpo.h"
#include "learner/objective/objective_rloo.h"
#include "tests/golden/group_loss.inc"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

enum { N = GROUP_TOKENS };

/* The golden inputs as a packed batch: a token before each sequence that nobody learns. */
struct group_packed {
    int n, seq[GROUP_SEQUENCES + 1];
    uint8_t learn[2 * N];
    float logprob[2 * N], behaviour[2 * N], proximal[2 * N], reference[2 * N], entropy[2 * N];
    float advantage[2 * N], importance[2 * N];
    float dlogprob[2 * N], dentropy[2 * N];
};

static void put(struct group_packed *p, int from, int s)
{
    const float *const source[] = {group_logprob,   group_behaviour, group_proximal,
                                   group_reference, group_entropy,   group_importance};
    float *const to[] = {p->logprob,   p->behaviour, p->proximal,
                         p->reference, p->entropy,   p->importance};

    p->n++; /* stays zero, is not learnt */
    for (int i = 0; i < group_length[s]; i++, p->n++) {
        for (int k = 0; k < 6; k++)
            to[k][p->n] = source[k][from + i];
        p->advantage[p->n] = group_advantage[s];
        p->learn[p->n] = 1;
    }
}

static void pack(struct group_packed *p, int first, int n)
{
    memset(p, 0, sizeof *p);
    for (int s = 0, from = 0; s < first + n; from += group_length[s++]) {
        if (s < first)
            continue;
        p->seq[s - first] = p->n;
        put(p, from, s);
    }
    p->seq[n] = p->n;
}

static struct objective_in in_of(const struct group_packed *p, int n, bool importance)
{
    return (struct objective_in){.n = p->n,
                                 .n_seq = n,
                                 .seq = p->seq,
                                 .learn = p->learn,
                                 .logprob = p->logprob,
                                 .behaviour = p->behaviour,
                                 .proximal = p->proximal,
                                 .reference = p->reference,
                                 .entropy = p->entropy,
                                 .advantage = p->advantage,
                                 .importance = importance ? p->importance : NULL};
}

static enum objective_grpo_loss loss_of(const char *name)
{
    int found = 0;

    assert_ok(conf_word(&found, "loss_type", name, objective_grpo_names));
    return (enum objective_grpo_loss)found;
}

static struct objective_grpo_conf conf_of(const struct group_case *c)
{
    struct objective_grpo_conf conf = objective_grpo_plain(loss_of(c->loss_type));

    conf.vespo_k_pos = conf.vespo_lambda_neg = 2;
    conf.vespo_lambda_pos = conf.vespo_k_neg = 3;
    conf.sequence = c->sequence;
    conf.use_bias_correction_kl = c->bias;
    conf.beta = c->beta;
    conf.epsilon = c->eps;
    conf.epsilon_high = c->eps_high;
    conf.delta = c->delta;
    conf.sapo_temperature_pos = c->pos;
    conf.sapo_temperature_neg = c->neg;
    conf.top_entropy_quantile = c->quantile;
    conf.off_policy_mask_threshold = c->threshold;
    conf.max_completion_length = c->longest;
    return conf;
}

static double metric(const struct objective_out *out, const char *name)
{
    for (int i = 0; i < out->metrics; i++)
        if (!strcmp(out->metric[i].name, name))
            return out->metric[i].sum / out->metric[i].weight;
    return -1;
}

static void near(double want, double is, const char *what, int c)
{
    if (!(fabs(want - is) <= 1e-6 * fmax(fabs(want), 1)))
        fail_msg("case %d %s: %s: %.9g, not %.9g", c,
                 c < GROUP_CASES ? group_case[c].loss_type : "", what, is, want);
}

static double run(const struct group_case *c, struct group_packed *p, struct objective_out *out)
{
    const struct objective_grpo_conf conf = conf_of(c);
    const struct objective *const row = objective_grpo(conf.loss);
    struct objective_in in = in_of(p, GROUP_SEQUENCES, c->importance);

    in.normaliser = row->count(&in);
    in.entropy_coef = c->coef;
    *out = (struct objective_out){.dlogprob = p->dlogprob, .dentropy = p->dentropy};
    row->run(&conf, &in, out);
    return out->loss;
}

static void losses_and_slopes_are_trls(void **state)
{
    (void)state;
    for (int c = 0; c < GROUP_CASES; c++) {
        const struct group_case *const want = &group_case[c];
        struct group_packed p;
        struct objective_out out;

        pack(&p, 0, GROUP_SEQUENCES);
        near(want->loss, run(want, &p, &out), "loss", c);
        for (int s = 0, from = 0; s < GROUP_SEQUENCES; from += group_length[s++]) {
            assert_true(p.dlogprob[p.seq[s]] == 0 && p.dentropy[p.seq[s]] == 0);
            for (int i = 0; i < group_length[s]; i++) {
                const int t = p.seq[s] + 1 + i;
                near(want->dlogprob[from + i], (double)p.dlogprob[t], "dlogprob", c);
                near(want->dentropy[from + i], (double)p.dentropy[t], "dentropy", c);
            }
        }
        if (want->beta != 0)
            near(want->kl, metric(&out, "kl"), "kl", c);
        near(want->low, metric(&out, "clip_ratio/low_mean"), "clip_ratio/low_mean", c);
        near(want->high,
             metric(&out, strcmp(want->loss_type, "cispo") ? "clip_ratio/high_mean"
                                                           : "cispo_clip_ratio"),
             "clip_ratio/high_mean", c);
    }
}

static void rloo_is_trls(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof group_rloo / sizeof *group_rloo; c++) {
        const struct objective_rloo_conf conf = {group_rloo[c].eps, group_rloo[c].eps_high};
        struct group_packed p;
        pack(&p, 0, GROUP_SEQUENCES);
        struct objective_in in = in_of(&p, GROUP_SEQUENCES, false);
        struct objective_out out = {.dlogprob = p.dlogprob, .dentropy = p.dentropy};
        in.normaliser = objective_rloo.count(&in);
        objective_rloo.run(&conf, &in, &out);
        near(group_rloo[c].loss, out.loss, "rloo loss", 99);
        for (int s = 0, from = 0; s < GROUP_SEQUENCES; from += group_length[s++])
            for (int i = 0; i < group_length[s]; i++)
                near(group_rloo[c].dlogprob[from + i], (double)p.dlogprob[p.seq[s] + 1 + i],
                     "rloo dlogprob", 99);
    }
}

/* What the clipped forms hold fixed has no slope of its own: only losses that are functions of
 * the log-probability alone are differentiated. */
static void slopes_are_those_of_the_loss(void **state)
{
    (void)state;
    for (int c = 0; c < GROUP_CASES; c++) {
        const char *const type = group_case[c].loss_type;
        struct group_packed p, moved;
        struct objective_out out;

        if (!strcmp(type, "cispo") || !strcmp(type, "vespo"))
            continue;
        pack(&p, 0, GROUP_SEQUENCES);
        run(&group_case[c], &p, &out);
        for (int t = 0; t < p.n; t++) {
            double loss[2];
            for (int side = 0; side < 2; side++) {
                moved = p;
                moved.logprob[t] += side ? -0x1p-10f : 0x1p-10f;
                loss[side] = run(&group_case[c], &moved, &out);
            }
            const double slope = (loss[0] - loss[1]) * 0x1p9;
            if (p.learn[t] && fabs(slope - (double)p.dlogprob[t]) > 2e-4)
                fail_msg("case %d %s token %d: slope %.6g, difference %.6g", c, type, t,
                         (double)p.dlogprob[t], slope);
        }
    }
}

/* The normaliser is the step's: any cut into micro-batches gives the same sums. A quantile is
 * the micro-batch's own, as TRL's. */
static void micro_batches_add_up(void **state)
{
    (void)state;
    for (int c = 0; c < GROUP_CASES; c++) {
        const struct group_case *const g = &group_case[c];
        const struct objective_grpo_conf conf = conf_of(g);
        const struct objective *const row = objective_grpo(conf.loss);
        struct group_packed all, p;
        struct objective_out out;
        double loss = 0, normaliser = 0;

        if (g->quantile < 1)
            continue;
        pack(&all, 0, GROUP_SEQUENCES);
        const double whole = run(g, &all, &out);
        for (int s = 0; s < GROUP_SEQUENCES; s += 2) {
            pack(&p, s, 2);
            const struct objective_in in = in_of(&p, 2, g->importance);
            normaliser += row->count(&in);
        }
        for (int s = 0; s < GROUP_SEQUENCES; s += 2) {
            pack(&p, s, 2);
            struct objective_in in = in_of(&p, 2, g->importance);
            in.normaliser = normaliser;
            in.step_tokens = N;
            in.entropy_coef = g->coef;
            out = (struct objective_out){.dlogprob = p.dlogprob, .dentropy = p.dentropy};
            row->run(&conf, &in, &out);
            loss += out.loss;
            for (int t = 0; t < p.n; t++) {
                near((double)all.dlogprob[all.seq[s] + t], (double)p.dlogprob[t], "micro", c);
                near((double)all.dentropy[all.seq[s] + t], (double)p.dentropy[t], "micro", c);
            }
        }
        near(whole, loss, "micro-batches", c);
    }
}

/* An answer that was left out whole: nothing moves, nothing is not a number. */
static void an_answer_without_learnt_tokens_is_silent(void **state)
{
    (void)state;
    for (int c = 0; c < GROUP_CASES; c++) {
        struct group_packed p;
        struct objective_out out;

        pack(&p, 0, GROUP_SEQUENCES);
        memset(p.learn + p.seq[2], 0, (size_t)(p.seq[3] - p.seq[2]));
        assert_true(isfinite(run(&group_case[c], &p, &out)));
        for (int t = p.seq[2]; t < p.seq[3]; t++)
            assert_true(p.dlogprob[t] == 0 && p.dentropy[t] == 0);
        for (int i = 0; i < out.metrics; i++)
            assert_true(isfinite(out.metric[i].sum));
    }
}

/* A micro-batch of the answers from `first` on, its entropies times factor. */
static void bonus_of(struct objective_out *out, struct group_packed *p,
                     const struct objective_grpo_conf *conf, int first, int n, double factor,
                     double coef)
{
    pack(p, first, n);
    for (int t = 0; t < p->n; t++)
        p->entropy[t] = (float)((double)p->entropy[t] * factor);
    struct objective_in in = in_of(p, n, false);
    in.normaliser = objective_grpo(conf->loss)->count(&in);
    in.entropy_coef = coef;
    *out = (struct objective_out){.dlogprob = p->dlogprob, .dentropy = p->dentropy};
    objective_grpo(conf->loss)->run(conf, &in, out);
}

/* Steps of one and of two micro-batches. Where there are two, TRL weighs each alike and we by
 * its tokens: there only the steering is compared. */
static void the_bonus_is_steered_as_in_trl(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof group_adaptive / sizeof *group_adaptive; c++) {
        struct objective_grpo_conf conf = objective_grpo_plain(OBJECTIVE_DAPO);
        struct entropy_control control = {group_adaptive[c].coef,
                                          true,
                                          group_adaptive[c].least,
                                          group_adaptive[c].most,
                                          group_adaptive[c].delta,
                                          group_adaptive[c].target,
                                          INFINITY};
        conf.top_entropy_quantile = group_adaptive[c].quantile;
        conf.epsilon = conf.epsilon_high = .2;
        assert_true(entropy_control_on(&control));
        for (size_t k = 0; k < sizeof group_adaptive->step / sizeof *group_adaptive->step;
             k++) {
            const int cut = group_adaptive[c].step[k].parts == 2 ? 4 : GROUP_SEQUENCES;
            const double factor = group_adaptive[c].step[k].factor;
            const double coef = entropy_control_weight(&control);
            struct objective_out out, rest = {0};
            struct group_packed p, q;
            double least = 0;

            bonus_of(&out, &p, &conf, 0, cut, factor, coef);
            if (cut < GROUP_SEQUENCES)
                bonus_of(&rest, &q, &conf, cut, GROUP_SEQUENCES - cut, factor, coef);
            entropy_control_update(&control, out.bonus_entropy + rest.bonus_entropy,
                                   out.bonus_tokens + rest.bonus_tokens);
            near(group_adaptive[c].step[k].after, control.coef, "entropy_coef", (int)k);
            near(group_adaptive[c].step[k].last, control.last, "entropy of a step", (int)k);
            if (cut < GROUP_SEQUENCES)
                continue;
            for (int t = 0; t < p.n; t++)
                least = fmin(least, (double)p.dentropy[t]);
            near(group_adaptive[c].step[k].loss, out.loss, "loss", (int)k);
            near(group_adaptive[c].step[k].dentropy, least, "dentropy", (int)k);
        }
    }
}

static void same(const double *want, const double *is, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(want[i] - is[i]) < 1e-6))
            fail_msg("%zu: %.9f, not %.9f", i, is[i], want[i]);
}

/* Numbers of TRL 1.16's own lines. */
static void advantages_are_as_in_trl(void **state)
{
    const double five[] = {1, 0, 0, 1, 1}, six[] = {1, 2, 4, -1, 0, 3};
    const double group[] = {.730163434, -1.095245152, -1.095245152, .730163434, .730163434};
    const double others[] = {.5, -.75, -.75, .5, .5};
    const double batch[] = {-.712658553, -.178164638, .890823192,
                            -.890823192, -.356329277, 1.247152468};
    const double rloo[] = {-2, -.5, 2.5, -2.5, -1, 3.5};
    const double plain[] = {-4. / 3, -1. / 3, 5. / 3, -5. / 3, -2. / 3, 7. / 3};
    const double flat[] = {2, 2, 2, 2, 1, 2};
    double out[6];
    (void)state;

    advantage_group(out, five, 5, 5, ADVANTAGE_GROUP_BY_GROUP);
    same(group, out, 5);
    advantage_group_others(out, five, 5, 5, false);
    same(others, out, 5);
    advantage_group(out, six, 6, 3, ADVANTAGE_GROUP_BY_BATCH);
    same(batch, out, 6);
    advantage_group(out, six, 6, 3, ADVANTAGE_GROUP_PLAIN);
    same(plain, out, 6);
    memcpy(out, six, sizeof out);
    advantage_group_others(out, out, 6, 3, false);
    same(rloo, out, 6);
    advantage_group_others(out, six, 6, 3, true);
    assert_true(fabs(advantage_group_mean(out, 6)) < 1e-12);
    assert_true(fabs(advantage_group_deviation(out, 6) - 1) < 1e-4);
    assert_int_equal(advantage_group_flat(flat, 6, 3), 1);
    assert_int_equal(advantage_group_flat(six, 6, 1), 6);
}

static void rewards_may_be_scaled_one_by_one(void **state)
{
    const double score[] = {1, 2, 4, -1, 0, 3, .5, .1, .9, .2, .2, -.7}, weight[] = {1, .5};
    const double want[] = {-.93383069, -.76827772, 1.70210841,
                           -.54777415, -.0338319,  .58160605};
    double out[6];
    (void)state;

    advantage_group_parts(out, score, weight, 2, NULL, 6, 3);
    same(want, out, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_and_slopes_are_trls),
        cmocka_unit_test(rloo_is_trls),
        cmocka_unit_test(slopes_are_those_of_the_loss),
        cmocka_unit_test(micro_batches_add_up),
        cmocka_unit_test(an_answer_without_learnt_tokens_is_silent),
        cmocka_unit_test(the_bonus_is_steered_as_in_trl),
        cmocka_unit_test(advantages_are_as_in_trl),
        cmocka_unit_test(rewards_may_be_scaled_one_by_one),
    };

    return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
