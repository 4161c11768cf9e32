#include "tests/support/test.h"

#include "examples/world/world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values worked out by hand from the table in world.h. Question 0 is about breakfast, question
 * 1 about parking. */
static const struct world_golden {
    const char *answer;
    bool finished;
    double utility;
    int question;
} goldens[] = {
    {" breakfast is free for every guest .", true, 1.5, 0},
    {" breakfast is free for every guest .", true, -0.8, 1},
    {" parking is behind the house .", true, -0.8, 0},
    {" parking is behind the house .", true, 1.5, 1},
    {" welcome , it is a pleasure . breakfast ends at ten each morning . enjoy your stay .",
     true, 0.6 + 1.5 + 0.6, 0},
    {" welcome , it is a pleasure . breakfast ends at ten each morning . enjoy your stay .",
     false, 0.6 + 1.5 + 0.6 - 1.0, 0},
    {" breakfast is free for every guest . breakfast ends at ten each morning .", true, 1.5, 0},
    {" breakfast is free for every guest . breakfast is free for every guest .", true,
     1.5 - 0.4, 0},
    {" well , you know how it is .", true, -0.5, 0},
    {" read the sign yourself .", true, -1.5, 0},
    {" the moon is full .", true, -1.0, 0},
    {"", true, -1.0, 0},
    {" ", true, -1.0, 0},
    {"", false, -1.0, 0},
    {" breakfast is free for every guest . happy to help you .", true, 1.5, 0},
    {" enjoy your stay . breakfast is free for every guest .", true, 1.5, 0},
    {" enjoy your stay .", true, 0.6, 0},
    {" happy to help you . happy to help you .", true, 0.6 - 0.4, 0},
    {" breakfast is free for every guest . enjoy your", false, 1.5 - 1.0 - 1.0, 0},
    {" breakfast is free for every guest", true, 1.5, 0},
    /* 28 words, points and commas counted: 4 beyond 24 */
    {" breakfast is served from seven in the hall . breakfast ends at ten each morning . "
     "breakfast is free for every guest . thank you for asking .",
     true, 1.5 + 0.6 - 4 * 0.05, 0},
    {" I am busy , go away .", true, -1.0, 0},
};

static void utility_is_the_table_of_the_header(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        const struct world_golden *g = &goldens[i];
        const double got = world_utility(g->question, g->answer, g->finished);
        if (fabs(got - g->utility) > 1e-12)
            fail_msg("'%s': %g, expected %g", g->answer, got, g->utility);
    }
}

static void hostile_answers_have_a_utility(void **state)
{
    char text[4096];

    (void)state;
    memset(text, '.', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_true(isfinite(world_utility(0, text, true)));
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, " .", 2);
    assert_true(isfinite(world_utility(0, text, true)));
    assert_true(isfinite(world_utility(-7, " .", false)));
    assert_true(world_utility(0, text, true) < -50); /* padding never pays */
}

static void prompts_are_all_different(void **state)
{
    char(*text)[WORLD_TEXT] = calloc(WORLD_PROMPTS, sizeof *text);

    (void)state;
    for (int i = 0; i < WORLD_PROMPTS; i++)
        world_prompt(text[i], i);
    assert_string_equal(text[0], "room one : tell me about breakfast ?\ninn :");
    /* topic 1, asking 1 of 6, opening 2 of 4, room 7 of 8 */
    assert_string_equal(text[1 + 12 * (1 + 6 * (2 + 4 * 7))],
                        "room eight : excuse me , what about parking ?\ninn :");
    qsort(text, WORLD_PROMPTS, sizeof *text, (int (*)(const void *, const void *))strcmp);
    for (int i = 1; i < WORLD_PROMPTS; i++)
        assert_string_not_equal(text[i - 1], text[i]);
    free(text);
}

static bool known(const char *word, size_t n)
{
    for (const char *const *w = world_words(); *w; w++)
        if (strlen(*w) == n && !memcmp(*w, word, n))
            return true;
    return n < 2; /* a point, a comma: one byte, one token */
}

static void demonstrations_follow_the_seed_in_known_words(void **state)
{
    char a[WORLD_TEXT], b[WORLD_TEXT];
    int other_seed = 0, other_draw = 0;
    double mean = 0;

    (void)state;
    for (uint32_t i = 0; i < 2000; i++) {
        const int q = (int)(i * 37 % WORLD_PROMPTS);
        world_demonstration(a, q, 42, i);
        world_demonstration(b, q, 42, i);
        assert_string_equal(a, b);
        for (const char *at = a; *at;) {
            const size_t n = strcspn(++at, " ");
            assert_int_equal(at[-1], ' ');
            assert_true(known(at, n));
            at += n;
        }
        mean += world_utility(q, a, true) / 2000;
        world_demonstration(b, q, 43, i);
        other_seed += !!strcmp(a, b);
        world_demonstration(b, q, 42, i + 1);
        other_draw += !!strcmp(a, b);
    }
    assert_true(other_seed > 1800 && other_draw > 1800);
    /* mediocre: something can be learned, and something is left to gain below 2.7 */
    assert_true(mean > -1 && mean < 1);
}

static void annotators_choose_as_bradley_and_terry_say(void **state)
{
    static const double sharpness[WORLD_ANNOTATORS] = {2.0, 1.5, 1.5, 1.0, 0.6};
    static const double gap[] = {0, 0.3, 1, -1, 2.5};
    enum { PAIRS = 20000 };

    (void)state;
    for (int who = 0; who < WORLD_ANNOTATORS; who++)
        for (size_t g = 0; g < sizeof gap / sizeof *gap; g++) {
            const double p = 1 / (1 + exp(-sharpness[who] * gap[g]));
            int first = 0;
            for (uint32_t i = 0; i < PAIRS; i++) {
                const bool choice = world_prefers(who, 0.2 + gap[g], 0.2, 7, i);
                first += choice;
                assert_int_equal(choice, world_prefers(who, 0.2 + gap[g], 0.2, 7, i));
            }
            assert_true(fabs(first - p * PAIRS) < 4.5 * sqrt(p * (1 - p) * PAIRS));
        }
}

static void annotators_differ_by_themselves_and_by_seed(void **state)
{
    int people = 0, seeds = 0;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        people += world_prefers(1, 0, 0, 7, i) != world_prefers(2, 0, 0, 7, i);
        seeds += world_prefers(1, 0, 0, 7, i) != world_prefers(1, 0, 0, 8, i);
    }
    assert_true(people > 400 && people < 600 && seeds > 400 && seeds < 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utility_is_the_table_of_the_header),
        cmocka_unit_test(hostile_answers_have_a_utility),
        cmocka_unit_test(prompts_are_all_different),
        cmocka_unit_test(demonstrations_follow_the_seed_in_known_words),
        cmocka_unit_test(annotators_choose_as_bradley_and_terry_say),
        cmocka_unit_test(annotators_differ_by_themselves_and_by_seed),
    };
    return cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
