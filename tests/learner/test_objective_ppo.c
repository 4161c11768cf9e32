/* Golden values: a transcription of TRL's PPO losses; finite differences for every
 * slope on both sides of each clip. */
#include "learner/objective/objective_ppo.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

static const struct objective_ppo_conf conf = {.2, .2, .1};

static double policy_loss(float logprob, float behaviour, float advantage, float *slope)
{
    const int seq[] = {0, 1};
    const uint8_t learn[] = {1};
    const struct objective_in in = {.n = 1,
                                    .n_seq = 1,
                                    .seq = seq,
                                    .learn = learn,
                                    .logprob = &logprob,
                                    .behaviour = &behaviour,
                                    .advantage = &advantage,
                                    .normaliser = 1};
    struct objective_out out = {.dlogprob = slope};

    objective_ppo.run(&conf, &in, &out);
    return out.loss;
}

static double value_loss(float value, float old, float returns, float *slope)
{
    const int seq[] = {0, 1};
    const uint8_t learn[] = {1};
    const struct objective_in in = {.n = 1,
                                    .n_seq = 1,
                                    .seq = seq,
                                    .learn = learn,
                                    .value = &value,
                                    .old_value = &old,
                                    .returns = &returns,
                                    .normaliser = 1};
    struct objective_out out = {.dvalue = slope};

    objective_ppo_value.run(&conf, &in, &out);
    return out.loss;
}

static void the_losses_have_trls_values(void **state)
{
    (void)state;
    assert_true(fabs(policy_loss(-.9f, -1.3f, 1.5f, NULL) + 1.8) < 1e-6);
    assert_true(fabs(policy_loss(-.9f, -1.3f, -1.5f, NULL) - 2.237737046) < 1e-6);
    assert_true(fabs(value_loss(1, .4f, .5f, NULL) - .1 * .125) < 1e-7);
}

/* Every corner: ratio below, within and above the clip, with either sign of the advantage. */
static void policy_slopes_are_the_differences(void **state)
{
    const float shifts[] = {-.6f, -.1f, 0, .1f, .6f}, h = 1e-3f;
    (void)state;

    for (int i = 0; i < 5; i++) {
        for (float A = -1.5f; A <= 1.5f; A += 3) {
            float slope;
            const float x = -1.3f + shifts[i];
            policy_loss(x, -1.3f, A, &slope);
            const double up = policy_loss(x + h, -1.3f, A, NULL);
            const double down = policy_loss(x - h, -1.3f, A, NULL);
            assert_true(fabs((up - down) / (2 * (double)h) - (double)slope) < 1e-3);
            const bool flat = (A > 0 && shifts[i] > .5f) || (A < 0 && shifts[i] < -.5f);
            assert_int_equal(slope == 0.0f, flat);
        }
    }
}

static void value_slopes_are_the_differences(void **state)
{
    const float values[] = {-.5f, .3f, .45f, 1.1f}, returns[] = {-1, .35f, .5f, 2}, h = 1e-3f;
    (void)state;

    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 4; k++) {
            float slope;
            value_loss(values[i], .4f, returns[k], &slope);
            const double up = value_loss(values[i] + h, .4f, returns[k], NULL);
            const double down = value_loss(values[i] - h, .4f, returns[k], NULL);
            assert_true(fabs((up - down) / (2 * (double)h) - (double)slope) < 1e-3);
        }
    }
}

enum { N = 6 };
static const int seq[] = {0, 3, 6};
static const uint8_t learn[] = {0, 1, 1, 0, 0, 1};
static const float behaviour[N] = {9, -1, -2, 9, 9, -.5f}, advantage[N] = {9, 1, -1, 9, 9, .5f};

static struct objective_in whole(const float *logprob, const float *entropy)
{
    return (struct objective_in){.n = N,
                                 .n_seq = 2,
                                 .seq = seq,
                                 .learn = learn,
                                 .logprob = logprob,
                                 .behaviour = behaviour,
                                 .advantage = advantage,
                                 .entropy = entropy,
                                 .normaliser = 3};
}

static double metric(const struct objective_out *out, const char *name)
{
    for (int i = 0; i < out->metrics; i++) {
        if (!strcmp(out->metric[i].name, name))
            return out->metric[i].sum / out->metric[i].weight;
    }
    fail_msg("no metric %s", name);
    return 0;
}

