/* What the page says of places becomes what the store keeps of candidates; what was not shown cannot
 * be chosen. And what the page gets holds places alone. */
#include "tests/support/test.h"

#include "annotate/said.h"
#include "annotate/shown.h"

#include <stdlib.h>
#include <string.h>

static const struct prefs_assignment shown = {
    .id = 7, .annotator = 3, .n = 3, .order = {2, 0, 1}};

static enum err said(const char *text, struct prefs_judgement *out, json_t **body, json_t **own)
{
    *body = json_loads(text, 0, NULL);
    assert_non_null(*body);
    return said_read(*body, &shown, out, own);
}

static void gone(json_t *body, json_t *own)
{
    json_decref(body);
    json_decref(own);
}

static void places(void **state)
{
    struct prefs_judgement j;
    json_t *body, *own;
    char *text;

    (void)state;
    assert_ok(said("{\"id\":\"abcdefgh\",\"verdict\":\"chosen\",\"place\":0,\"strength\":2,"
                   "\"shown_ms\":1500,\"criteria\":[{\"a\":5},{},{\"a\":1,\"b\":2}]}",
                   &j, &body, &own));
    assert_int_equal(j.verdict, PREFS_CHOSEN);
    assert_int_equal(j.choice, 2);
    assert_int_equal(j.assignment, 7);
    assert_int_equal(j.annotator, 3);
    assert_int_equal(j.strength, 2);
    assert_int_equal(j.shown_ms, 1500);
    text = json_dumps(j.criteria, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"a/1\":1,\"a/2\":5,\"b/1\":2}");
    free(text);
    gone(body, own);
    assert_ok(said("{\"id\":\"abcdefgh\",\"verdict\":\"ranking\",\"ranking\":[[1],[0,2]]}", &j,
                   &body, &own));
    text = json_dumps(j.ranking, JSON_COMPACT);
    assert_string_equal(text, "[[0],[2,1]]");
    free(text);
    gone(body, own);
}

static void refused(void **state)
{
    static const char *const texts[] = {
        "{\"verdict\":\"tie\"}",
        "{\"id\":\"abcdefgh\"}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"undo\"}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"best\"}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"chosen\"}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"chosen\",\"place\":3}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"chosen\",\"place\":-1}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"chosen\",\"place\":0.5}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"chosen\",\"place\":9223372036854775807}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"ranking\",\"ranking\":[[0],[3]]}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"ranking\",\"ranking\":[[0],[\"1\"]]}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"step\"}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"step\",\"step\":-2}",
        "{\"id\":\"abcdefgh\",\"verdict\":\"rewrite\"}",
    };
    struct prefs_judgement j;
    json_t *body, *own;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (said(texts[i], &j, &body, &own) != ERR_PARSE)
            fail_msg("taken: %s", texts[i]);
        gone(body, own);
    }
}

/* An annotator's browser has nothing that tells which model wrote what, or why it was asked. */
static void hidden(void **state)
{
    struct prefs_item item = {.id = 9,
                              .key = (char *)(uintptr_t) "key-secret",
                              .mode = PREFS_RANK,
                              .n = 3,
                              .active = (char *)(uintptr_t) "strategy-secret"};
    json_t *out;
    char *text;

    (void)state;
    for (int i = 0; i < 3; i++) {
        item.candidate[i].content = json_pack("[{s:s, s:s}]", "role", "assistant", "content",
                                              i == 2 ? "two<b>" : "other");
        item.candidate[i].model = (char *)(uintptr_t) "model-secret";
        item.candidate[i].meta = json_pack("{s:s}", "score", "meta-secret");
    }
    item.gold = json_pack("{s:s}", "verdict", "gold-secret");
    out = shown_assignment(&item, &shown);
    text = json_dumps(out, 0);
    assert_null(strstr(text, "secret"));
    assert_null(strstr(text, "order"));
    assert_string_equal(
        "two<b>",
        json_string_value(json_object_get(
            json_array_get(
                json_object_get(json_array_get(json_object_get(out, "places"), 0), "parts"), 0),
            "text")));
    free(text);
    json_decref(out);
    json_decref(item.gold);
    for (int i = 0; i < 3; i++) {
        json_decref(item.candidate[i].content);
        json_decref(item.candidate[i].meta);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(places), cmocka_unit_test(refused),
                                       cmocka_unit_test(hidden)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
