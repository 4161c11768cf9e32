#include "reward/judge/verdict.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static const char *const words[] = {"A", "B", "tie"};

static int said(const char *text)
{
    return verdict_word(text, strlen(text), words, 3);
}

static void only_a_whole_line_is_a_verdict(void **state)
{
    (void)state;
    assert_int_equal(said("A"), 0);
    assert_int_equal(said("B shows more.\n  B \r\nA"), 1);
    assert_int_equal(said("Both are fine.\n\ntie"), 2);
    assert_int_equal(said("Answer A is better"), -1);
    assert_int_equal(said("A."), -1);
    assert_int_equal(said("a"), -1);
    assert_int_equal(said("[[A]]"), -1);
    assert_int_equal(said("AB"), -1);
    assert_int_equal(said(""), -1);
    assert_int_equal(said("\n\n\n"), -1);
    assert_int_equal(said("7"), -1);
}

static void a_json_line_is_one_too(void **state)
{
    (void)state;
    assert_int_equal(said("{\"verdict\": \"B\"}"), 1);
    assert_int_equal(said("so:\n {\"why\": \"x\", \"verdict\": \"tie\"} "), 2);
    assert_int_equal(said("{\"verdict\": \"C\"}"), -1);
    assert_int_equal(said("{\"verdict\": 1}"), -1);
    assert_int_equal(said("{\"verdict\": \"A\", \"verdict\": \"B\"}"), -1);
    assert_int_equal(said("{\"verdict\": \"A\""), -1);
    assert_int_equal(said("[\"A\"]"), -1);
}

static void numbers_keep_to_their_scale(void **state)
{
    static const struct {
        const char *text;
        bool is;
        double value;
    } row[] = {{"7", true, 7},
               {"Good.\n 8.5 \n", true, 8.5},
               {"10", true, 10},
               {"10.1", false, 0},
               {"0", false, 0},
               {"-3", false, 0},
               {"7/10", false, 0},
               {"7.", false, 0},
               {"1e0", false, 0},
               {"nan", false, 0},
               {"inf", false, 0},
               {"", false, 0},
               {"score: 7", false, 0},
               {"{\"score\": 4}", true, 4},
               {"{\"score\": 40}", false, 0},
               {"{\"verdict\": 2.5}", true, 2.5},
               {"00000000000000000000000000000000007", false, 0},
               {"99\n5", true, 5}};

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        double got;
        const bool is = verdict_score(&got, row[i].text, strlen(row[i].text), 1, 10);
        if (is != row[i].is || got != row[i].value)
            fail_msg("'%s': %d %g", row[i].text, is, got);
    }
}

static void what_is_read_is_bounded(void **state)
{
    const size_t n = 70 * 2 + 1;
    char *text = malloc(n + 8192);

    (void)state;
    for (int i = 0; i < 70; i++)
        memcpy(text + 2 * i, "x\n", 2);
    text[2 * 70] = 'A';
    assert_int_equal(verdict_word(text, n, words, 3), -1); /* line 71 */
    text[2 * 63] = 'A';
    assert_int_equal(verdict_word(text, n, words, 3), 0); /* line 64 */
    memset(text, ' ', 8000);
    text[8000] = 'A';
    assert_int_equal(verdict_word(text, 8001, words, 3), 0);
    memset(text, '{', 8000);
    assert_int_equal(verdict_word(text, 8000, words, 3), -1);
    for (size_t cut = 0; cut < 20; cut++) /* not zero-terminated: the sanitizer watches */
    {
        char *exact = malloc(cut + 1);
        memcpy(exact, "x\n{\"verdict\": \"A\"}\n", cut);
        assert_int_equal(verdict_word(exact, cut, words, 3), cut >= 18 ? 0 : -1);
        free(exact);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_a_whole_line_is_a_verdict),
                                       cmocka_unit_test(a_json_line_is_one_too),
                                       cmocka_unit_test(numbers_keep_to_their_scale),
                                       cmocka_unit_test(what_is_read_is_bounded)};
    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