/* What is not learnt changes nothing and gets no slope: prompts, tools, pads. */
static void only_learnt_tokens_count(void **state)
{
    float logprob[N] = {1, -1, -2, 2, 3, -.5f}, slope[N];
    const struct objective_in in = whole(logprob, NULL);
    struct objective_out out = {.dlogprob = slope};
    (void)state;

    objective_ppo.run(&conf, &in, &out);
    assert_true(fabs(out.loss + .5 / 3) < 1e-7);
    assert_true(slope[0] == 0 && slope[3] == 0 && slope[4] == 0);
    assert_true(fabs((double)slope[1] + 1. / 3) < 1e-7);
    assert_true(objective_ppo.count(&in) == 3);
    logprob[3] = 99;
    const double was = out.loss;
    out.metrics = 0;
    objective_ppo.run(&conf, &in, &out);
    assert_true(out.loss == was);
}

/* The weights that wrote the answer: ratio exactly 1, nothing clipped, no divergence. */
static void unmoved_weights_have_ratio_one(void **state)
{
    const struct objective_in in = whole(behaviour, NULL);
    struct objective_out out = {0};
    (void)state;

    objective_ppo.run(&conf, &in, &out);
    assert_true(metric(&out, "val/ratio") == 1);
    assert_true(metric(&out, "policy/approxkl_avg") == 0);
    assert_true(metric(&out, "policy/clipfrac_avg") == 0);
}

static void metrics_are_means_over_learnt_tokens(void **state)
{
    const float logprob[N] = {9, -.5f, -2, 9, 9, -.4f}, entropy[N] = {50, 1, 2, 50, 50, 3};
    const struct objective_in in = whole(logprob, entropy);
    struct objective_out out = {0};
    (void)state;

    objective_ppo.run(&conf, &in, &out);
    assert_true(fabs(metric(&out, "policy/approxkl_avg") - (.125 + .005) / 3) < 1e-6);
    assert_true(fabs(metric(&out, "policy/clipfrac_avg") - 1. / 3) < 1e-9);
    assert_true(fabs(metric(&out, "policy/entropy_avg") - 2) < 1e-9);
    assert_true(fabs(metric(&out, "val/ratio") - (exp(.5) + 1 + exp(.1)) / 3) < 1e-6);
}

static void entropy_is_rewarded_when_asked(void **state)
{
    const float entropy[N] = {50, 1, 2, 50, 50, 3};
    struct objective_in in = whole(behaviour, entropy);
    float slope[N];
    struct objective_out out = {.dentropy = slope}, plain = {0};
    (void)state;

    objective_ppo.run(&conf, &in, &plain);
    in.entropy_coef = .01;
    objective_ppo.run(&conf, &in, &out);
    assert_true(fabs(plain.loss - out.loss - .01 * 2) < 1e-9);
    assert_true(slope[0] == 0 && fabs((double)slope[1] + .01 / 3) < 1e-9);
}

/* Decoupled: the ratio is to the proximal policy, the loss is weighed; a clip is to the ratio.
 */
static void stale_tokens_are_weighed(void **state)
{
    const int starts[] = {0, 2};
    const uint8_t both[] = {1, 1};
    const float logprob[] = {-1, -1}, writer[] = {-3, -9}, proximal[] = {-1.1f, -1.5f};
    const float better[] = {2, 2}, importance[] = {.5f, 3};
    float slope[2];
    const struct objective_in in = {.n = 2,
                                    .n_seq = 1,
                                    .seq = starts,
                                    .learn = both,
                                    .logprob = logprob,
                                    .behaviour = writer,
                                    .proximal = proximal,
                                    .importance = importance,
                                    .advantage = better,
                                    .normaliser = 2};
    struct objective_out out = {.dlogprob = slope};
    (void)state;

    objective_ppo.run(&conf, &in, &out);
    const double r = exp(.1), want = (-2 * r * .5 - 2 * 1.2 * 3) / 2;
    assert_true(fabs(out.loss - want) < 1e-6);
    assert_true(fabs((double)slope[0] + r * .5) < 1e-6 && slope[1] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stale_tokens_are_weighed),
        cmocka_unit_test(the_losses_have_trls_values),
        cmocka_unit_test(policy_slopes_are_the_differences),
        cmocka_unit_test(value_slopes_are_the_differences),
        cmocka_unit_test(only_learnt_tokens_count),
        cmocka_unit_test(unmoved_weights_have_ratio_one),
        cmocka_unit_test(metrics_are_means_over_learnt_tokens),
        cmocka_unit_test(entropy_is_rewarded_when_asked),
    };
    return cmocka_run_group_tests_name("objective_ppo", tests, NULL, NULL);
}
