/* XPO and Nash-MD: losses, slopes and metrics against TRL's own lines
 * (tests/golden/online_losses.py), what their weights stand for, and what assign makes of
 * scores. Their population optima: exact_online.c. */
#include "learner/iteration/iteration_batch.h"
#include "tests/golden/online_losses.inc"
#include "tests/learner/planned.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

enum { MOST = 64 };

/* A packed batch; `weight` stands where the loss reads it, at an answer's tokens. */
struct packed_online {
    int n, n_seq, seq[16];
    uint8_t learn[MOST];
    float logprob[MOST], reference[MOST], weight[MOST], slope[MOST];
};

static void put(struct packed_online *p, const float *logprob, const float *reference, int n,
                double weight)
{
    for (int t = 0; t <= n; t++, p->n++) { /* a prompt's token first, which nobody learns */
        p->learn[p->n] = t > 0;
        p->logprob[p->n] = t ? logprob[t - 1] : -9;
        p->reference[p->n] = t ? reference[t - 1] : -7;
        p->weight[p->n] = t ? (float)weight : 5;
    }
    p->seq[++p->n_seq] = p->n;
}

static struct objective_out run(const struct iteration_conf *conf, struct packed_online *p)
{
    struct objective_in in = {.n = p->n,
                              .n_seq = p->n_seq,
                              .seq = p->seq,
                              .learn = p->learn,
                              .logprob = p->logprob,
                              .reference = p->reference,
                              .advantage = p->weight};
    struct objective_out out = {.dlogprob = p->slope};

    conf->on_iteration(conf->method, conf, 0);
    in.normaliser = conf->policy->count(&in);
    conf->policy->run(conf->loss, &in, &out);
    return out;
}

static void near(double want, double is, const char *what)
{
    if (!(fabs(want - is) <= 1e-6 * fmax(1, fabs(want))))
        fail_msg("%s: %.9g, not %.9g", what, is, want);
}

static double figure(const struct objective_out *out, const char *name)
{
    for (int i = 0; i < out->metrics; i++)
        if (!strcmp(out->metric[i].name, name))
            return out->metric[i].sum / out->metric[i].weight;
    fail_msg("no metric %s", name);
    return 0;
}

/* One answer of the policy and one of the reference: the weights 0 and 2. */
static void xpo_is_trls(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof online_xpo / sizeof *online_xpo; c++) {
        const struct iteration_conf conf = planned("xpo", 1, "loss_type=%s;beta=%g;alpha=%g",
                                                   online_xpo[c].ipo ? "ipo" : "sigmoid",
                                                   online_xpo[c].beta, online_xpo[c].alpha);
        struct packed_online p = {0};
        int m = 0, o = 0, at[ONLINE_PAIRS][2];
        for (int i = 0; i < ONLINE_PAIRS; i++)
            for (int k = 0; k < 2; k++) {
                const bool own = k != online_first[i]; /* the policy's answer, at its place */
                at[i][own ? 0 : 1] = p.n + 1;
                put(&p, own ? online_model_logprob + m : online_other_logprob + o,
                    own ? online_model_reference + m : online_other_reference + o,
                    online_length[i][own ? 0 : 1], own ? 0 : 2);
                m += own ? online_length[i][0] : 0;
                o += own ? 0 : online_length[i][1];
            }
        const struct objective_out out = run(&conf, &p);
        near(online_xpo[c].loss, out.loss, "loss");
        near(online_xpo[c].dpo, figure(&out, "loss/dpo"), "loss/dpo");
        near(online_xpo[c].xpo, figure(&out, "loss/xpo"), "loss/xpo");
        near(online_xpo[c].chosen, figure(&out, "rewards/chosen"), "rewards/chosen");
        near(online_xpo[c].rejected, figure(&out, "rewards/rejected"), "rewards/rejected");
        near(online_xpo[c].accuracies, figure(&out, "rewards/accuracies"), "accuracies");
        near(online_xpo[c].margins, figure(&out, "rewards/margins"), "rewards/margins");
        for (int i = 0, a = 0, b = 0; i < ONLINE_PAIRS; i++) {
            for (int t = 0; t < online_length[i][0]; t++)
                near(online_xpo[c].model[a++], (double)p.slope[at[i][0] + t], "slope");
            for (int t = 0; t < online_length[i][1]; t++)
                near(online_xpo[c].other[b++], (double)p.slope[at[i][1] + t], "slope");
        }
    }
}

