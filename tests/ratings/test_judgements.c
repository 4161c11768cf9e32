#include "base/mem.h"
#include "ratings/judgements.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct judgements *read_text(enum judgements_level level, const char *name,
                                    const char *text, enum err *err)
{
    struct judgements *all = judgements_new(level);
    const char *path = scratch_at(name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    *err = judgements_read(all, &path, 1);
    return all;
}

static struct judgements *good(enum judgements_level level, const char *text)
{
    enum err err;
    struct judgements *all = read_text(level, "rows.jsonl", text, &err);

    if (err)
        fail_msg("%s", err_text());
    return all;
}

/* The error names the line and the reason. */
static void bad(enum judgements_level level, const char *text, const char *words)
{
    enum err err;

    judgements_free(read_text(level, "rows.jsonl", text, &err));
    assert_int_equal(err, ERR_PARSE);
    if (!strstr(err_text(), words))
        fail_msg("'%s' lacks '%s'", err_text(), words);
}

static void rows_are_read(void **state)
{
    struct judgements *all = good(
        JUDGEMENTS_NOMINAL,
        "{\"item\": 2, \"annotator\": \"eva\", \"value\": \"good\", \"time\": 20, \"seconds\": "
        "1.5, \"prompt\": [{\"role\": \"user\"}], \"why\": \"plan\", \"extra\": 1}\n"
        "{\"item\": 1, \"annotator\": \"max\", \"value\": 1.0, \"side\": \"left\"}\n"
        "{\"item\": \"1\", \"annotator\": \"eva\", \"value\": true, \"why\": "
        "\"active:margin\"}\n"
        "{\"item\": 1, \"annotator\": \"tom\", \"value\": null, \"gold\": 1}\n");

    (void)state;
    assert_int_equal(all->n, 4);
    assert_int_equal(all->item.n, 2);
    assert_string_equal(all->annotator.text[1], "max");
    assert_string_equal(all->item.text[all->row[3].item], "2");
    assert_true(all->row[3].time == 20 && all->row[3].seconds == 1.5);
    assert_true(all->row[0].why == WHY_ACTIVE && all->row[1].side == SIDE_LEFT);
    assert_string_equal(all->strategy.text[all->row[0].strategy], "margin");
    assert_string_equal(all->value.text[all->row[1].value], "1");
    assert_string_equal(all->value.text[all->row[0].value], "true");
    assert_int_equal(all->row[2].value, JUDGEMENTS_NONE);
    assert_int_equal(all->row[2].gold, all->row[1].value);
    assert_false(all->row[2].skipped);
    assert_int_equal(json_object_size(all->ignored), 1);
    judgements_free(all);
}

static void csv_is_read(void **state)
{
    enum err err;
    struct judgements *all =
        read_text(JUDGEMENTS_RATIO, "rows.csv",
                  "item,annotator,value,time\nx,1,2,\nx,2,,5\ny,1,0.50,7\n", &err);

    (void)state;
    assert_ok(err);
    assert_int_equal(all->n, 3);
    assert_int_equal(all->value.n, 2);
    assert_true(all->number[0] == .5 && all->number[1] == 2);
    assert_int_equal(all->row[0].time, -1);
    assert_int_equal(all->row[1].value, JUDGEMENTS_NONE);
    judgements_free(all);
}

static void errors_have_lines(void **state)
{
    const char *const row = "{\"item\": 1, \"annotator\": 1, \"value\": 1}\n";
    char *text = mem_print("%s{\"item\": 2, \"value\": 3}\n", row);

    (void)state;
    bad(JUDGEMENTS_NOMINAL,
        "{\"item\": 1, \"annotator\": \"a\", \"verdict\": \"chosen\", \"choice\": 0}\n",
        "rows.jsonl:1: a row of `drover prefs export format=csv`");
    bad(JUDGEMENTS_NOMINAL, text, "rows.jsonl:2: no `annotator`");
    free(text);
    bad(JUDGEMENTS_INTERVAL, "{\"item\": 1, \"annotator\": 1, \"value\": \"good\"}",
        "no number");
    bad(JUDGEMENTS_INTERVAL, "{\"item\": 1, \"annotator\": 1, \"value\": \"1x\"}", "no number");
    bad(JUDGEMENTS_RATIO, "{\"item\": 1, \"annotator\": 1, \"value\": -1}", "below 0");
    bad(JUDGEMENTS_PAIRS, "{\"item\": 1, \"annotator\": 1, \"value\": \"left\"}",
        "none of a, b, tie");
    bad(JUDGEMENTS_NOMINAL, "{\"item\": 1, \"annotator\": 1, \"value\": {}}", "`value`");
    bad(JUDGEMENTS_NOMINAL, "{\"item\": 1, \"annotator\": 1, \"value\": 1, \"why\": \"fun\"}",
        "none of plan");
    bad(JUDGEMENTS_NOMINAL, "{\"item\": 1, \"annotator\": 1, \"value\": 1, \"side\": \"up\"}",
        "neither left nor right");
    bad(JUDGEMENTS_NOMINAL, "{\"item\": 1, \"annotator\": 1, \"value\": 1, \"time\": \"now\"}",
        "`time`");
    bad(JUDGEMENTS_NOMINAL,
        "{\"item\": 1, \"annotator\": 1, \"value\": 1, \"prompt\": \"p\"}\n"
        "{\"item\": 1, \"annotator\": 2, \"value\": 1, \"prompt\": \"q\"}\n",
        "two prompts");
    bad(JUDGEMENTS_PAIRS,
        "{\"item\": 1, \"annotator\": 1, \"value\": \"a\", \"a\": \"x\", \"b\": \"y\"}\n"
        "{\"item\": 1, \"annotator\": 2, \"value\": \"a\", \"a\": \"x\", \"b\": \"z\"}\n",
        ":2: item '1'");
    bad(JUDGEMENTS_NOMINAL, "", "no judgement");
}

/* A pair is one pair whichever way round it is told, and a is the smaller name. */
static void pairs_have_one_way_round(void **state)
{
    struct judgements *all = good(
        JUDGEMENTS_PAIRS,
        "{\"item\": 1, \"annotator\": 1, \"value\": \"a\", \"a\": \"zoe\", \"b\": \"amy\", "
        "\"answer_a\": \"\\u00e9\\u00e9\\u00e9\", \"answer_b\": \"\", \"x\": {\"lists\": 2}}\n"
        "{\"item\": 1, \"annotator\": 2, \"value\": \"zoe\", \"a\": \"amy\", \"b\": \"zoe\", "
        "\"gold\": \"a\"}\n"
        "{\"item\": 1, \"annotator\": 3, \"value\": \"tie\", \"a\": \"amy\", \"b\": \"zoe\"}\n"
        "{\"item\": 1, \"annotator\": 4, \"value\": \"skip\", \"a\": \"amy\", \"b\": "
        "\"zoe\"}\n");

    (void)state;
    assert_string_equal(all->candidate.text[all->pair[0][0]], "amy");
    assert_int_equal(all->row[0].value, CHOICE_B);
    assert_true(fabs(all->row[0].length + log(4)) < 1e-12 && all->row[0].x[0] == -2);
    assert_int_equal(all->row[1].value, CHOICE_B);
    assert_int_equal(all->row[1].gold, CHOICE_A);
    assert_int_equal(all->row[2].value, CHOICE_TIE);
    assert_true(all->row[3].skipped && all->row[3].value == JUDGEMENTS_NONE);
    assert_int_equal(all->skipped, 1);
    judgements_free(all);
}

static void votes_are_pairs(void **state)
{
    struct judgements *all = good(
        JUDGEMENTS_PAIRS,
        "{\"prompt\": \"p\", \"model_a\": \"m\", \"model_b\": \"k\", \"winner\": \"model_a\", "
        "\"judge\": \"j\"}\n"
        "{\"prompt\": \"p\", \"model_a\": \"k\", \"model_b\": \"m\", \"winner\": \"tie "
        "(bothbad)\", \"judge\": \"i\"}\n");

    (void)state;
    assert_int_equal(all->item.n, 1);
    assert_string_equal(all->item.text[0], "p | k | m");
    assert_int_equal(all->row[0].value, CHOICE_BOTH_BAD);
    assert_int_equal(all->row[1].value, CHOICE_B);
    assert_true(all->prompts);
    judgements_free(all);
}

/* Of two planned answers of one person the later counts; without times nobody can tell. */
static void the_last_word_counts(void **state)
{
    struct judgements *all = good(
        JUDGEMENTS_NOMINAL, "{\"item\": 1, \"annotator\": 1, \"value\": \"new\", \"time\": 9}\n"
                            "{\"item\": 1, \"annotator\": 1, \"value\": \"old\", \"time\": 5}\n"
                            "{\"item\": 1, \"annotator\": 2, \"value\": null}\n"
                            "{\"item\": 1, \"annotator\": 2, \"value\": \"new\"}\n"
                            "{\"item\": 1, \"annotator\": 1, \"value\": \"old\", \"time\": 12, "
                            "\"why\": \"repeat\"}\n");
    int live = 0;

    (void)state;
    assert_int_equal(all->replaced, 2);
    for (size_t i = 0; i < all->n; i++)
        if (!all->row[i].undone && all->row[i].why == WHY_PLAN) {
            live++;
            assert_string_equal(all->value.text[all->row[i].value], "new");
        }
    assert_int_equal(live, 2);
    judgements_free(all);
    bad(JUDGEMENTS_NOMINAL,
        "{\"item\": 1, \"annotator\": 1, \"value\": \"x\"}\n"
        "{\"item\": 1, \"annotator\": 1, \"value\": \"y\"}\n",
        "twice");
}

static void names_have_limits(void **state)
{
    struct judgements *all = judgements_new(JUDGEMENTS_NOMINAL);
    char name[JUDGEMENTS_NAME_MAX + 2];
    struct judgements_said said = {.item = name, .annotator = "x", .value = "y", .time = -1};

    (void)state;
    memset(name, 'n', sizeof name);
    name[JUDGEMENTS_NAME_MAX + 1] = 0;
    assert_int_equal(judgements_add(all, &said), ERR_RANGE);
    said.item = "\xff";
    assert_int_equal(judgements_add(all, &said), ERR_PARSE);
    said.item = "";
    assert_int_equal(judgements_add(all, &said), ERR_PARSE);
    assert_int_equal(all->n, 0);
    assert_ok(judgements_end(all));
    for (int i = 0; i <= JUDGEMENTS_ITEM_MAX; i++) {
        char who[16];
        snprintf(who, sizeof who, "%d", i);
        said.item = "one";
        said.annotator = who;
        assert_ok(judgements_add(all, &said));
    }
    assert_int_equal(judgements_end(all), ERR_RANGE);
    judgements_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read),     cmocka_unit_test(csv_is_read),
        cmocka_unit_test(errors_have_lines), cmocka_unit_test(pairs_have_one_way_round),
        cmocka_unit_test(votes_are_pairs),   cmocka_unit_test(the_last_word_counts),
        cmocka_unit_test(names_have_limits),
    };

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
