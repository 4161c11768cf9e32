/* A template that says today's date: a run keeps the day of its first start. */

#include "base/fs.h"
#include "learner/run/start_model.h"
#include "tests/lm/chats.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

static const char saved[] = "{\"config\": {\"chat_template_kwargs\": {\"date_string\": "
                            "\"01 Jan 2025\"}}}";

static const char *day_of(json_t *config, const struct model_files *card)
{
    return json_string_value(json_object_get(start_model_day(config, card), "date_string"));
}

static void a_run_keeps_its_day(void **state)
{
    char run[512];
    struct keys keys = {.output_dir = run};
    const struct model_files dated = {.chat = chats_named("llama3.2")},
                             other = {.chat = chats_named("qwen2.5")};
    json_t *config = json_object(), *again = json_object();
    const char *day;

    (void)state;
    snprintf(run, sizeof run, "%s", scratch_at("run"));
    start_model_kept_day(config, &keys); /* there is no run yet */
    assert_int_equal(json_object_size(config), 0);
    assert_null(start_model_day(config, &other));
    assert_int_equal(json_object_size(config), 0);
    day = day_of(config, &dated);
    assert_int_equal(strlen(day), strlen("30 Nov 2026"));
    assert_string_equal(day_of(config, &dated), day);

    assert_ok(fs_mkdir(keys.output_dir));
    assert_ok(fs_write(scratch_at("run/run.json"), saved, strlen(saved)));
    start_model_kept_day(again, &keys);
    assert_string_equal(day_of(again, &dated), "01 Jan 2025");
    json_object_clear(again);
    keys.overwrite_output_dir = true; /* begins anew: today */
    start_model_kept_day(again, &keys);
    assert_int_equal(json_object_size(again), 0);
    json_decref(config);
    json_decref(again);
    chat_free(dated.chat);
    chat_free(other.chat);
}

static void kwargs_are_a_map_and_the_date_a_text(void **state)
{
    static const struct {
        const char *given, *words;
    } cases[] = {{"{\"date_string\": \"26 Jul 2024\"}", NULL},
                 {"{}", NULL},
                 {"{\"enable_thinking\": false}", NULL}, /* the template is asked later */
                 {"{\"date_string\": [\"a\"]}", "expected a text"},
                 {"[\"date_string\"]", "expected a map"}};

    (void)state;
    assert_ok(start_model_kwargs(&(struct keys){.seed = 1}));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *given = json_loads(cases[i].given, 0, NULL);
        const struct keys keys = {.chat_template_kwargs = given};
        const enum err err = start_model_kwargs(&keys);

        if (!cases[i].words != !err || (err && !strstr(err_text(), cases[i].words)))
            fail_msg("%s: %s", cases[i].given, err ? err_text() : "taken");
        json_decref(given);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_keeps_its_day, scratch_open, scratch_close),
        cmocka_unit_test(kwargs_are_a_map_and_the_date_a_text),
    };

    return cmocka_run_group_tests_name("card", tests, NULL, NULL);
}
