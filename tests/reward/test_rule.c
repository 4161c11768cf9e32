#include "tests/support/test.h"

#include "reward/rule/rule.h"

#include <string.h>

static float score(const char *spec, const char *text, size_t tokens, const char *meta)
{
    struct rule *rule;
    float out = -99;

    assert_ok(rule_parse(&rule, spec));
    assert_ok(rule_score(rule, text, tokens, meta, &out));
    rule_free(rule);
    return out;
}

static void regex_matches_anywhere(void **state)
{
    const char *spec = "{\"rule\": \"regex\", \"pattern\": \"\\\\bthank(s| you)\\\\b\"}";

    (void)state;
    assert_true(score(spec, "well, thank you.", 4, "{}") == 1);
    assert_true(score(spec, "thankless", 4, "{}") == 0);
    /* a pattern that runs away is a no, not a hang */
    assert_true(score("{\"rule\": \"regex\", \"pattern\": \"^(a+)+$\"}",
                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 1, "{}") == 0);
}

static void length_counts_what_it_is_told(void **state)
{
    (void)state;
    assert_true(score("{\"rule\": \"length\", \"target\": 10}", "x", 5, "") == -0.5f);
    assert_true(score("{\"rule\": \"length\", \"target\": \"10\"}", "x", 15, "") == -0.5f);
    assert_true(score("{\"rule\": \"length\", \"min\": 2, \"max\": 3, \"unit\": \"words\"}",
                      " one  two\nthree ", 99, "") == 1);
    assert_true(score("{\"rule\": \"length\", \"max\": 2, \"unit\": \"words\"}",
                      "one two three", 1, "") == 0);
    assert_true(score("{\"rule\": \"length\", \"max\": 4, \"unit\": \"characters\"}",
                      "\u00fcber", 9, "") == 1); /* characters, not bytes */
}

static void exact_forgives_outer_space_only(void **state)
{
    const char *spec = "{\"rule\": \"exact\", \"column\": \"answer\"}";

    (void)state;
    assert_true(score(spec, " Paris\n", 1, "{\"answer\": \"Paris\"}") == 1);
    assert_true(score(spec, "paris", 1, "{\"answer\": \"Paris\"}") == 0);
    assert_true(score(spec, "Par", 1, "{\"answer\": \"Paris\"}") == 0);
    assert_true(score(spec, "Paris, France", 1, "{\"answer\": \"Paris\"}") == 0);
    assert_true(score(spec, "7", 1, "{\"answer\": 7}") == 1);
    assert_true(score(spec, "", 1, "{\"answer\": \" \"}") == 1);
}

