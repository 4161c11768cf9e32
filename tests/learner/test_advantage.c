#include "learner/objective/advantage.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#define close_to(a, b) assert_true(fabs((double)(a) - (b)) < 1e-6)

/* Schulman's recursion by hand: computed with numpy in double. */
static void gae_matches_the_golden_numbers(void **state)
{
    const float r[] = {-.1f, .2f, -.05f, 1.f}, v[] = {.5f, .4f, .3f, .2f};
    const double a[] = {.445525, .6795, .61, .8}, want[] = {.945525, 1.0795, .91, 1.0};
    float advantage[4], target[4];
    (void)state;

    advantage_gae(r, v, NULL, 4, 1, .95, advantage, target);
    for (int t = 0; t < 4; t++) {
        close_to(advantage[t], a[t]);
        close_to(target[t], want[t]);
    }
}

static void gae_matches_the_second_golden(void **state)
{
    const float r[] = {0, -.1f, .2f, 1}, v[] = {.5f, .4f, .3f, .2f};
    const double a[] = {.48615, .617, .86, .8};
    float advantage[4], target[4];
    (void)state;

    advantage_gae(r, v, NULL, 4, 1, .95, advantage, target);
    for (int t = 0; t < 4; t++)
        close_to(advantage[t], a[t]);
}

/* A tool's tokens between the policy's change nothing for the policy's. */
static void what_the_policy_did_not_write_is_skipped(void **state)
{
    const float r[] = {-.1f, 9, 9, .2f, -.05f, 9, 1.f}, v[] = {.5f, 7, 7, .4f, .3f, 7, .2f};
    const uint8_t learn[] = {1, 0, 0, 1, 1, 0, 1};
    const double a[] = {.445525, 0, 0, .6795, .61, 0, .8};
    float advantage[7], target[7];
    (void)state;

    advantage_gae(r, v, learn, 7, 1, .95, advantage, target);
    for (int t = 0; t < 7; t++) {
        close_to(advantage[t], a[t]);
        if (!learn[t])
            assert_true(target[t] == 0.0f);
    }
}

static void gamma_discounts(void **state)
{
    const float r[] = {0, 0, 1}, v[] = {0, 0, 0};
    float advantage[3], target[3];
    (void)state;

    advantage_gae(r, v, NULL, 3, .5, 1, advantage, target);
    close_to(advantage[0], .25);
    close_to(advantage[1], .5);
    advantage_gae(r, v, NULL, 3, 1, 0, advantage, target);
    close_to(advantage[0], 0);
    close_to(advantage[2], 1);
}

/* TRL's masked_whiten on the advantages of the second golden. */
static void whitening_matches_trl(void **state)
{
    float x[] = {.48615f, 99, .617f, .86f, .8f};
    const uint8_t learn[] = {1, 0, 1, 1, 1};
    const double want[] = {-1.195631738, 99, -.431116862, .988654746, .638093855};
    (void)state;

    advantage_whiten(x, learn, 5, ADVANTAGE_CENTRED);
    for (int t = 0; t < 5; t++)
        close_to(x[t], want[t]);
}

/* TRL's whiten(shift_mean=False), unbiased variance, 1.2 ... 2.0: the mean 1.6 stays. */
static void rewards_keep_their_mean(void **state)
{
    float x[] = {1.2f, 1.3f, 1.4f, 1.5f, 1.6f, 1.7f, 1.8f, 1.9f, 2.0f};
    const double first[] = {.1394, .5046, .8697};
    double sum = 0;
    (void)state;

    advantage_whiten(x, NULL, 9, ADVANTAGE_KEEP_MEAN);
    for (int t = 0; t < 3; t++)
        assert_true(fabs((double)x[t] - first[t]) < 1e-4);
    for (int t = 0; t < 9; t++)
        sum += (double)x[t];
    close_to(sum / 9, 1.6);
}

static void one_token_has_no_spread(void **state)
{
    float x[] = {3, 4};
    const uint8_t learn[] = {0, 1}, none[] = {0, 0};
    (void)state;

    advantage_whiten(x, learn, 2, ADVANTAGE_CENTRED);
    advantage_whiten(x, none, 2, ADVANTAGE_KEEP_MEAN);
    assert_true(x[0] == 3 && x[1] == 4);
}

/* Numbers of moolib's and seed_rl's recursion; ratio 1 and rho_bar above
 * 1 give GAE's targets. */
static void vtrace_matches_the_golden_numbers(void **state)
{
    const double ratio[] = {1.5, .8, 2}, one[] = {1, 1, 1};
    const float r[] = {0, 0, 1}, v[] = {.2f, .3f, .4f};
    const double vs[] = {.86, .86, 1}, pg[] = {.66, .56, .6};
    float advantage[3], target[3], plain[3], returns[3];
    const uint8_t learn[] = {1, 1, 1};
    (void)state;

    advantage_vtrace(r, v, ratio, learn, 3, 1, 1, 1, advantage, target);
    for (int t = 0; t < 3; t++) {
        close_to(target[t], vs[t]);
        close_to(advantage[t], pg[t]);
    }
    advantage_gae(r, v, learn, 3, .9, .8, plain, returns);
    advantage_vtrace(r, v, one, learn, 3, .9, .8, 2, advantage, target);
    for (int t = 0; t < 3; t++)
        close_to(target[t], (double)returns[t]);
}

static void vtrace_skips_what_nobody_learns(void **state)
{
    const double ratio[] = {.5, 9, .7};
    const float r[] = {.1f, 5, 1}, v[] = {.2f, 7, .4f};
    const uint8_t learn[] = {1, 0, 1};
    float advantage[3], target[3];
    (void)state;

    advantage_vtrace(r, v, ratio, learn, 3, 1, 1, 1, advantage, target);
    const double last = .4 + .7 * (1 - .4);
    close_to(target[2], last);
    close_to(target[0], .2 + .5 * (.1 + .4 - .2) + .5 * (last - .4));
    close_to(advantage[0], .5 * (.1 + last - .2));
    assert_true(target[1] == 0 && advantage[1] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vtrace_matches_the_golden_numbers),
        cmocka_unit_test(vtrace_skips_what_nobody_learns),
        cmocka_unit_test(gae_matches_the_golden_numbers),
        cmocka_unit_test(gae_matches_the_second_golden),
        cmocka_unit_test(what_the_policy_did_not_write_is_skipped),
        cmocka_unit_test(gamma_discounts),
        cmocka_unit_test(whitening_matches_trl),
        cmocka_unit_test(rewards_keep_their_mean),
        cmocka_unit_test(one_token_has_no_spread),
    };
    return cmocka_run_group_tests_name("advantage", tests, NULL, NULL);
}
