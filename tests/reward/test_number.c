/* The notations of number.h, one a row; and where in an answer its number stands. */
#include "tests/support/test.h"

#include "base/rng.h"
#include "reward/rule/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double none = (double)NAN;

struct number_row {
    const char *text;
    double want; /* none: there is no number */
};

static void each(const struct number_row *row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double got = none;
        const bool found = number_read(row[i].text, &got);
        if (found == isnan(row[i].want) || (found && !number_same(got, row[i].want, 1e-12)))
            fail_msg("'%s' gives %.17g, not %.17g", row[i].text, got, row[i].want);
    }
}
#define EACH(rows) each(rows, sizeof(rows) / sizeof *(rows))

static const struct number_row notations[] = {
    {"7", 7},
    {"so .5", .5},
    {"5.", 5},
    {"done.5", 5},
    {"-5", -5},
    {"+5", 5},
    {"\u22123", -3},
    {"\u20133", -3},
    {"(\uff0d3)", -3},
    {"-.5", -.5},
    {"1,234", 1234},
    {"1,234.50", 1234.5},
    {"1,234,567", 1234567},
    {"12,34,567", 1234567},
    {"1 000", 1000},
    {"1\u00a0234\u00a0567", 1234567},
    {"1\u2009234", 1234},
    {"1\u202f234,5", 1234.5},
    {"1_234", 1234},
    {"1'234'567", 1234567},
    {"1\u2019234", 1234},
    {"1.234.567", 1234567},
    {"1.234,56", 1234.56},
    {"1.234", 1.234},
    {"3,14", 3.14},
    {"0,500", .5},
    {"1{,}000", 1000},
    {"1\\,000", 1000},
    {"1,\\!000", 1000},
    {"3/4", .75},
    {"3 / 4", .75},
    {"-3/4", -.75},
    {"1 1/2", 1.5},
    {"\u00bd", .5},
    {"2\u00bd", 2.5},
    {"3\u20444", .75},
    {"\\frac{3}{4}", .75},
    {"-\\dfrac{1}{2}", -.5},
    {"2\\frac12", 2.5},
    {"\\frac{-3}{4}", -.75},
    {"1e3", 1000},
    {"1E-3", .001},
    {"1.5e+3", 1500},
    {"1.5\u00d710\u00b3", 1500},
    {"1.5 \\times 10^{-3}", .0015},
    {"2 x 10^6", 2e6},
    {"10^3", 1000},
    {"10**3", 1000},
    {"2^5", 32},
    {"5\u00b2", 25},
    {"3 million", 3e6},
    {"2.5-billion", 2.5e9},
    {"$5", 5},
    {"-$1,234.50", -1234.5},
    {"$-5", -5},
    {"\\$1,000", 1000},
    {"\u20ac5,50", 5.5},
    {"50%", 50},
    {"50\\%", 50},
    {"12.5 %", 12.5},
    {"5kg", 5},
    {"5 m^2", 5},
    {"5 m\u00b2", 5},
    {"3rd", 3},
    {"\uff11\uff12", 12},
    {"\u0661\u0662\u066b\u0665", 12.5},
    {"\u0967\u0968", 12},
    {"\u7b54\u6848\u662f5\u4e2a", 5},
    {"**5**", 5},
    {"_5_", 5},
    {"x=5", 5},
    {"\u2212\u200b3", -3},
};

static void notations_are_read(void **state)
{
    (void)state;
    EACH(notations);
}

static void what_is_no_number_is_none(void **state)
{
    static const struct number_row rows[] = {
        {"", none},         {"five", none},         {"H2O", none},
        {"CO_2", none},     {"x_1", none},          {"(a)_1", none},
        {"v1.5", none},     {"1.2.3", none},        {"12.05.2024", none},
        {"3/4/2020", none}, {"at 10:30", none},     {"1/0", none},
        {"2\u221a3", none}, {"2 \\sqrt{3}", none},  {"2\\pi", none},
        {"2^n", none},      {"1e999", none},        {"2^999", none},
        {"inf, nan", none}, {"\\frac{a}{4}", none}, {"\\text{none}", none},
        {"\xff\xfe", none},
    };

    (void)state;
    EACH(rows);
}

