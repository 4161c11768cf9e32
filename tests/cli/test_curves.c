/* The small drawings of `drover top`: taken from a history and what comes after, of any width. */
#include "tests/support/test.h"

#include "cli/curves.h"

#include <stdio.h>
#include <string.h>

static struct curves curves;
static char line[512];

static int setup(void **state)
{
    memset(&curves, 0, sizeof curves);
    return (void)state, 0;
}

static void take(uint64_t step, const char *metrics, const char *history)
{
    const struct msg_stats stats = {
        .step = step, .metrics = metrics, .history = history, .tokens_s = (double)step};

    curves_take(&curves, &stats);
}

static void a_late_subscriber_sees_the_curve(void **state)
{
    (void)state;
    take(4, "{\"reward\":4,\"loss\":0.5,\"lr\":1}",
         "{\"step\":[1,2,3],\"metrics\":{\"lr\":[1,1,1],\"reward\":[1,null,3],\"loss\":[3,2,1]}"
         "}");
    assert_int_equal(curves.series[0].n, 3); /* null is none */
    assert_int_equal(curves.series[1].n, 4);
    assert_string_equal(curves.series[1].name, "loss");
    take(4, "{\"reward\":4}", NULL); /* the same line again */
    assert_int_equal(curves.series[0].n, 3);
    take(8, "{\"reward\":8,\"loss\":0.25}", "");
    assert_true(curves_line(&curves, line, sizeof line, 200, true) > 0);
    assert_string_equal(line,
                        "curves   tokens/s __# 8  reward __-::::# 8  loss #+-_____ 0.25  ");
    take(3, "{\"reward\":0,\"loss\":9}", ""); /* the run went back */
    assert_int_equal(curves.series[0].n, 2);
    assert_int_equal(curves.series[1].n, 3);
}

static void each_method_has_its_names(void **state)
{
    (void)state;
    take(1, "{\"objective/scores\":1,\"loss/policy_avg\":2,\"objective/kl\":3}", "");
    take(2, "{\"objective/scores\":2,\"loss/policy_avg\":1,\"objective/kl\":0}", "");
    assert_string_equal(curves.series[2].name, "objective/kl");
    curves_line(&curves, line, sizeof line, 200, false);
    assert_string_equal(line, "curves   tokens/s ▁█ 2  reward ▁█ 2  loss █▁ 1  kl █▁ 0  ");
}

/* Columns, not bytes; and never beyond the room. */
static void it_fits_every_width(void **state)
{
    char metrics[128];

    (void)state;
    for (uint64_t i = 1; i < 2000; i++) {
        snprintf(metrics, sizeof metrics, "{\"reward\":%llu,\"loss\":-1.23e-7,\"kl\":%llu}",
                 (unsigned long long)(i * 7919 % 101), (unsigned long long)i);
        take(i, metrics, "");
    }
    for (int width = 1; width < 300; width++)
        for (int ascii = 0; ascii < 2; ascii++) {
            const size_t n = curves_line(&curves, line, sizeof line, width, ascii);
            size_t columns = 0;

            assert_true(n < sizeof line && strlen(line) == n);
            for (size_t i = 0; i < n; i++)
                columns += ((unsigned char)line[i] & 0xc0) != 0x80;
            assert_in_range(columns, 0, width);
            assert_true(width < 80 || strstr(line, "loss "));
        }
    curves_line(&curves, line, 20, 200, false);
    assert_true(strlen(line) < 20);
}

static void what_is_no_history_is_nothing(void **state)
{
    static const char *const odd[] = {"[", "{}", "{\"step\":3,\"metrics\":[]}",
                                      "{\"step\":[\"a\"],\"metrics\":{\"loss\":[1e999]}}",
                                      "{\"step\":[5,5],\"metrics\":{\"loss\":[1,2,3]}}"};

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        take(1, "", odd[i]);
        assert_in_range(curves.series[1].n, 0, 1);
        curves_line(&curves, line, sizeof line, 100, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_late_subscriber_sees_the_curve, setup),
        cmocka_unit_test_setup(each_method_has_its_names, setup),
        cmocka_unit_test_setup(it_fits_every_width, setup),
        cmocka_unit_test_setup(what_is_no_history_is_nothing, setup),
    };
    return cmocka_run_group_tests_name("curves", tests, NULL, NULL);
}
