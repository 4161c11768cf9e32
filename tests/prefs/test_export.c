/* Export: labels and their weights, parts by prompt, a store in place of a data set. */
#include "annotate/exchange/export.h"

#include "annotate/exchange/judgements_of.h"
#include "annotate/exchange/judgements_walk.h"
#include "annotate/exchange/store_rows.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "data/rows.h"
#include "tests/prefs/study.h"
#include "tests/prefs/trade.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Three people on one pair: weights, a majority, a tie of people, both bad. */
static void judge_all(struct prefs *prefs, const char *choices)
{
    static unsigned ids;

    for (int person = 1; choices[person - 1]; person++) {
        const struct prefs_assignment it = study_next(prefs, person, STUDY_START);
        char id[32];
        struct prefs_judgement said = {.id = id,
                                       .assignment = it.id,
                                       .annotator = person,
                                       .verdict = choices[person - 1] == 't'   ? PREFS_TIE
                                                  : choices[person - 1] == 'x' ? PREFS_BOTH_BAD
                                                                               : PREFS_CHOSEN,
                                       .choice = choices[person - 1] - '0'};
        snprintf(id, sizeof id, "exchange-%u", ++ids);
        assert_ok(prefs_judge(prefs, &said, STUDY_START, NULL));
    }
}

static struct prefs *three(const char *name, int items)
{
    const struct prefs_settings settings = study_settings(3, 3);

    study_make(scratch_at(name), &settings, items, 1, 3);
    return study_open(scratch_at(name));
}

static void test_labels(void **state)
{
    struct export_rule rule = {.format = EXPORT_PREFERENCE};
    struct export_count count;
    struct prefs *const prefs = three("labels.db", 3);
    char *text;

    (void)state;
    judge_all(prefs, "100"); /* item 1: 0 by two of three */
    judge_all(prefs, "1tx"); /* item 2: nobody agrees */
    judge_all(prefs, "xx1"); /* item 3: both bad */
    {
        const struct prefs_judgement said = {
            .id = "of-a-gold-one", .annotator = 1, .verdict = PREFS_TIE};
        bool again;
        assert_ok(prefs_record(prefs, 4, NULL, PREFS_PLAN, &said, STUDY_START, &again));
    }
    text = trade_exported(prefs, &rule, &count);
    assert_int_equal(count.rows, 9);
    assert_int_equal(count.items, 3);
    assert_int_equal(count.ties, 1);
    assert_int_equal(count.both_bad, 3);
    assert_non_null(strstr(text, "\"weight\":0.33333333333333331"));
    assert_null(strstr(text, "g1")); /* gold is in no set to train on */
    free(text);
    rule.how = LABELS_MAJORITY;
    text = trade_exported(prefs, &rule, &count);
    assert_int_equal(count.undecided, 1);
    trade_assert_rows(
        text,
        "{\"prompt\": [{\"role\": \"user\", \"content\": \"p1\"}], \"chosen\": [{\"role\": "
        "\"assistant\", \"content\": \"a\"}], \"rejected\": [{\"role\": \"assistant\", "
        "\"content\": \"b\"}]}\n"
        "{\"prompt\": [{\"role\": \"user\", \"content\": \"p3\"}], \"chosen\": [{\"role\": "
        "\"assistant\", \"content\": \"a\"}], \"rejected\": [{\"role\": \"assistant\", "
        "\"content\": \"b\"}], \"tie\": true, \"both_bad\": true}\n");
    free(text);
    rule.drop_ties = true;
    text = trade_exported(prefs, &rule, &count);
    assert_int_equal(count.rows, 1);
    free(text);
    rule.how = LABELS_CONSENSUS;
    rule.drop_ties = false;
    text = trade_exported(prefs, &rule, &count);
    assert_int_equal(count.rows, 3);
    free(text);
    prefs_close(prefs);
}

/* "a" for "b" and the other way round, in rows whose contents are one of them. */
static void swap_names(char *rows)
{
    for (char *p = rows; (p = strstr(p, "\"content\":\"")); p += 12)
        if (p[12] == '"')
            p[11] = (char)(p[11] == 'a' ? 'b' : p[11] == 'b' ? 'a' : p[11]);
}

