/* Rows of votes: every kind that is read, and what is refused, with its line. */
#include "base/fs.h"
#include "ratings/style.h"
#include "ratings/votes_read.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *put(const char *name, const char *text)
{
    const char *path = scratch_at(name);

    assert_ok(fs_write(path, text, strlen(text)));
    return path;
}

static struct votes *read_rows(const char *text, const char *covariates)
{
    struct votes *votes = votes_new();

    assert_ok(votes_read(votes, put("votes.jsonl", text), covariates));
    return votes;
}

static void refused(enum err code, const char *text, const char *covariates, const char *words)
{
    struct votes *votes = votes_new();

    assert_err(code, votes_read(votes, put("votes.jsonl", text), covariates));
    if (!strstr(err_text(), words))
        fail_msg("'%s' does not say '%s'", err_text(), words);
    votes_free(votes);
}

static void votes_have_winners(void **state)
{
    static const enum votes_winner want[] = {WINNER_A, WINNER_B, WINNER_TIE, WINNER_BOTH_BAD,
                                             WINNER_BOTH_BAD};
    struct votes *votes = read_rows(
        "{\"model_a\":\"z\",\"model_b\":\"m\",\"winner\":\"model_a\",\"prompt\":\"p\"}\n"
        "{\"model_a\":\"z\",\"model_b\":\"m\",\"winner\":\"model_b\",\"prompt\":[{\"role\":"
        "\"user\",\"content\":\"q\"}],\"judge\":\"j\"}\n"
        "{\"model_a\":\"a\",\"model_b\":\"m\",\"winner\":\"tie\",\"prompt\":[{\"content\":"
        "\"q\","
        "\"role\":\"user\"}],\"weight\":2.5}\n"
        "{\"model_a\":\"z\",\"model_b\":\"m\",\"winner\":\"both_bad\",\"language\":\"en\"}\n"
        "{\"model_a\":\"z\",\"model_b\":\"m\",\"winner\":\"tie (bothbad)\",\"prompt\":null}\n",
        NULL);

    (void)state;
    assert_int_equal(votes->n, 5);
    assert_int_equal(votes->models, 3);
    assert_string_equal(votes->model[0], "a"); /* by name, not by first sight */
    assert_string_equal(votes->model[2], "z");
    for (int i = 0; i < 5; i++)
        assert_int_equal(votes->vote[i].winner, want[i]);
    assert_int_equal(votes->vote[2].a, 0);
    assert_int_equal(votes->vote[2].b, 1);
    assert_int_equal(votes->prompts, 2); /* the same messages, keys in another order */
    assert_int_equal(votes->vote[1].prompt, votes->vote[2].prompt);
    assert_int_equal(votes->vote[4].prompt, VOTES_NONE);
    assert_int_equal(votes->judges, 1);
    assert_true(votes->vote[2].weight == 2.5 && votes->vote[0].weight == 1);
    assert_int_equal(json_object_size(votes->ignored), 1);
    assert_non_null(json_object_get(votes->ignored, "language"));
    votes_free(votes);
}

static void drovers_own_lines_are_votes(void **state)
{
    struct votes *votes = read_rows(
        /* drover judge */
        "{\"verdict\":\"b\",\"p_a\":0.2,\"swapped\":false,\"tie\":false,\"failures\":0}\n"
        "{\"verdict\":null,\"p_a\":null,\"swapped\":false,\"tie\":false,\"failures\":2}\n"
        /* eval bias */
        "{\"prompt\":\"p\",\"a\":\"long\",\"b\":\"s\",\"model_a\":\"x\",\"model_b\":\"y\","
        "\"verdict\":\"a\",\"judge\":\"me\"}\n"
        /* eval win */
        "{\"prompt\":\"p\",\"answer\":\"u\",\"baseline_answer\":\"v\",\"verdict\":\"baseline\","
        "\"win\":0.0,\"tokens\":3,\"baseline_tokens\":2}\n"
        "{\"prompt\":\"q\",\"answer\":\"u\",\"baseline_answer\":\"v\",\"verdict\":\"none\","
        "\"win\":0.5,\"tokens\":3,\"baseline_tokens\":2}\n",
        NULL);

    (void)state;
    assert_int_equal(votes->n, 3);
    assert_int_equal(votes->unheard, 2);
    assert_int_equal(votes->models, 6);
    assert_string_equal(votes->model[votes->vote[0].a], "a");
    assert_int_equal(votes->vote[0].winner, WINNER_B);
    assert_string_equal(votes->model[votes->vote[1].a], "x");
    assert_string_equal(votes->model[votes->vote[2].b], "baseline");
    assert_int_equal(votes->vote[2].winner, WINNER_B);
    assert_int_equal(json_object_size(votes->ignored), 0);
    votes_free(votes);
}