static void nash_md_is_trls(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof online_nash_md / sizeof *online_nash_md; c++) {
        const struct iteration_conf conf =
            planned("nash-md", 1, "beta=%g;kl_of=token", online_nash_md[c].beta);
        struct packed_online p = {0};
        for (int i = 0, a = 0; i < ONLINE_PAIRS; a += online_length[i++][0])
            put(&p, online_model_logprob + a, online_model_reference + a, online_length[i][0],
                online_nash_md[c].probability[i] - .5);
        const struct objective_out out = run(&conf, &p);
        near(online_nash_md[c].loss, out.loss, "loss");
        near(online_nash_md[c].score, figure(&out, "loss/score"), "loss/score");
        near(online_nash_md[c].kl, figure(&out, "loss/kl"), "loss/kl");
        near(online_nash_md[c].accuracies, figure(&out, "rewards/accuracies"), "accuracies");
        near(online_nash_md[c].margins, figure(&out, "rewards/margins"), "margins");
        near(online_nash_md[c].chosen, figure(&out, "logps/chosen"), "logps/chosen");
        near(online_nash_md[c].rejected, figure(&out, "logps/rejected"), "logps/rejected");
        for (int i = 0, a = 0; i < ONLINE_PAIRS; i++)
            for (int t = 0; t < online_length[i][0]; t++)
                near(online_nash_md[c].model[a++], (double)p.slope[p.seq[i] + 1 + t], "slope");
    }
}

/* With the whole answer's distance every token's slope is beta x - (P - 1/2), over answers. */
static void nash_md_pays_for_the_whole_answer(void **state)
{
    const struct iteration_conf conf = planned("nash-md", 1, "beta=.4");
    const float logprob[] = {-1, -2, -.5f}, reference[] = {-.5f, -1, -2};
    struct packed_online p = {0};
    (void)state;

    put(&p, logprob, reference, 3, .3);
    put(&p, logprob, reference, 1, -.2);
    run(&conf, &p);
    for (int t = 1; t <= 3; t++)
        near((.4 * (.0) - .3) / 2, (double)p.slope[t], "the first");
    near((.4 * -.5 + .2) / 2, (double)p.slope[5], "the second");
    assert_true(p.slope[0] == 0 && p.slope[4] == 0);
}

static void xpo_slopes_are_the_differences(void **state)
{
    (void)state;
    for (int ipo = 0; ipo < 2; ipo++) {
        const struct iteration_conf conf =
            planned("xpo", 1, "beta=.7;alpha=.2;loss_type=%s", ipo ? "ipo" : "sigmoid");
        struct packed_online p = {0}, q;
        for (int i = 0, m = 0, o = 0; i < 2; i++) {
            put(&p, online_model_logprob + m, online_model_reference + m, 3, .6 + i);
            put(&p, online_other_logprob + o, online_other_reference + o, 4, 1.7 - i);
            m += 3;
            o += 4;
        }
        run(&conf, &p);
        for (int t = 0; t < p.n; t++) {
            const float h = 1.f / 256;
            q = p;
            q.logprob[t] += h;
            const double up = run(&conf, &q).loss;
            q.logprob[t] -= 2 * h;
            const double down = run(&conf, &q).loss;
            if (fabs((up - down) / (2 * (double)h) - (double)p.slope[t]) > 2e-4)
                fail_msg("token %d: %.6f, not %.6f", t, (double)p.slope[t],
                         (up - down) / (2 * (double)h));
        }
    }
}

/* ---- what the weights stand for: all pairs of five answers of a token each */

enum { ANSWERS = 5 };
static const double written[ANSWERS] = {.4, .3, .15, .1, .05},
                    referred[ANSWERS] = {.1, .15, .25, .3, .2},
                    worth[ANSWERS] = {.5, 2, -1, 1, 0};

static void pair_of(struct packed_online *p, int i, int j, double wi, double wj)
{
    const int better = worth[i] >= worth[j] ? i : j, worse = better == i ? j : i;
    const float logprob[] = {(float)log(written[better]), (float)log(written[worse])};
    const float reference[] = {(float)log(referred[better]), (float)log(referred[worse])};

    *p = (struct packed_online){0};
    put(p, logprob, reference, 1, better == i ? wi : wj);
    put(p, logprob + 1, reference + 1, 1, better == i ? wj : wi);
}

/* The expected slope of every answer's log-probability: both answers by the policy, each with
 * the weight ref / pi, against one by the policy and one by the reference. */