static void number_compares_with_the_column(void **state)
{
    const char *spec = "{\"rule\": \"number\", \"column\": \"answer\"}";
    static const struct {
        const char *text, *meta;
        float want;
    } cases[] = {
        {"so 3 + 4 = 7", "{\"answer\": \"#### 7\"}", 1},
        {"that is 1,234.50 in all.", "{\"answer\": 1234.5}", 1},
        {"7 and then 8", "{\"answer\": \"7\"}", 0},
        {"minus: -5", "{\"answer\": \"-5\"}", 1},
        {"in 2019-20 it was 20", "{\"answer\": 20}", 1},
        {"none", "{\"answer\": 3}", 0},
        /* wrong answers that were right, and the other way round */
        {"so .5", "{\"answer\": \"5\"}", 0},
        {"so .5", "{\"answer\": \"0.5\"}", 1},
        {"1e3", "{\"answer\": \"3\"}", 0},
        {"it is \u22123", "{\"answer\": \"3\"}", 0},
        {"it is \u22123", "{\"answer\": -3}", 1},
        {"1 000", "{\"answer\": \"1000\"}", 1},
        {"12345679", "{\"answer\": 12345678}", 0},
        {"1/3", "{\"answer\": 0.333}", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (score(spec, cases[i].text, 1, cases[i].meta) != cases[i].want)
            fail_msg("'%s' against %s", cases[i].text, cases[i].meta);
    assert_true(score("{\"rule\": \"number\", \"column\": \"a\", \"tolerance\": \"0.01\"}",
                      "1/3", 1, "{\"a\": 0.333}") == 1);
}

static void repetition_charges_what_was_said_before(void **state)
{
    static const struct {
        const char *spec, *text;
        double want;
    } rows[] = {
        {"{\"rule\":\"repetition\"}", "a b c d", 0},
        {"{\"rule\":\"repetition\"}", "a b", 0}, /* fewer words than a run has */
        {"{\"rule\":\"repetition\"}", "", 0},
        {"{\"rule\":\"repetition\"}", "a b c a b c", -.25}, /* abc bca cab abc */
        {"{\"rule\":\"repetition\"}", "  The end\nthe  END the end ",
         -.5}, /* the end the, .. */
        {"{\"rule\":\"repetition\",\"ngram\":1}", "no no no no", -.75},
        {"{\"rule\":\"repetition\",\"ngram\":\"2\"}", "ab a b", 0}, /* words, not letters */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (score(rows[i].spec, rows[i].text, 1, "") != (float)rows[i].want)
            fail_msg("'%s': %g", rows[i].text,
                     (double)score(rows[i].spec, rows[i].text, 1, ""));
}

static void errors_name_the_key(void **state)
{
    static const struct {
        const char *spec, *words;
    } bad[] = {
        {"{\"rule\": \"magic\"}", "rule 'magic'"},
        {"{\"rule\": \"regex\"}", "`pattern`"},
        {"{\"rule\": \"regex\", \"pattern\": \"(\"}", "pattern '('"},
        {"{\"rule\": \"length\"}", "`target`"},
        {"{\"rule\": \"number\"}", "`column`"},
        {"{\"rule\": \"length\", \"target\": 3, \"unit\": \"inches\"}", "unit 'inches'"},
        {"{\"rule\": \"length\", \"target\": \"0\"}", "target: 0"},
        {"{\"rule\": \"length\", \"target\": \"many\"}", "target: not a number"},
        {"{\"rule\": \"length\", \"target\": \"3 words\"}", "target: not a number"},
        {"{\"rule\": \"length\", \"target\": 3, \"max\": 4}", "not both"},
        {"{\"rule\": \"length\", \"min\": 5, \"max\": 4}", "min: 5"},
        {"{\"rule\": \"exact\", \"column\": \"a\", \"pattern\": \"x\"}", "pattern: is not for"},
        {"{\"rule\": \"exact\", \"column\": \"a\", \"colour\": \"x\"}", "'colour'"},
        {"{\"rule\": \"number\", \"column\": \"a\", \"tolerance\": -1}", "tolerance: -1"},
        {"{\"rule\": \"calls\", \"column\": \"a\", \"order\": \"no\"}", "order 'no'"},
        {"{\"rule\": \"calls\", \"column\": \"a\", \"credit\": \"half\"}", "credit 'half'"},
        {"{\"rule\": \"repetition\", \"ngram\": 0}", "ngram: 0"},
        {"{\"rule\": \"repetition\", \"ngram\": 2.5}", "ngram: 2.5"},
        {"{\"rule\": \"repetition\", \"ngram\": 1e9}", "ngram: 1e+09"},
        {"[]", "JSON object"},
        {"{", "JSON object"},
    };
    struct rule *rule;
    float out;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_not_equal(rule_parse(&rule, bad[i].spec), OK);
        if (!strstr(err_text(), bad[i].words))
            fail_msg("%s: %s", bad[i].spec, err_text());
    }
    assert_ok(rule_parse(&rule, "{\"rule\": \"exact\", \"column\": \"gold\"}"));
    assert_err(ERR_RANGE, rule_score(rule, "x", 1, "{\"answer\": 3}", &out));
    assert_non_null(strstr(err_text(), "'gold'"));
    rule_free(rule);
}

/* What readers of data ask before anything is scored. */
static void a_column_says_what_it_lacks(void **state)
{
    static const struct {
        const char *spec, *value, *wrong, *lacks;
    } rows[] = {
        {"{\"rule\":\"number\",\"column\":\"a\"}", "\"#### 7\"", NULL, NULL},
        {"{\"rule\":\"number\",\"column\":\"a\"}", "7", NULL, NULL},
        {"{\"rule\":\"number\",\"column\":\"a\"}", "\"seven\"", NULL, "no number"},
        {"{\"rule\":\"number\",\"column\":\"a\"}", "[7]", "neither text nor a number", NULL},
        {"{\"rule\":\"number\",\"column\":\"a\"}", NULL, "neither text nor a number", NULL},
        {"{\"rule\":\"exact\",\"column\":\"a\"}", "\"\"", NULL, NULL},
        {"{\"rule\":\"calls\",\"column\":\"a\"}", "[]", NULL, NULL},
        {"{\"rule\":\"calls\",\"column\":\"a\"}", "\"f(1)\"", "no list of calls", NULL},
        {"{\"rule\":\"length\",\"max\":3}", NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *value = rows[i].value ? json_loads(rows[i].value, JSON_DECODE_ANY, NULL) : NULL;
        struct rule *rule;
        const char *wrong, *lacks;
        assert_ok(rule_parse(&rule, rows[i].spec));
        wrong = rule_column_wrong(rule, value);
        lacks = wrong ? NULL : rule_column_lacks(rule, value);
        if (strcmp(wrong ? wrong : "", rows[i].wrong ? rows[i].wrong : "") ||
            strcmp(lacks ? lacks : "", rows[i].lacks ? rows[i].lacks : ""))
            fail_msg("%s of %s: %s, %s", rows[i].spec, rows[i].value, wrong, lacks);
        rule_free(rule);
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regex_matches_anywhere),
        cmocka_unit_test(length_counts_what_it_is_told),
        cmocka_unit_test(exact_forgives_outer_space_only),
        cmocka_unit_test(number_compares_with_the_column),
        cmocka_unit_test(repetition_charges_what_was_said_before),
        cmocka_unit_test(errors_name_the_key),
        cmocka_unit_test(a_column_says_what_it_lacks),
    };
    return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
