/* Guesses: whence they come, which is taken, what they are trusted, and when they are worth their rows. */

#include "lm/gen/draft.h"

#include "lm/kernel/isa.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

static const struct draft_record fresh;

static struct draft_guess next_of(const struct draft_answers *answers, const int *token,
                                  int n_prompt, int n, double u)
{
    const struct draft_place place = {token, n_prompt, n, u};
    struct draft_guess guess;

    assert_true(draft_next(&guess, &fresh, answers, &place));
    return guess;
}

static void what_is_no_answer_is_named(void **state)
{
    const int32_t token[] = {1, 2, 3}, beyond[] = {1, 9, 3}, below[] = {1, -1, 3};
    const uint32_t each[] = {2, 1}, empty[] = {3, 0}, off[] = {2, 2}, wraps[] = {UINT32_MAX, 4};
    const struct draft_answers good = {token, NULL, each, 2, 3};
    struct draft_answers bad;

    (void)state;
    assert_null(draft_unfit(&good, 9));
    assert_null(draft_unfit(&(struct draft_answers){.n = 0}, 9));
#define UNFIT(change, words) \
    bad = good; \
    change; \
    assert_non_null(draft_unfit(&bad, 9)); \
    assert_non_null(strstr(draft_unfit(&bad, 9), words))
    UNFIT(bad.token = beyond, "vocabulary");
    UNFIT(bad.token = below, "vocabulary");
    UNFIT(bad.each = empty, "without tokens");
    UNFIT(bad.each = off, "add up");
    UNFIT(bad.each = wraps, "add up");
    UNFIT(bad.n = 1, "add up");
    UNFIT(bad.n = DRAFT_ANSWERS + 1, "64");
    UNFIT(bad.n_token = DRAFT_TOKENS + 1, "16384");
    /* tokens without answers */
    UNFIT(bad.n = 0, "add up");
}

/* Three answers; what began as this one does goes on. */
static void an_earlier_answer_goes_on(void **state)
{
    static const int32_t token[] = {5, 6, 7, 2, 5, 8, 9, 2, 4, 2};
    static const uint32_t each[] = {4, 4, 2};
    const struct draft_answers answers = {token, NULL, each, 3, 10};
    const int said[] = {1, 3, 5, 8, 9, 2, 7};
    struct draft_guess guess;
    struct draft_place place = {said, 2, 2, -1};

    (void)state;
    guess = next_of(&answers, said, 2, 2, -1); /* two of three began with 5 */
    assert_int_equal(guess.token, 5);
    assert_int_equal(guess.kind, DRAFT_EARLIER);
    assert_true(fabs((double)guess.hope - 2.0 / 4) < 1e-6);
    guess = next_of(&answers, said, 2, 4, -1);
    assert_int_equal(guess.token, 9);
    assert_true(guess.hope == 1);
    guess = next_of(&answers, said, 2, 5, -1);
    assert_int_equal(guess.token, 2);
    /* behind its end there is nothing, and nobody else said anything like it */
    place.n = 6;
    assert_false(draft_next(&guess, &fresh, &answers, &place));
    guess = next_of(&answers, said, 2, 7, -1); /* but what followed 7 elsewhere */
    assert_int_equal(guess.token, 2);
    assert_int_equal(guess.kind, DRAFT_LOOKUP);
}

/* Shares lie in order of ids: 3 has 0..0.4 or later, 7 what is behind it. */
static void the_number_of_the_draw_chooses(void **state)
{
    static const int32_t token[] = {7, 3};
    static const uint8_t share[] = {127, 102}, low[] = {26, 0}, one[] = {204, 0};
    static const uint32_t each[] = {1, 1};
    const int said[] = {1};
    struct draft_answers answers = {token, share, each, 2, 2};
    double sum = 0;

    (void)state;
    assert_int_equal(next_of(&answers, said, 1, 1, 0.2).token, 3);
    assert_int_equal(next_of(&answers, said, 1, 1, 0.8).token, 7);
    assert_true(next_of(&answers, said, 1, 1, 0.2).hope > 0.9f);
    assert_true(next_of(&answers, said, 1, 1, 0.8).hope > 0.9f);
    /* nobody said what lies between, before and behind: 0.1 of all */
    assert_true(next_of(&answers, said, 1, 1, 0.45).hope < 0.6f);
    /* one candidate of share w: u in [1 - w, w] is sure, and over all u it holds w of the time */
    answers.n = answers.n_token = 1;
    answers.share = one;
    assert_true(next_of(&answers, said, 1, 1, 0.5).hope == 1);
    assert_true(fabs((double)next_of(&answers, said, 1, 1, 0.1).hope - 0.5) < 1e-6);
    for (int i = 0; i < 1000; i++)
        sum += (double)next_of(&answers, said, 1, 1, (i + 0.5) / 1000).hope;
    assert_true(fabs(sum / 1000 - 0.8) < 1e-3);
    answers.share = low;
    sum = 0;
    for (int i = 0; i < 1000; i++)
        sum += (double)next_of(&answers, said, 1, 1, (i + 0.5) / 1000).hope;
    assert_true(fabs(sum / 1000 - 26.0 / 255) < 1e-3);
    /* greedy asks nobody's share: one of two said it */
    answers.n = answers.n_token = 2;
    assert_true(next_of(&answers, said, 1, 1, -1).hope < 0.5f);
}

