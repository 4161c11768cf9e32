/* Golden values: TRL 1.16's formulas in double precision, and
 * finite differences for every slope. */
#include "learner/objective/objective.h"
#include "learner/objective/objective_reward.h"
#include "learner/objective/objective_sft.h"

#include "tests/support/test.h"

#include <math.h>
#include <string.h>

enum { N = 9 };

static const int seq[] = {0, 2, 5, 7, 9};

static double reward_loss(const float *value, const float *margin, double center, float *slope)
{
    const struct objective_reward_conf conf = {center};
    const struct objective_in in = {
        .n = N, .n_seq = 4, .seq = seq, .value = value, .seq_margin = margin, .normaliser = 2};
    struct objective_out out = {.dvalue = slope};

    objective_reward.run(&conf, &in, &out);
    return out.loss;
}

/* One pair, r = 1.2 and 0.3, margin .5: .513015252; centring .01: + .0225. */
static void the_reward_loss_has_trls_value(void **state)
{
    const struct objective_reward_conf plain = {0}, centred = {.01};
    const float value[] = {9, 1.2f, 9, 9, .3f}, margin[] = {.5f, .5f};
    const struct objective_in in = {
        .n = 5, .n_seq = 2, .seq = seq, .value = value, .seq_margin = margin, .normaliser = 1};
    struct objective_out out = {0};
    (void)state;

    objective_reward.run(&plain, &in, &out);
    assert_true(fabs(out.loss - .513015252) < 1e-7);
    objective_reward.run(&centred, &in, &out);
    assert_true(fabs(out.loss - .513015252 - .0225) < 1e-7);
    assert_true(objective_reward.count(&in) == 1);
}

static void reward_slopes_are_the_differences(void **state)
{
    float value[N] = {.1f, -.4f, 2, 1, .9f, -2, 3, .5f, -1.5f};
    const float margin[] = {.25f, .25f, 0, 0};
    float slope[N], unused[N];
    (void)state;

    reward_loss(value, margin, .03, slope);
    for (int i = 0; i < N; i++) {
        const float was = value[i], h = 1e-2f;
        double up, down;
        value[i] = was + h;
        up = reward_loss(value, margin, .03, unused);
        value[i] = was - h;
        down = reward_loss(value, margin, .03, unused);
        value[i] = was;
        assert_true(fabs((up - down) / (2 * (double)h) - (double)slope[i]) < 2e-5);
    }
    assert_true(slope[0] == 0 && slope[2] == 0 && slope[1] != 0 && slope[4] != 0);
}

/* Loss, slopes and metrics, whatever the model says before the last token. */
static void only_the_last_position_is_read(void **state)
{
    const struct objective_reward_conf conf = {.03};
    const float last[N] = {0, -.4f, 0, 0, .9f, 0, 3, 0, -1.5f};
    const float other[] = {0, 1, -7, 1e30f, INFINITY, NAN};
    float slope[6][N];
    struct objective_out out[6];
    (void)state;

    for (int k = 0; k < 6; k++) {
        float value[N];
        const struct objective_in in = {
            .n = N, .n_seq = 4, .seq = seq, .value = value, .normaliser = 2};
        for (int i = 0; i < N; i++)
            value[i] = i == 1 || i == 4 || i == 6 || i == 8 ? last[i] : other[k];
        out[k] = (struct objective_out){.dvalue = slope[k]};
        objective_reward.run(&conf, &in, &out[k]);
        assert_true(out[k].loss == out[0].loss && out[k].metrics == out[0].metrics);
        assert_memory_equal(slope[k], slope[0], sizeof slope[0]);
        for (int i = 0; i < out[k].metrics; i++)
            assert_true(out[k].metric[i].sum == out[0].metric[i].sum);
    }
}

static void equal_scores_are_no_win(void **state)
{
    const struct objective_reward_conf conf = {0};
    const float value[] = {0, 1, 0, 0, 1};
    const struct objective_in in = {
        .n = 5, .n_seq = 2, .seq = seq, .value = value, .normaliser = 1};
    struct objective_out out = {0};
    (void)state;

    objective_reward.run(&conf, &in, &out);
    assert_true(fabs(out.loss - log(2)) < 1e-12);
    for (int i = 0; i < out.metrics; i++)
        if (!strcmp(out.metric[i].name, "accuracy"))
            assert_true(out.metric[i].sum == 0 && out.metric[i].weight == 1);
}