/* Line by line, but for ties, whose two have no order. */
static void assert_lines_alike(const char *a, const char *b)
{
    for (; *a; a = strchr(a, '\n') + 1, b = strchr(b, '\n') + 1) {
        const size_t n = (size_t)(strchr(a, '\n') - a);
        const char *const tie = strstr(a, "\"tie\"");
        assert_int_equal(n, strchr(b, '\n') - b);
        if (!tie || tie > a + n)
            assert_memory_equal(a, b, n);
    }
}

/* Consensus is the same whichever candidate is called 0. */
static void test_consensus(void **state)
{
    const struct export_rule rule = {.format = EXPORT_PREFERENCE, .how = LABELS_CONSENSUS};
    static const char *const said[] = {"110", "001", "111", "010", "000", "t11", "x00", "101"};
    struct export_count count;
    char *rows[2];

    (void)state;
    for (int flipped = 0; flipped < 2; flipped++) {
        struct prefs *const prefs = three(flipped ? "flipped.db" : "straight.db", 8);
        for (int i = 0; i < 8; i++) {
            char choices[4];
            for (int k = 0; k < 4; k++)
                choices[k] = (char)(flipped && (said[i][k] == '0' || said[i][k] == '1')
                                        ? '0' + ('1' - said[i][k])
                                        : said[i][k]);
            judge_all(prefs, choices);
        }
        rows[flipped] = trade_exported(prefs, &rule, &count);
        assert_int_equal(count.rows, 8);
        prefs_close(prefs);
    }
    swap_names(rows[1]);
    assert_lines_alike(rows[0], rows[1]);
    free(rows[0]);
    free(rows[1]);
}

static enum err ignore(void *self, const json_t *row)
{
    (void)self;
    (void)row;
    return OK;
}

/* Two judgements an item are too few to tell who is reliable. */
static void test_few(void **state)
{
    const struct export_rule rule = {.format = EXPORT_PREFERENCE, .how = LABELS_CONSENSUS};
    struct prefs *const prefs = three("few.db", 1);
    struct export_count count;

    (void)state;
    judge_all(prefs, "10");
    assert_err(ERR_RANGE, export_visit(prefs, &rule, ignore, NULL, &count));
    assert_non_null(strstr(err_text(), "labels=consensus"));
    prefs_close(prefs);
}

/* dataset_name=prefs.db: rows with weights; what is held out is whole prompts. */
static void test_dataset(void **state)
{
    struct dataset *train, *test;
    struct dataset_conf conf = {
        .train = "train", .test = "test", .test_size = 0.3, .strict = true};
    struct prefs *prefs = three("dataset.db", 20);
    char *path = mem_text(scratch_at("dataset.db"));
    int both = 0;

    (void)state;
    for (int i = 0; i < 20; i++)
        judge_all(prefs, "101");
    assert_ok(prefs_commit(prefs));
    conf.name = path;
    rows_serve(NULL);
    assert_err(ERR_PARSE, dataset_load(&train, &test, &conf)); /* nobody can open one */
    store_rows_serve();
    assert_err(ERR_STATE, dataset_load(&train, &test, &conf)); /* we have it open */
    prefs_close(prefs);
    assert_ok(dataset_load(&train, &test, &conf));
    assert_int_equal(train->n + test->n, 60);
    assert_int_equal(test->n % 3, 0);
    assert_true(test->n > 0);
    for (size_t i = 0; i < test->n; i++) {
        json_t *row, *other;
        assert_ok(dataset_record(&row, test, i));
        assert_true(fabs(json_number_value(json_object_get(row, "weight")) - 1.0 / 3) < 1e-15);
        for (size_t k = 0; k < train->n; k++) {
            assert_ok(dataset_record(&other, train, k));
            both +=
                json_equal(json_object_get(row, "prompt"), json_object_get(other, "prompt"));
            json_decref(other);
        }
        json_decref(row);
    }
    assert_int_equal(both, 0);
    dataset_free(train);
    dataset_free(test);
    conf.labels = "majority";
    conf.test_size = NAN;
    assert_ok(dataset_load(&train, &test, &conf));
    assert_int_equal(train->n, 20);
    dataset_free(train);
    conf.labels = "loudest";
    assert_err(ERR_RANGE, dataset_load(&train, &test, &conf));
    free(path);
}

static enum err write_and_read(void *self, const struct judgements_said *said)
{
    json_t *const row = judgements_write_row(said);
    const enum err err = judgements_read_row(self, row);

    json_decref(row);
    return err;
}