/* The longest match wins, of equally long ones all count. */
static void what_followed_follows(void **state)
{
    static const int32_t answer[] = {30, 11, 12, 13, 77};
    static const uint32_t each[] = {5};
    const struct draft_answers none = {.n = 0}, answers = {answer, NULL, each, 1, 5};
    const int said[] = {12, 13, 40, 9, 11, 12, 13, 50, 9, 11, 12, 13};
    const int twice[] = {12, 13, 40, 12, 13, 41, 12, 13, 41, 8, 12, 13};
    const int once[] = {1, 2, 3, 4, 9};
    static const uint8_t share[] = {0, 0, 0, 0, 51};
    const struct draft_answers sure = {answer, share, each, 1, 5};
    struct draft_place place = {once, 3, 5, -1};
    struct draft_guess guess;

    (void)state;
    guess = next_of(&none, said, 3, 12, -1);
    assert_int_equal(guess.token, 50); /* 9 11 12 13, not 12 13 */
    assert_int_equal(guess.kind, DRAFT_LOOKUP);
    assert_true(guess.chance < guess.hope);
    guess = next_of(&answers, said, 3, 11 + 1, -1);
    assert_int_equal(guess.token, 50); /* 11 12 13 of the answer is shorter */
    assert_int_equal(next_of(&answers, said + 9, 1, 3, -1).token, 77);
    assert_true(next_of(&answers, said + 9, 1, 3, -1).hope == 0.5f);
    assert_true(next_of(&sure, said + 9, 1, 3, -1).hope ==
                0.2f); /* as likely as it was there */
    assert_int_equal(next_of(&none, twice, 3, 12, -1).token, 41); /* two of three */
    assert_false(draft_next(&guess, &fresh, &none, &place));
    /* a text that repeats itself is its own draft */
    assert_int_equal(next_of(&none, (const int[]){4, 4, 4, 4}, 1, 4, -1).token, 4);
}

/* What did not hold is hoped for less; each kind by itself, and old ones fade. */
static void guesses_are_trusted_as_they_fared(void **state)
{
    static const int32_t token[] = {7};
    static const uint32_t each[] = {1};
    const struct draft_answers answers = {token, NULL, each, 1, 1};
    const int said[] = {1};
    const struct draft_place place = {said, 1, 1, -1};
    struct draft_record record = fresh;
    struct draft_guess guess;
    float least;

    (void)state;
    assert_true(draft_next(&guess, &record, &answers, &place));
    assert_true(guess.chance == 1);
    for (int i = 0; i < 200; i++) {
        assert_true(draft_next(&guess, &record, &answers, &place));
        draft_checked(&record, &guess, false);
    }
    assert_true(draft_next(&guess, &record, &answers, &place));
    least = guess.chance;
    assert_true(least < 0.25f && least > 0);
    for (int i = 0; i < 200; i++)
        draft_checked(&record, &guess, true);
    assert_true(draft_next(&guess, &record, &answers, &place));
    assert_true(guess.chance > 0.95f);
    assert_true(record.hoped[DRAFT_LOOKUP] == 0 && record.held[DRAFT_LOOKUP] == 0);
}

/* Where few rows are read for the price of one, a likely token is worth a row; where each row costs its
 * own time none is, however sure. */
static void rows_are_added_while_memory_is_the_limit(void **state)
{
    const struct isa *before = isa_current();

    (void)state;
    for (int i = 0; i < ISA_TABLES; i++) {
        if (!isa_at(i))
            continue;
        assert_ok(isa_force(isa_at(i)->name));
        for (enum precision c = 0; c < PRECISIONS; c++) {
            assert_true(draft_pass(c, 1) == 1);
            for (int rows = 1; rows < 200; rows++) {
                assert_true(draft_pass(c, rows + 1) >= draft_pass(c, rows));
                /* none is free: the worse, the less it is worth */
                assert_false(draft_worth(c, 0, rows, rows));
                if (draft_worth(c, 0.3, rows, rows))
                    assert_true(draft_worth(c, 0.9, rows, rows));
            }
            assert_true(draft_worth(c, 0.9, 1, 1) == (i > 0));
            assert_false(draft_worth(c, 0.9, 64, 64));
        }
    }
    assert_ok(isa_force(before->name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_answer_is_named),
        cmocka_unit_test(an_earlier_answer_goes_on),
        cmocka_unit_test(the_number_of_the_draw_chooses),
        cmocka_unit_test(what_followed_follows),
        cmocka_unit_test(guesses_are_trusted_as_they_fared),
        cmocka_unit_test(rows_are_added_while_memory_is_the_limit),
    };

    return cmocka_run_group_tests_name("draft", tests, NULL, NULL);
}
