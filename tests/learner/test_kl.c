#include "learner/objective/kl.h"
#include "tests/support/test.h"

#include <math.h>

#define close_to(a, b, tolerance) assert_true(fabs((a) - (b)) < (tolerance))

static void estimators_match_the_golden_numbers(void **state)
{
    (void)state;
    close_to(kl_estimate(KL_K1, -1, -1.5), .5, 1e-12);
    close_to(kl_estimate(KL_K2, -1, -1.5), .125, 1e-12);
    close_to(kl_estimate(KL_K3, -1, -1.5), .106530660, 1e-9);
    close_to(kl_estimate(KL_K3, -1, -1), 0, 0x1p-60);
}

/* p = (.6, .4), q = (.5, .5): the exact divergence against the estimators' expectations. */
static void k1_and_k3_are_unbiased_and_k2_is_not(void **state)
{
    const double p[] = {.6, .4}, exact = .6 * log(1.2) + .4 * log(.8);
    double mean[3] = {0};
    (void)state;

    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 2; i++)
            mean[k] += p[i] * kl_estimate((enum kl)k, log(p[i]), log(.5));
    }
    close_to(exact, .0201355, 1e-7);
    close_to(mean[KL_K1], exact, 1e-12);
    close_to(mean[KL_K2], .0199310, 1e-7);
    close_to(mean[KL_K3], exact, 1e-12);
}

static void names_are_known(void **state)
{
    (void)state;

    assert_string_equal(kl_names[KL_K1], "k1");
    assert_string_equal(kl_names[KL_K3], "k3");
    assert_null(kl_names[KL_K3 + 1]);
}

static void the_controller_matches_the_golden_numbers(void **state)
{
    const double kl[] = {0, 3, 6, 12}, want[] = {.148464, .148464, .15, .151536};
    (void)state;

    for (int i = 0; i < 4; i++) {
        struct kl_control control = {.15, 6, 10000};
        kl_control_update(&control, kl[i], 512);
        close_to(control.beta, want[i], 1e-9);
    }
    struct kl_control verl = {.2, 6, 1e4};
    kl_control_update(&verl, 9, 256);
    close_to(verl.beta, .201024, 1e-9);
    struct kl_control fixed = {.05, 0, 1e4};
    kl_control_update(&fixed, 100, 512);
    close_to(fixed.beta, .05, 0x1p-60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimators_match_the_golden_numbers),
        cmocka_unit_test(k1_and_k3_are_unbiased_and_k2_is_not),
        cmocka_unit_test(names_are_known),
        cmocka_unit_test(the_controller_matches_the_golden_numbers),
    };
    return cmocka_run_group_tests_name("kl", tests, NULL, NULL);
}