static void weights_make_answers_the_references(void **state)
{
    const struct iteration_conf conf = planned("xpo", 1, "beta=.5;alpha=.3;ties=first");
    double want[ANSWERS] = {0}, is[ANSWERS] = {0};
    (void)state;

    for (int i = 0; i < ANSWERS; i++)
        for (int j = 0; j < ANSWERS; j++) {
            const int better = worth[i] >= worth[j] ? i : j, worse = better == i ? j : i;
            struct packed_online p;
            pair_of(&p, i, j, 0, 2);
            run(&conf, &p);
            want[better] += written[i] * referred[j] * (double)p.slope[1];
            want[worse] += written[i] * referred[j] * (double)p.slope[3];
            pair_of(&p, i, j, referred[i] / written[i], referred[j] / written[j]);
            run(&conf, &p);
            is[better] += written[i] * written[j] * (double)p.slope[1];
            is[worse] += written[i] * written[j] * (double)p.slope[3];
        }
    for (int i = 0; i < ANSWERS; i++)
        near(want[i], is[i], "expected slope");
}

/* ---- assign */

enum { EACH = 4 };
struct group_online {
    int token;
    float behaviour[EACH][2], reference[EACH][2];
    struct iteration_rollout answer[EACH];
    struct iteration_batch batch;
};

static void assign(struct group_online *g, const struct iteration_conf *conf,
                   const double *score, const double *distance)
{
    memset(g, 0, sizeof *g);
    for (int i = 0; i < EACH; i++) {
        g->behaviour[i][0] = g->behaviour[i][1] = -1;
        g->reference[i][0] = -1;
        g->reference[i][1] = (float)(-1 - distance[i]); /* behaviour - reference in all */
        g->answer[i] = (struct iteration_rollout){.sample = (uint32_t)i,
                                                  .prompt = &g->token,
                                                  .n_prompt = 1,
                                                  .token = (int[]){1, 2},
                                                  .n_token = 2,
                                                  .behaviour = g->behaviour[i],
                                                  .reference = g->reference[i],
                                                  .score = score[i],
                                                  .ended = true};
    }
    assert_ok(iteration_batch_init(&g->batch, conf, g->answer, EACH, 0));
    conf->on_iteration(conf->method, conf, 0);
    conf->assign(conf->method, &g->batch, 0);
}

static void xpo_pairs_in_order_and_weighs(void **state)
{
    const double score[] = {1, 3, 2, 2}, distance[] = {1, -.5, 0, -9};
    struct group_online g;
    (void)state;

    for (int ties = 0; ties < 2; ties++) {
        const struct iteration_conf conf =
            planned("xpo", 1, "num_generations=4;ties=%s", ties ? "first" : "drop");
        assign(&g, &conf, score, distance);
        assert_int_equal(g.batch.n_unit, 1 + ties);
        assert_true(g.batch.unit[0] == 1 && g.batch.unit[1] == 0);
        assert_true(!ties || (g.batch.unit[2] == 2 && g.batch.unit[3] == 3));
        for (int i = 0; i < EACH; i++) /* e^9 is bounded */
            near(fmin(exp(-distance[i]), 10), (double)g.batch.advantage[2 * i + 1], "weight");
        iteration_batch_fini(&g.batch);
    }
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void nash_md_plays_the_mixture(void **state)
{
    const double score[] = {1, 3, -1, 0}, distance[] = {1, -.5, 0, 2};
    struct group_online g;
    (void)state;

    for (int c = 0; c <= 2; c++) {
        const struct iteration_conf conf =
            planned("nash-md", 1, "num_generations=4;mixture_coef=%g", c / 2.);
        assign(&g, &conf, score, distance);
        for (int i = 0; i < EACH; i++) {
            double won = 0, all = 0;
            for (int j = 0; j < EACH; j++) {
                const double v = j == i ? 0 : exp(-c / 2. * distance[j]);
                won += v * sigmoid(score[i] - score[j]);
                all += v;
            }
            near(won / all - .5, (double)g.batch.advantage[2 * i], "P - 1/2");
        }
        iteration_batch_fini(&g.batch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xpo_is_trls),
        cmocka_unit_test(xpo_slopes_are_the_differences),
        cmocka_unit_test(weights_make_answers_the_references),
        cmocka_unit_test(xpo_pairs_in_order_and_weighs),
        cmocka_unit_test(nash_md_is_trls),
        cmocka_unit_test(nash_md_pays_for_the_whole_answer),
        cmocka_unit_test(nash_md_plays_the_mixture),
    };

    return cmocka_run_group_tests_name("online", tests, NULL, NULL);
}
