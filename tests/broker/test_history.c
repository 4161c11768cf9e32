/* The learner's curve, thinned out: bounded however long the run is, evenly spread, and JSON. */
#include "tests/support/test.h"

#include "broker/history.h"
#include "proto/limit.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct id run = {{1}}, other = {{2}};
static struct history h;

static int setup(void **state)
{
    memset(&h, 0, sizeof h);
    return (void)state, 0;
}

static void add(uint64_t step)
{
    char line[128];

    snprintf(line, sizeof line, "{\"reward\":%llu,\"kl\":0.5,\"words\":\"x\"}",
             (unsigned long long)step);
    history_add(&h, &run, step, line);
}

static json_t *read(void)
{
    char *text = history_json(&h);
    json_t *json = json_loads(text, 0, NULL);

    assert_true(strlen(text) <= MAX_JSON);
    free(text);
    assert_non_null(json);
    return json;
}

static json_int_t step(const json_t *json, size_t i)
{
    return json_integer_value(json_array_get(json_object_get(json, "step"), i));
}

static void a_short_run_is_there_whole(void **state)
{
    json_t *json;

    (void)state;
    for (uint64_t i = 1; i <= 50; i++) {
        add(i);
        add(i); /* each heartbeat says it again */
    }
    json = read();
    assert_int_equal(json_array_size(json_object_get(json, "step")), 50);
    for (size_t i = 0; i < 50; i++) {
        const json_t *of = json_object_get(json_object_get(json, "metrics"), "reward");

        assert_int_equal(step(json, i), i + 1);
        assert_true(json_number_value(json_array_get(of, i)) == (double)(i + 1));
    }
    assert_null(json_object_get(json_object_get(json, "metrics"), "words"));
    json_decref(json);
}

static void a_long_one_is_thinned_out_evenly(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 10000; i++) {
        add(i);
        assert_in_range(h.n, i < 48 ? i : 48, 96);
    }
    assert_int_equal(h.step[0], 1);
    for (uint32_t i = 1; i < h.n; i++)
        assert_int_equal(h.step[i] - h.step[i - 1], h.every);
    assert_in_range(h.step[h.n - 1], 10000 - h.every, 10000);
    json_decref(read());
}

static void the_widest_fits(void **state)
{
    char line[16384];

    (void)state;
    for (uint64_t i = 1; i <= 96; i++) {
        size_t n = (size_t)snprintf(line, sizeof line, "{\"a\\\"b\":1,\"\\u00e9\":2");

        for (int j = 0; j < 100; j++)
            n += (size_t)snprintf(line + n, sizeof line - n, ",\"%062d\":-1.2345e-%d", j,
                                  30 + j % 8);
        snprintf(line + n, sizeof line - n, "}");
        history_add(&h, &run, ((uint64_t)1 << 48) - 100 + i, line);
    }
    assert_int_equal(h.n, 96);
    assert_int_equal(h.n_name, 48);
    json_decref(read());
}

static void it_goes_back_with_the_run_and_ends_with_it(void **state)
{
    json_t *json;

    (void)state;
    char *nothing = history_json(&h);
    assert_string_equal(nothing, "");
    free(nothing);
    for (uint64_t i = 1; i <= 20; i++)
        add(i);
    add(11); /* a later epoch: 11 .. 20 were taken back */
    assert_int_equal(h.n, 11);
    history_add(&h, &run, 12, "[1]"); /* no line of metrics */
    assert_int_equal(h.n, 11);
    history_add(&h, &run, 12, "{\"late\":7}");
    json = read();
    assert_true(json_is_null(
        json_array_get(json_object_get(json_object_get(json, "metrics"), "late"), 0)));
    assert_true(json_is_null(
        json_array_get(json_object_get(json_object_get(json, "metrics"), "reward"), 11)));
    json_decref(json);
    history_add(&h, &other, 3, "{\"loss\":1}");
    assert_int_equal(h.n, 1);
    assert_int_equal(h.n_name, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_short_run_is_there_whole, setup),
        cmocka_unit_test_setup(a_long_one_is_thinned_out_evenly, setup),
        cmocka_unit_test_setup(the_widest_fits, setup),
        cmocka_unit_test_setup(it_goes_back_with_the_run_and_ends_with_it, setup),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