static void rankings_share_places(void **state)
{
    struct votes *votes =
        read_rows("{\"ranking\":[\"m1\",[\"m2\",\"m3\"],\"m4\"],\"prompt\":\"p\"}\n"
                  "{\"ranking\":[\"m4\",\"m1\"],\"weight\":3}\n",
                  NULL);

    (void)state;
    assert_int_equal(votes->rankings, 2);
    assert_int_equal(votes->ranking[0].n, 4);
    assert_int_equal(votes->ranking[1].n, 2);
    assert_false(votes->placed[1].with_last);
    assert_true(votes->placed[2].with_last);
    assert_false(votes->placed[3].with_last);
    assert_string_equal(votes->model[votes->placed[3].model], "m4");
    assert_true(votes->ranking[1].weight == 3);
    votes_free(votes);
}

/* As spreadsheets write it: semicolons, a list in a cell, and cells that are empty. */
static void rankings_come_in_cells(void **state)
{
    struct votes *votes = votes_new();

    (void)state;
    assert_ok(votes_read(votes,
                         put("cells.csv", "model_a;model_b;winner;ranking\n"
                                          ";;;\"[\"\"m1\"\",[\"\"m2\"\",\"\"m3\"\"]]\"\n"
                                          "m1;m2;model_a;\n"),
                         NULL));
    assert_int_equal(votes->rankings, 1);
    assert_int_equal(votes->ranking[0].n, 3);
    assert_int_equal(votes->n, 1);
    votes_free(votes);
    votes = votes_new();
    assert_err(ERR_PARSE, votes_read(votes, put("words.csv", "ranking\na>b\n"), NULL));
    assert_non_null(strstr(err_text(), "ranking: expected a list of names"));
    votes_free(votes);
}

static void covariates_are_told_or_counted(void **state)
{
    static const char *const answers =
        "{\"model_a\":\"u\",\"model_b\":\"v\",\"winner\":\"tie\",\"first\":\"b\",\"answer_a\":"
        "\"# Title\\n- one\\n- **two**\\n```\\n# no\\n- no\\n```\",\"answer_b\":[{\"role\":"
        "\"assistant\",\"content\":\"na\\u00efve\"}],\"x\":{\"tone\":2}}\n";
    struct votes *votes = read_rows(answers, "length,lists, headers,bold,position,tone");

    (void)state;
    assert_int_equal(votes->covariates, 6);
    assert_true(fabs(votes->x[0] - log(42. / 6)) < 1e-12);
    assert_true(fabs(votes->x[1] - log(3)) < 1e-12);
    assert_true(fabs(votes->x[2] - log(2)) < 1e-12);
    assert_true(fabs(votes->x[3] - log(2)) < 1e-12);
    assert_true(votes->x[4] == -1 && votes->x[5] == 2);
    votes_free(votes);
    votes = read_rows(answers, NULL); /* all of x, and nothing that was not asked for */
    assert_int_equal(votes->covariates, 1);
    assert_string_equal(votes->covariate[0], "tone");
    votes_free(votes);
    votes = read_rows(answers, "none");
    assert_int_equal(votes->covariates, 0);
    votes_free(votes);
    votes = votes_new();
    assert_ok(votes_read(votes,
                         put("votes.csv", "model_a,model_b,winner,x.tone,weight\n"
                                          "1,2,model_a,0.5,1\n2,3,tie,-1,2\n"),
                         NULL));
    assert_int_equal(votes->models, 3);
    assert_true(votes->covariates == 1 && votes->x[0] == 0.5 && votes->x[1] == -1);
    votes_free(votes);
}