/* NAN is like NAN. */
static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* A row that was written says the same when it is read: what a child computes with (figures.c) is
 * what the store holds. */
static void check_written(struct prefs *prefs, const struct judgements *want)
{
    struct judgements *const got = judgements_new(JUDGEMENTS_PAIRS);
    struct judgements_walk *const walk = judgements_walk_new(prefs, write_and_read, got);
    bool more = true;

    while (more)
        assert_ok(judgements_walk_on(walk, &more));
    judgements_walk_free(walk);
    assert_ok(judgements_end(got));
    assert_int_equal(got->n, want->n);
    assert_int_equal(json_object_size(got->ignored), 0);
    for (size_t i = 0; i < want->n; i++) {
        const struct judgements_row *const a = &want->row[i], *const b = &got->row[i];
        assert_true(a->item == b->item && a->annotator == b->annotator &&
                    a->prompt == b->prompt && a->value == b->value && a->gold == b->gold);
        assert_true(a->why == b->why && a->side == b->side && a->skipped == b->skipped &&
                    a->undone == b->undone && a->flipped == b->flipped && a->time == b->time);
        assert_true(same(a->seconds, b->seconds) && same(a->length, b->length));
    }
    for (size_t i = 0; i < want->annotator.n; i++)
        assert_string_equal(want->annotator.text[i], got->annotator.text[i]);
    judgements_free(got);
}

/* As ratings reads a store: choices, skips, what was taken back, what is open. */
static void test_judgements(void **state)
{
    struct prefs *const prefs = three("judgements.db", 3);
    struct judgements *const all = judgements_new(JUDGEMENTS_PAIRS);
    struct prefs_assignment it;
    struct prefs_judgement skip = {.id = "skips-it-now", .annotator = 2, .verdict = PREFS_SKIP};
    size_t other, open = 0, sides = 0;

    (void)state;
    judge_all(prefs, "101");
    assert_ok(prefs_undo(prefs, "takes-it-back", 1, STUDY_START, &it, NULL));
    study_choose(prefs, &it, 0, 4000000, STUDY_START + 9);
    it = study_next(prefs, 2, STUDY_START);
    skip.assignment = it.id;
    assert_ok(prefs_judge(prefs, &skip, STUDY_START, NULL));
    study_next(prefs, 3, STUDY_START);
    assert_ok(judgements_of(all, prefs, &other));
    assert_ok(judgements_end(all));
    assert_int_equal(other, 0);
    assert_int_equal(all->n, 6); /* four choices, a skip, one open */
    assert_int_equal(all->undone, 1);
    assert_int_equal(all->skipped, 1);
    for (size_t i = 0; i < all->n; i++) {
        open += all->row[i].value == JUDGEMENTS_NONE && !all->row[i].skipped;
        sides += all->row[i].side != SIDE_NONE;
        assert_true(all->row[i].length == 0); /* "a" and "b" are as long as one another */
    }
    assert_int_equal(open, 1);
    assert_int_equal(sides, 4);
    assert_string_equal(all->annotator.text[all->row[0].annotator], "person1");
    check_written(prefs, all);
    judgements_free(all);
    prefs_close(prefs);
}

/* The parts of an export are divided by prompt, and the same each time. */
static void test_parts(void **state)
{
    struct export_rule rule = {.format = EXPORT_PREFERENCE, .test_size = 0.4, .seed = 42};
    struct prefs *const prefs = three("parts.db", 30);
    struct export_count whole, train, test;
    char *a, *b;

    (void)state;
    for (int i = 0; i < 30; i++)
        judge_all(prefs, "110");
    free(trade_exported(prefs, &rule, &whole));
    rule.part = EXPORT_TRAIN;
    a = trade_exported(prefs, &rule, &train);
    rule.part = EXPORT_TEST;
    b = trade_exported(prefs, &rule, &test);
    assert_int_equal(train.rows + test.rows, whole.rows);
    assert_int_equal(train.rows % 3 + test.rows % 3, 0);
    assert_in_range(test.rows, 12, 60);
    free(a);
    a = trade_exported(prefs, &rule, &test);
    assert_string_equal(a, b);
    free(a);
    free(b);
    prefs_close(prefs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels), cmocka_unit_test(test_consensus),
        cmocka_unit_test(test_few),    cmocka_unit_test(test_dataset),
        cmocka_unit_test(test_parts),  cmocka_unit_test(test_judgements),
    };

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
