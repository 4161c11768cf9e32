#include "tests/support/test.h"

#include "eval/filter.h"

#include <math.h>
#include <string.h>

struct given {
    uint64_t prompt;
    double score;
    bool pair;
};

static struct filter fill(const struct given *given, size_t n)
{
    struct filter s = {0};

    for (size_t i = 0; i < n; i++)
        filter_put(&s, filter_add(&s), given[i].prompt, given[i].score, given[i].pair);
    return s;
}

/* The records kept, as letters: "ac" are the first and the third. */
static void assert_kept(const struct given *given, size_t n, double above, double top,
                        const char *want)
{
    struct filter s = fill(given, n);
    char got[27] = "";
    size_t kept = 0;

    filter_decide(&s, above, top);
    for (size_t i = 0; i < n; i++)
        if (s.record[i].fate == FILTER_KEPT)
            got[kept++] = (char)('a' + i);
    assert_string_equal(got, want);
    assert_int_equal(s.count[FILTER_KEPT], kept);
    filter_free(&s);
}

static void kept_are_scores_above_the_bound(void **state)
{
    const struct given given[] = {
        {1, .5, false}, {1, .6, false}, {2, .4, false}, {2, 1, false}};

    (void)state;
    assert_kept(given, 4, .5, NAN, "bd"); /* not the one that is .5 */
    assert_kept(given, 4, 1, NAN, "");
    assert_kept(given, 4, -1e30, NAN, "abcd");
}

static void pairs_have_a_bound_of_their_own(void **state)
{
    const struct given given[] = {{1, 0, true}, {1, .2, true}, {1, -.2, true}, {1, -9, false}};

    (void)state;
    assert_kept(given, 4, NAN, NAN, "bd"); /* an answer has no usual bound */
    assert_kept(given, 4, .2, NAN, "");
    assert_kept(given, 4, -1, NAN, "abc");
}

static void the_best_of_each_prompt_stay(void **state)
{
    const struct given given[] = {{7, 1, false}, {3, 5, false}, {7, 3, false}, {7, 3, false},
                                  {3, 6, false}, {7, 2, false}, {7, 0, false}};

    (void)state;
    assert_kept(given, 7, NAN, 1, "ce"); /* of equals the earlier */
    assert_kept(given, 7, NAN, 2, "bcde");
    assert_kept(given, 7, NAN, 100, "abcdefg");
    assert_kept(given, 7, NAN, .4, "cde");   /* two of five, one of two */
    assert_kept(given, 7, NAN, .41, "cdef"); /* rounded up */
    assert_kept(given, 7, 3, 1, "e");
    assert_kept(given, 7, 2, 2, "bcde");
    assert_kept(given, 7, 5, 2, "e");
}

static void what_has_no_score_is_counted(void **state)
{
    const struct given given[] = {{1, NAN, true}, {1, 1, true}};
    struct filter s = fill(given, 2);

    (void)state;
    filter_add(&s); /* refused: never put */
    filter_decide(&s, NAN, 1);
    assert_int_equal(s.count[FILTER_NO_VERDICT], 1);
    assert_int_equal(s.count[FILTER_REFUSED], 1);
    assert_int_equal(s.count[FILTER_KEPT], 1);
    filter_free(&s);
}

static void quantiles_are_by_nearest_rank(void **state)
{
    const struct given given[] = {{1, 4, false}, {1, NAN, false}, {1, 1, false},
                                  {1, 3, false}, {1, 2, false},   {1, 0, false}};
    struct filter s = fill(given, 6), none = {0};

    (void)state;
    assert_float_equal(filter_quantile(&s, 0), 0, 0);
    assert_float_equal(filter_quantile(&s, .5), 2, 0);
    assert_float_equal(filter_quantile(&s, 1), 4, 0);
    assert_true(isnan(filter_quantile(&none, .5)));
    filter_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_are_scores_above_the_bound),
        cmocka_unit_test(pairs_have_a_bound_of_their_own),
        cmocka_unit_test(the_best_of_each_prompt_stay),
        cmocka_unit_test(what_has_no_score_is_counted),
        cmocka_unit_test(quantiles_are_by_nearest_rank),
    };

    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