static void the_last_one_counts(void **state)
{
    static const struct number_row rows[] = {
        {"so 3 + 4 = 7", 7},
        {"10-3", 3},
        {"in 2019-20", 20},
        {"pages 3\u20135", 5},
        {"(x)-3", 3},
        {"--3", 3},
        {"1,2,3", 3},
        {"1, 2", 2},
        {"1,2,300", 300},
        {"12/4 = 3", 3},
        {"<<9*2=18>>18 a day.", 18},
        {"7 and then 8.", 8},
        {"5 apples, of which 1.2.3 says nothing", 5},
        {"It is 5, see \u00a72.", 2},
    };

    (void)state;
    EACH(rows);
}

static void a_marked_answer_goes_before(void **state)
{
    static const struct number_row rows[] = {
        {"9 * 2 = 18\n#### 18", 18},
        {"#### 1,234\nas 5 of 7 say", 1234},
        {"#### $18.\n7", 18},
        {"#### -3/4\n7", -.75},
        {"#### 20 dollars\n7", 20},
        {"#### 5\n...\n#### 6\n7", 6},
        /* headings of Markdown */
        {"#### 1. First\nwe get 8", 8},
        {"#### Step 2\nwe get 8", 8},
        {"####\nwe get 8", 8},
        {"so \\boxed{18} of 20", 18},
        {"\\boxed{1}, no: \\boxed{2} of 3", 2},
        {"\\boxed{\\frac{3}{4}} of 5", .75},
        {"\\boxed{5\\text{ cm}^2} of 6", 5},
        {"$\\boxed{x = -1{,}000}$ 7", -1000},
        {"\\boxed{12", 12},
        {"\\boxed{\\text{five}} 5", none},
        {"\\boxed{4}\n#### 5\n6", 5},
        {"#### 4\n\\boxed{5}\n6", 5},
        {"\\boxed{5}\n#### Step 3", 5},
    };

    (void)state;
    EACH(rows);
}

static void the_same_is_equal_or_near(void **state)
{
    (void)state;
    assert_true(number_same(1000, 1e3, 1e-6));
    assert_false(number_same(12345678, 12345679, 1e-6)); /* whole numbers are not rounded */
    assert_true(number_same(1.0 / 3, .333333333, 1e-6));
    assert_false(number_same(1.0 / 3, .33, 1e-6));
    assert_true(number_same(1.0 / 3, .33, .02));
    assert_false(number_same(1e-7, 0, 1e-6));
    assert_false(number_same(0, 1e-7, 1e-6));
    assert_false(number_same(-3, 3, 1e-6));
}

/* A megabyte of what makes readers look ahead is read at once. */
static void long_texts_are_read_in_one_pass(void **state)
{
    static const char *const piece[] = {"1,",  "1 ",       "1.",      "-",  "####", "^{",
                                        "1/",  "\\boxed{", "\\frac{", "1:", "11",   "(",
                                        "1,1", "\u221a",   "**",      "{,}"};
    enum { BYTES = 1 << 20 };
    char *const text = malloc(BYTES + 16);
    double value;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
        const size_t n = strlen(piece[i]);
        for (size_t at = 0; at < BYTES; at += n)
            memcpy(text + at, piece[i], n + 1);
        (void)number_read(text, &value);
    }
    free(text);
}

/* Notations in any order, cut anywhere: only for what the sanitizers see. */
static void any_text_is_safe(void **state)
{
    static const char *const piece[] = {"####", "\\boxed{", "\\frac", "{",      "}",  "1,",
                                        "^",    "e-",       "**",     "\\sqrt", "\\", "_"};
    enum { PIECES = sizeof piece / sizeof *piece };
    const size_t rows = sizeof notations / sizeof *notations;
    uint32_t word[4];

    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        char text[128] = "", *exact;
        double value;
        for (uint32_t k = 0; k < 4; k++) {
            const size_t at = strlen(text);
            rng_words(word, 1, RNG_ORDER, i, k, 0);
            snprintf(text + at, sizeof text - at, "%s",
                     word[0] % 2 ? piece[word[1] % PIECES] : notations[word[1] % rows].text);
        }
        text[word[2] % (strlen(text) + 1)] = 0;
        exact = strdup(text); /* an end that a sanitizer sees */
        (void)number_read(exact, &value);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notations_are_read),
        cmocka_unit_test(what_is_no_number_is_none),
        cmocka_unit_test(the_last_one_counts),
        cmocka_unit_test(a_marked_answer_goes_before),
        cmocka_unit_test(the_same_is_equal_or_near),
        cmocka_unit_test(any_text_is_safe),
        cmocka_unit_test(long_texts_are_read_in_one_pass),
    };
    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
