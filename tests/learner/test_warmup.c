/* A critic that learns alone before the policy moves, and what it foretells. */
#include "tests/learner/feed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *image_of(const struct iteration_state *ppo, size_t *bytes)
{
    const float *const image = iteration_image(ppo, bytes);
    float *const copy = malloc(*bytes);

    assert_non_null(copy);
    memcpy(copy, image, *bytes);
    return copy;
}

static bool has_moved(const struct iteration_state *ppo, const float *from, size_t bytes)
{
    size_t n;
    const float *const now = iteration_image(ppo, &n);

    assert_int_equal(n, bytes);
    return memcmp(now, from, n) != 0;
}

static double norm_of(const struct params *params)
{
    double sum = 0;

    for (size_t i = 0; i < params->count; i++)
        sum += (double)params->data[i] * (double)params->data[i];
    return sum;
}

/* Two iterations of the critic alone, then both. */
static void the_policy_waits_for_its_critic(void **state)
{
    struct iteration_conf conf = golden_conf(0);
    struct iteration_metrics got;
    struct feed feed;
    struct iteration_state *ppo;
    float *start;
    size_t bytes;
    (void)state;

    conf.rates = optim_plan(SCHEDULE_LINEAR, 3e-4, 0, 10);
    conf.critic_warmup = 2;
    conf.target_kl = .1; /* a price that is steered: not by answers of a policy that waits */
    conf.kl_horizon = 100;
    ppo = fresh(&conf);
    start = image_of(ppo, &bytes);
    for (int i = 0; i < 3; i++) {
        const double critic = norm_of(iteration_critic(ppo)), beta = iteration_beta(ppo);
        feed_on_policy(&feed, ppo, conf.temperature, i);
        assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, &got));
        assert_true(fabs(norm_of(iteration_critic(ppo)) - critic) > 0);
        assert_int_equal(has_moved(ppo, start, bytes), i == 2);
        assert_int_equal(fabs(iteration_beta(ppo) - beta) > 0, i == 2);
        assert_true(got.first.ratio_gap < 1e-6 && got.first.tokens > 0);
        assert_int_equal(metric(&got, "lr") > 0, i == 2);
        assert_int_equal(metric(&got, "drover_policy_grad_norm") > 0, i == 2);
        assert_true(metric(&got, "drover_critic_grad_norm") > 0);
        if (i < 2)
            assert_true(fabs(metric(&got, "val/ratio") - 1) < 1e-12 &&
                        metric(&got, "val/clipfrac_avg") < 1e-12);
        assert_int_equal(iteration_count(ppo), i + 1);
    }
    free(start);
    iteration_free(ppo);
}

/* Alone, the critic learns what the rewards came to, whatever lambda and the clip are. */
static void alone_it_learns_what_came(void **state)
{
    double loss[2];
    (void)state;

    for (int k = 0; k < 2; k++) {
        struct iteration_conf conf =
            golden_with(0, k ? "lam=.1;cliprange_value=1e-6" : "lam=.95;cliprange_value=.2");
        struct iteration_metrics got;
        struct feed feed;
        struct iteration_state *ppo;
        conf.critic_warmup = 1;
        ppo = fresh(&conf);
        feed_on_policy(&feed, ppo, conf.temperature, 0);
        assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, &got));
        loss[k] = metric(&got, "loss/value_avg");
        iteration_free(ppo);
    }
    assert_true(loss[0] > 0 && fabs(loss[0] - loss[1]) < 1e-12);
}

/* A critic of zeros foretells nothing: 0; the figure against its definition. */
static void explained_variance_is_as_defined(void **state)
{
    struct iteration_conf conf = golden_conf(0);
    struct iteration_metrics got;
    struct feed feed;
    struct iteration_state *ppo;
    (void)state;

    assert_ok(iteration_new(&ppo, &conf, weights(&small_shape[0]), NULL));
    feed_on_policy(&feed, ppo, conf.temperature, 0);
    assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, &got));
    assert_true(fabs(metric(&got, "val/explained_variance")) < 1e-9);
    iteration_free(ppo);
    /* nothing to explain: no figure */
    conf.kl_coef = 0;
    ppo = fresh(&conf);
    feed_on_policy(&feed, ppo, conf.temperature, 0);
    for (int s = 0; s < ROWS; s++)
        feed.rollout[s].score = 0;
    assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, &got));
    for (int i = 0; i < got.n; i++)
        assert_string_not_equal(got.metric[i].name, "val/explained_variance");
    iteration_free(ppo);
}

/* With every score 0 and no price there is nothing to learn, and a critic that says 0 of all
 * states leaves the policy where it is, bit for bit. */
static void without_rewards_a_head_of_zeros_moves_nothing(void **state)
{
    struct iteration_conf conf = golden_conf(0);
    struct iteration_metrics got;
    struct feed feed;
    struct iteration_state *ppo;
    float *start;
    size_t bytes;
    (void)state;

    conf.kl_coef = 0;
    assert_ok(iteration_new(&ppo, &conf, weights(&small_shape[0]), NULL));
    start = image_of(ppo, &bytes);
    for (int i = 0; i < 2; i++) {
        feed_on_policy(&feed, ppo, conf.temperature, i);
        for (int s = 0; s < ROWS; s++)
            feed.rollout[s].score = 0;
        assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, &got));
        assert_false(has_moved(ppo, start, bytes));
    }
    free(start);
    iteration_free(ppo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_policy_waits_for_its_critic),
        cmocka_unit_test(alone_it_learns_what_came),
        cmocka_unit_test(explained_variance_is_as_defined),
        cmocka_unit_test(without_rewards_a_head_of_zeros_moves_nothing),
    };
    return cmocka_run_group_tests_name("warmup", tests, NULL, NULL);
}