static double margin_of(float chosen, float rejected)
{
    const struct objective_reward_conf conf = {0};
    const float value[] = {0, chosen, 0, 0, rejected};
    const struct objective_in in = {
        .n = 5, .n_seq = 2, .seq = seq, .value = value, .normaliser = 1};
    struct objective_out out = {0};

    objective_reward.run(&conf, &in, &out);
    for (int i = 0; i < out.metrics; i++)
        if (!strcmp(out.metric[i].name, "margin"))
            return out.metric[i].sum;
    fail_msg("no margin");
    return 0;
}

static void a_swap_flips_the_margin(void **state)
{
    (void)state;
    assert_true(margin_of(1.25f, .3f) == -margin_of(.3f, 1.25f));
    assert_true(fabs(margin_of(1.25f, .3f) - .95) < 1e-6);
}

static void extreme_margins_stay_finite(void **state)
{
    (void)state;

    assert_true(objective_reward_bt(1e4) == 0);
    assert_true(fabs(objective_reward_bt(-1e4) - 1e4) < 1e-9);
}

static void sft_counts_learnt_tokens_only(void **state)
{
    const float logprob[N] = {0, -1, 0, -2, -3, 0, -4, 0, -5};
    const float entropy[N] = {0, 1, 0, 2, 3, 0, 4, 0, 5};
    const uint8_t learn[N] = {0, 1, 0, 0, 1, 0, 1, 0, 1}, hit[N] = {0, 1, 0, 1, 0, 0, 1, 0, 0};
    const struct objective_in in = {.n = N,
                                    .n_seq = 4,
                                    .seq = seq,
                                    .learn = learn,
                                    .logprob = logprob,
                                    .entropy = entropy,
                                    .hit = hit,
                                    .normaliser = 8};
    const struct objective_sft_conf nll = {.dft = false}, dft = {.dft = true};
    float slope[N];
    struct objective_out out = {.dlogprob = slope};
    (void)state;

    assert_true(objective_sft.count(&in) == 4);
    objective_sft.run(&nll, &in, &out);
    assert_true(fabs(out.loss - 13.0 / 8) < 1e-12);
    assert_true(slope[1] == -.125f && slope[3] == 0 && slope[0] == 0);
    assert_int_equal(out.metrics, 2);
    assert_true(out.metric[0].sum == 13 && out.metric[0].weight == 4);
    assert_true(out.metric[1].sum == 2);
    objective_sft.run(&dft, &in, &out);
    assert_true(fabs(out.loss - (exp(-1) + 3 * exp(-3) + 4 * exp(-4) + 5 * exp(-5)) / 8) <
                1e-9);
    assert_true(fabs((double)slope[1] + exp(-1) / 8) < 1e-8); /* p is held fixed */
}

/* A tenth of each label's weight is everybody's: (1 - e) nll + e (mean of all), both over the
 * learnt tokens of the step. */
static void smoothing_shares_a_labels_weight(void **state)
{
    const float logprob[N] = {0, -1, 0, -2, -3, 0, -4, 0, -5};
    const float mean[N] = {0, -7, 0, -9, -6, 0, -8, 0, -10};
    const uint8_t learn[N] = {0, 1, 0, 0, 1, 0, 1, 0, 1};
    struct objective_in in = {.n = N,
                              .n_seq = 4,
                              .seq = seq,
                              .learn = learn,
                              .logprob = logprob,
                              .mean_logprob = mean,
                              .normaliser = 8};
    const struct objective_sft_conf soft = {.smoothing = .1}, plain = {.smoothing = 0};
    float slope[N], slope_mean[N];
    struct objective_out out = {.dlogprob = slope, .dmean = slope_mean};
    (void)state;

    objective_sft.run(&soft, &in, &out);
    assert_true(fabs(out.loss - (.9 * 13 + .1 * 31) / 8) < 1e-12);
    assert_true(out.dmean == slope_mean);
    for (int i = 0; i < N; i++) {
        assert_true(slope[i] == (learn[i] ? (float)(-.9 / 8) : 0));
        assert_true(slope_mean[i] == (learn[i] ? (float)(-.1 / 8) : 0));
    }
    /* without it there is no slope at all, so that a step has the bits that it had */
    objective_sft.run(&plain, &in, &out);
    assert_true(out.loss == 13.0 / 8 && out.dmean == NULL && slope[1] == -.125f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reward_loss_has_trls_value),
        cmocka_unit_test(reward_slopes_are_the_differences),
        cmocka_unit_test(only_the_last_position_is_read),
        cmocka_unit_test(equal_scores_are_no_win),
        cmocka_unit_test(a_swap_flips_the_margin),
        cmocka_unit_test(extreme_margins_stay_finite),
        cmocka_unit_test(sft_counts_learnt_tokens_only),
        cmocka_unit_test(smoothing_shares_a_labels_weight),
    };

    return cmocka_run_group_tests_name("objective", tests, NULL, NULL);
}
