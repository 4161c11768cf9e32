#include "base/mem.h"
#include "ratings/units.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct judgements *all;

static void say(const char *item, const char *who, const char *value, const char *why, int time)
{
    const struct judgements_said said = {.item = item,
                                         .annotator = who,
                                         .value = value,
                                         .why = why,
                                         .time = time,
                                         .seconds = NAN,
                                         .length_a = NAN,
                                         .length_b = NAN};

    assert_ok(judgements_add(all, &said));
}

/* Only what was planned counts, and of that the first; the rest is told. */
static void extras_stay_out(void **state)
{
    struct units units;

    (void)state;
    all = judgements_new(JUDGEMENTS_PAIRS);
    say("one", "a", "a", NULL, 1);
    say("one", "b", "b", "plan", 2);
    say("one", "c", "b", "disagreement", 3);
    say("one", "d", "b", "adjudication", 4);
    say("one", "a", "b", "repeat", 5);
    say("two", "a", "tie", NULL, 1);
    say("two", "b", NULL, NULL, -1);
    say("gold", "a", "a", "gold", 1);
    say("three", "a", "a", NULL, 3);
    say("three", "b", "a", NULL, 2);
    say("three", "c", "b", NULL, 1);
    say("four", "a", "skip", NULL, 1);
    say("four", "b", "a", "active:margin", 1);
    say("four", "c", "a", "active:margin", 1);
    assert_ok(judgements_end(all));
    units_take(&units, all, JUDGEMENTS_NONE, 2, 2);
    assert_int_equal(units.asked, 4);
    assert_int_equal(units.n, 2); /* one, three */
    assert_int_equal(units.judgements, 4);
    assert_int_equal(units.extra, 1);
    assert_int_equal(units.open, 1);
    assert_int_equal(units.unfinished, 2); /* two, four */
    for (size_t u = 0; u < 2; u++)         /* of three the first two: b's, c's */
        assert_true(units.value[units.start[u]] != units.value[units.start[u] + 1]);
    units_fini(&units);
    units_take(&units, all, JUDGEMENTS_NONE, 0, 1);
    assert_int_equal(units.overlap, 3);
    assert_int_equal(units.n, 3);
    assert_int_equal(units.extra, 0);
    units_fini(&units);
    units_take(&units, all, 0, 0, 2);
    assert_true(units.n == 1 && units.judgements == 2 && units.unfinished == 0);
    units_fini(&units);
    judgements_free(all);
}

static char *named(const char *kind, int i, int salt)
{
    return mem_print("%s%d", kind, (i * 37 + salt) % 101);
}

/* The same rows in another order, under other names: `values` are renamed, too. */
static void take_as(struct units *out, int salt, bool turned)
{
    static const char *const words[2][4] = {{"a", "b", "tie", "both_bad"},
                                            {"b", "a", "tie", "both_bad"}};

    all = judgements_new(JUDGEMENTS_PAIRS);
    for (int k = 0; k < 90; k++) {
        const int at = salt ? (k * 7 + salt) % 90 : k, i = at / 3, j = at % 3;
        const int value = (i * i + j * (i % 4)) % 4;
        char *item = named("item", i, salt), *who = named("who", j, salt);
        say(item, who, words[turned && i % 3 == 0][value], NULL, -1);
        free(item);
        free(who);
    }
    assert_ok(judgements_end(all));
    units_take(out, all, JUDGEMENTS_NONE, 0, 2);
    judgements_free(all);
}

static void names_decide_nothing(void **state)
{
    struct units one, other;

    (void)state;
    take_as(&one, 0, false);
    assert_int_equal(one.n, 30);
    for (int salt = 1; salt < 4; salt++) {
        take_as(&other, salt, salt > 1);
        assert_int_equal(other.n, one.n);
        assert_memory_equal(one.start, other.start, 31 * sizeof *one.start);
        assert_memory_equal(one.value, other.value, 90 * sizeof *one.value);
        units_fini(&other);
    }
    units_fini(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extras_stay_out),
        cmocka_unit_test(names_decide_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
