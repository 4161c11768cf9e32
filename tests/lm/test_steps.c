#include "lm/text/steps.h"

#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void cuts(const char *text, const char *separator, const char *wanted,
                 const size_t *ends)
{
    size_t *end;
    int count;
    json_t *list = steps_cut(text, strlen(text), separator, &end, &count);
    char *got = json_dumps(list, JSON_COMPACT);

    assert_string_equal(got, wanted);
    assert_int_equal(count, json_array_size(list));
    for (int i = 0; i < count; i++)
        assert_int_equal(end[i], ends[i]);
    free(got);
    free(end);
    json_decref(list);
}

static void a_text_is_cut_at_its_separators(void **state)
{
    (void)state;
    cuts("ab\nc\n", "\n", "[\"ab\",\"c\"]", (size_t[]){3, 5});
    cuts("ab\nc", "\n", "[\"ab\",\"c\"]", (size_t[]){3, 4});
    cuts("\n\nab\n\nc\n", "\n", "[\"ab\",\"c\"]", (size_t[]){5, 8});
    cuts("ab; c;d; ", "; ", "[\"ab\",\"c;d\"]", (size_t[]){4, 9});
    cuts("", "\n", "[]", NULL);
    cuts("\n", "\n", "[]", NULL);
    cuts("x", "\n", "[\"x\"]", (size_t[]){1});
}

static void steps_become_one_number(void **state)
{
    const double p[] = {.9, .5, .8};
    enum steps_how how;

    (void)state;
    assert_true(steps_sum(STEPS_MIN, p, 3) == .5);
    assert_true(fabs(steps_sum(STEPS_PRODUCT, p, 3) - .36) < 1e-12);
    assert_true(steps_sum(STEPS_LAST, p, 3) == .8);
    assert_true(fabs(steps_sum(STEPS_MEAN, p, 3) - 2.2 / 3) < 1e-12);
    assert_true(steps_sum(STEPS_MIN, p, 0) == 0.0);
    assert_ok(steps_how(&how, "product"));
    assert_int_equal(how, STEPS_PRODUCT);
    assert_err(ERR_RANGE, steps_how(&how, "max"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_cut_at_its_separators),
        cmocka_unit_test(steps_become_one_number),
    };
    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