static void what_is_no_vote_is_told_with_its_line(void **state)
{
#define GOOD "{\"model_a\":\"x\",\"model_b\":\"y\",\"winner\":\"tie\"}\n"
    (void)state;
    refused(ERR_PARSE, GOOD "{\"model_a\":\"x\",\"model_b\":\"y\",\"winner\":\"modelA\"}\n",
            NULL, "votes.jsonl:2: winner: 'modelA' is none of model_a, model_b, tie, both_bad");
    refused(ERR_PARSE, GOOD "{\"model_a\":\"x\",\"model_b\":\"y\",\"winner\":1}\n", NULL,
            ":2: ");
    refused(ERR_PARSE, GOOD "{\"model_a\":\"x\",\"model_b\":\"y\"}\n", NULL, "no `winner`");
    refused(ERR_PARSE, GOOD "{\"model_a\":\"x\",\"model_b\":3.5,\"winner\":\"tie\"}\n", NULL,
            "`model_b`");
    refused(ERR_PARSE, GOOD "{\"model_b\":\"x\",\"winner\":\"tie\"}\n", NULL, ":2: ");
    refused(ERR_PARSE, "{\"model_a\":\"x\",\"model_b\":\"\",\"winner\":\"tie\"}\n", NULL,
            "name has 1 to");
    refused(ERR_PARSE,
            "{\"model_a\":\"x\",\"model_b\":\"y\",\"winner\":\"tie\",\"weight\":0}\n", NULL,
            "weight");
    refused(ERR_PARSE,
            "{\"model_a\":\"x\",\"model_b\":\"y\",\"winner\":\"tie\",\"weight\":1e300}\n", NULL,
            "weight");
    refused(ERR_PARSE,
            "{\"model_a\":\"x\",\"model_b\":\"y\",\"winner\":\"tie\",\"x\":{\"k\":1e300}}\n",
            NULL, "within 1e6");
    refused(ERR_PARSE,
            "{\"model_a\":\"x\",\"model_b\":\"y\",\"winner\":\"tie\",\"x\":{\"k\":1}}\n" GOOD,
            NULL, ":2: x: no number 'k'");
    refused(ERR_PARSE, GOOD, "position", "first");
    refused(ERR_PARSE, GOOD, "length", "answer_a");
    refused(ERR_PARSE, "{\"verdict\":\"c\"}\n", NULL, "'c' is none of a, b, tie");
    refused(ERR_PARSE, "{\"ranking\":[\"x\"]}\n", NULL, "fewer than two");
    refused(ERR_PARSE, "{\"ranking\":[\"x\",[\"y\",\"x\"]]}\n", NULL, "'x' stands twice");
    refused(ERR_PARSE, "{\"ranking\":[\"x\",[]]}\n", NULL, "empty list");
    refused(ERR_PARSE, "{\"ranking\":[\"x\",[\"y\",[\"z\"]]]}\n", NULL, "lists of names");
    refused(ERR_PARSE, "{\"ranking\":\"x\"}\n", NULL, "expected a list");
    refused(ERR_RANGE, "", NULL, "no vote");
    refused(ERR_RANGE, "{\"model_a\":\"x\",\"model_b\":\"x\",\"winner\":\"tie\"}\n", NULL,
            "no vote: 1 rows are of a model against itself");
}

/* Too many models end the reading and nothing else. */
static void models_have_a_limit(void **state)
{
    struct votes *votes = votes_new();
    enum err err = OK;
    int n = 0;

    (void)state;
    for (; n < 2 * VOTES_MODELS_MAX && !err; n++) {
        char a[32], b[32];
        snprintf(a, sizeof a, "a%d", n);
        snprintf(b, sizeof b, "b%d", n);
        err = votes_add(votes, &(struct votes_said){.a = a, .b = b, .weight = 1});
    }
    assert_int_equal(err, ERR_RANGE);
    assert_int_equal(n, VOTES_MODELS_MAX / 2 + 1);
    assert_int_equal(votes->models, VOTES_MODELS_MAX);
    votes_free(votes);
}

static void marks_are_counted_outside_code(void **state)
{
    double count[STYLE_MARKS];

    (void)state;
    style_count(count, "1. a\n  2) b\n* c\n+ d\n-not\n12.no\n#no\n####### no\n### yes\n"
                       "**x** and __y__ ** odd\n~~~\n- code\n~~~\n- end");
    assert_true(count[STYLE_LISTS] == 5 && count[STYLE_HEADERS] == 1 && count[STYLE_BOLD] == 2);
    style_count(count, "");
    assert_true(count[STYLE_LENGTH] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(votes_have_winners),
                                       cmocka_unit_test(drovers_own_lines_are_votes),
                                       cmocka_unit_test(rankings_share_places),
                                       cmocka_unit_test(rankings_come_in_cells),
                                       cmocka_unit_test(covariates_are_told_or_counted),
                                       cmocka_unit_test(what_is_no_vote_is_told_with_its_line),
                                       cmocka_unit_test(models_have_a_limit),
                                       cmocka_unit_test(marks_are_counted_outside_code)};
    return cmocka_run_group_tests_name("votes", tests, scratch_open, scratch_close);
}
