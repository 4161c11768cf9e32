/* What people are asked and say, as the journal keeps it: once durable it is there whenever the journal
 * is read, learnt once, and never when it is too old. */

#include "learner/journal/ledger_people.h"

#include "base/mem.h"
#include "base/rng.h"
#include "learner/journal/journal.h"
#include "proto/digest.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 4, EACH = 2, ITERATIONS = 12, AGE = 2 };
static char folder[] = "/tmp/drover-people-XXXXXX";
static char path[64];
static const struct id run = {{3}};
static const struct tasks_plan plan = {
    .seed = 7, .rows = 10, .batch = BATCH, .samples = EACH, .iterations = ITERATIONS};

static struct tasks *tasks;
static struct ledger *ledger;

static enum err open_at(uint64_t base)
{
    const struct ledger_conf conf = {
        .path = path, .tasks = tasks, .base = base, .people = {2, AGE}};

    return ledger_open(&ledger, &conf);
}

static void reopen(uint64_t base)
{
    ledger_close(ledger);
    assert_ok(open_at(base));
}

static int setup(void **state)
{
    (void)state;
    unlink(path);
    assert_ok(tasks_new(&tasks, &plan));
    assert_ok(open_at(0));
    assert_ok(ledger_start(ledger, &run));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ledger_close(ledger);
    tasks_free(tasks);
    return 0;
}

/* Two answers to each task of an iteration, under `version`. */
static void answer_all(uint64_t iteration, uint64_t version)
{
    for (uint64_t t = iteration * BATCH; t < (iteration + 1) * BATCH; t++)
        for (uint32_t i = 0; i < EACH; i++) {
            struct record_sample s = {.task = t, .sample = i, .n_token = 1, .n_span = 1};

            s.hash = (struct hash){{(uint8_t)t, (uint8_t)i, 1}};
            s.token = mem_new(1, sizeof *s.token);
            s.logprob = mem_new(1, sizeof *s.logprob);
            s.mask = mem_new(1, 1);
            s.span = mem_new(1, sizeof *s.span);
            s.token[0] = (int32_t)(10 * t + i);
            s.span[0].version = (struct version){version, {{(uint8_t)version}}};
            assert_true(ledger_take(ledger, &s));
        }
    assert_ok(ledger_commit(ledger));
}

static struct record_pair pair_of(uint64_t task, uint64_t version)
{
    return (struct record_pair){.task = task,
                                .a = 1,
                                .b = 0,
                                .hash_a = {{(uint8_t)task, 1, 1}},
                                .hash_b = {{(uint8_t)task, 0, 1}},
                                .version = {version, {{(uint8_t)version}}}};
}

/* The first `pairs` tasks of it go to people; it learns all that is due. Returns how much that is. */
static size_t train(uint64_t iteration, uint32_t pairs)
{
    const struct people *const people = ledger_people(ledger);
    struct record_exported *const exported = mem_new(1, sizeof *exported);
    struct record_people *const learnt = mem_new(1, sizeof *learnt);
    int64_t *due;
    const size_t n = people_due(people, iteration, &due);

    exported->iteration = learnt->iteration = iteration;
    exported->pair = mem_new(pairs, sizeof *exported->pair);
    for (uint32_t i = 0; i < pairs; i++)
        exported->pair[exported->n_pair++] = pair_of(iteration * BATCH + i, iteration);
    learnt->judgement = mem_new(n, sizeof *learnt->judgement);
    for (size_t i = 0; i < n; i++)
        learnt->judgement[learnt->n_judgement++] = (struct record_judgement){
            people->pair[people->said[due[i]].pair].id, people->said[due[i]].what->id};
    learnt->counts = people_counts(people, iteration, n, pairs);
    ledger_people_export(ledger, exported);
    ledger_people_learn(ledger, learnt);
    ledger_step(ledger, iteration, &(struct hash){{(uint8_t)(101 + iteration)}});
    assert_ok(ledger_commit(ledger));
    ledger_forget(ledger, iteration);
    free(due);
    return n;
}

static struct msg_judgement judgement(int64_t pair, uint8_t number, uint32_t verdict,
                                      const char *who)
{
    const struct people_pair *const at = &ledger_people(ledger)->pair[pair];

    return (struct msg_judgement){.id = {{9, number}},
                                  .pair = at->id,
                                  .a = at->of.hash_a,
                                  .b = at->of.hash_b,
                                  .verdict = verdict,
                                  .annotator = who};
}

static enum judged_answer say(struct msg_judgement j, bool durable)
{
    bool is;
    const enum judged_answer answer = ledger_people_judge(ledger, &j, &is);

    assert_true(is == durable);
    return answer;
}

static void begin(void)
{
    answer_all(0, 0);
    train(0, 2);
}

static void a_pair_is_named_by_what_it_is_of(void **state)
{
    struct record_pair of;
    struct msg_export want = {.task = 1, .a = {1, {{1, 1, 1}}, ""}, .b = {0, {{1, 0, 1}}, ""}};
    const struct id id = digest_pair(&run, &want);
    int64_t at;

    (void)state;
    begin();
    for (uint64_t again = 0; again < 2; again++) {
        at = people_find(ledger_people(ledger), &id);
        assert_int_equal(at, 1);
        of = ledger_people(ledger)->pair[at].of;
        assert_int_equal(of.task, 1);
        assert_int_equal(ledger_people(ledger)->pair[at].body[0]->token[0], 11);
        assert_int_equal(ledger_people(ledger)->pair[at].body[1]->token[0], 10);
        reopen(again);
    }
    want.task = 2;
    assert_int_equal(people_find(ledger_people(ledger), &(struct id){{0}}), PEOPLE_NONE);
}

static void what_is_not_durable_is_not_answered_nor_learnt(void **state)
{
    (void)state;
    begin();
    assert_int_equal(say(judgement(0, 1, VERDICT_B, "a"), false), JUDGED_KEPT);
    assert_int_equal(say(judgement(0, 1, VERDICT_B, "a"), false), JUDGED_KEPT); /* once more */
    answer_all(1, 1);                                                           /* commits */
    assert_int_equal(say(judgement(0, 1, VERDICT_B, "a"), true), JUDGED_KEPT);
    assert_int_equal(say(judgement(1, 2, VERDICT_A, "a"), false), JUDGED_KEPT);
    reopen(1); /* a crash: the second is nobody's yet */
    assert_int_equal(ledger_people(ledger)->n_said, 1);
    assert_int_equal(say(judgement(1, 2, VERDICT_A, "a"), false), JUDGED_KEPT);
    assert_int_equal(train(1, 1), 1); /* what was durable as it began */
    assert_int_equal(say(judgement(1, 2, VERDICT_A, "a"), true), JUDGED_KEPT);
    answer_all(2, 2);
    assert_int_equal(train(2, 1), 1); /* the other */
    answer_all(3, 3);
    assert_int_equal(train(3, 1), 0);
}

static void what_is_said_of_others_is_none(void **state)
{
    struct msg_judgement j;

    (void)state;
    begin();
    assert_int_equal(say(judgement(0, 1, VERDICT_A, "a"), false), JUDGED_KEPT);
    assert_int_equal(say(judgement(0, 1, VERDICT_B, "a"), false), JUDGED_OTHER);
    assert_int_equal(say(judgement(0, 1, VERDICT_A, "b"), false), JUDGED_OTHER);
    assert_int_equal(say(judgement(0, 2, VERDICT_B, "a"), false), JUDGED_MANY);
    j = judgement(1, 3, VERDICT_A, "a");
    j.a = j.b;
    assert_int_equal(say(j, false), JUDGED_OTHER);
    j = judgement(1, 3, VERDICT_A, "a");
    j.pair.byte[0] ^= 1;
    assert_int_equal(say(j, false), JUDGED_UNKNOWN);
    j = judgement(0, 4, 0, "b");
    j.undo = (struct id){{9, 1}};
    assert_int_equal(say(j, false), JUDGED_OTHER); /* another person's */
    j = judgement(1, 4, 0, "a");
    j.undo = (struct id){{9, 1}};
    assert_int_equal(say(j, false), JUDGED_UNKNOWN); /* another pair's */
    j = judgement(0, 4, 0, "a");
    j.undo = (struct id){{9, 1}};
    assert_int_equal(say(j, false), JUDGED_KEPT);
    j.id.byte[1] = 5;
    assert_int_equal(say(j, false), JUDGED_UNKNOWN); /* it does not stand any more */
    j.id.byte[1] = 6;
    j.undo = (struct id){{9, 4}};
    assert_int_equal(say(j, false), JUDGED_UNKNOWN); /* nobody takes back a taking back */
    assert_int_equal(say(judgement(0, 7, VERDICT_B, "a"), false), JUDGED_KEPT);
    assert_int_equal(ledger_people(ledger)->unknown, 9);
}

static void a_pair_has_an_end(void **state)
{
    char who[16];
    int kept = 0;

    (void)state;
    begin();
    for (int i = 0; i < 2 * PEOPLE_SAID; i++) {
        snprintf(who, sizeof who, "n%d", i);
        kept += say(judgement(0, (uint8_t)i, VERDICT_A, who), false) == JUDGED_KEPT;
    }
    assert_int_equal(kept, PEOPLE_SAID);
    assert_int_equal(say(judgement(1, 1, VERDICT_A, "a"), false), JUDGED_KEPT);
}

static void undone_before_is_not_learnt_and_after_is_counted(void **state)
{
    struct msg_judgement j;
    struct record_people_counts counts;

    (void)state;
    begin();
    say(judgement(0, 1, VERDICT_A, "a"), false);
    say(judgement(1, 2, VERDICT_A, "a"), false);
    j = judgement(0, 3, 0, "a");
    j.undo = (struct id){{9, 1}};
    assert_int_equal(say(j, false), JUDGED_KEPT);
    answer_all(1, 1);
    assert_int_equal(train(1, 0), 1);
    j = judgement(1, 4, 0, "a");
    j.undo = (struct id){{9, 2}};
    assert_int_equal(say(j, false), JUDGED_KEPT);
    answer_all(2, 2);
    for (int again = 0; again < 2; again++) {
        counts = people_counts(ledger_people(ledger), 2, 0, 0);
        assert_int_equal(counts.judged, 2);
        assert_int_equal(counts.trained, 1);
        assert_int_equal(counts.taken_back, 1);
        reopen(1);
    }
    assert_int_equal(train(2, 0), 0);
}

/* Version 0 wrote them: iterations 1 and 2 may learn what is said, the third may not. Ties are no
 * pairs. */
static void what_is_too_old_is_kept_and_not_learnt(void **state)
{
    (void)state;
    begin();
    say(judgement(1, 8, VERDICT_TIE, "a"), false);
    answer_all(1, 1);
    assert_int_equal(train(1, 0), 0);
    say(judgement(0, 1, VERDICT_A, "a"), false);
    answer_all(2, 2);
    reopen(1);
    say(judgement(0, 2, VERDICT_B, "b"), false);
    assert_int_equal(train(2, 0), 1); /* the second was not durable as it began */
    answer_all(3, 3);
    assert_int_equal(people_counts(ledger_people(ledger), 3, 0, 0).too_old, 1);
    assert_int_equal(train(3, 0), 0);
    assert_null(ledger_people(ledger)->pair[0].body[0]); /* nothing learns it again */
    reopen(4);
    assert_int_equal(ledger_people(ledger)->n_said, 3);
    assert_int_equal(people_counts(ledger_people(ledger), 4, 0, 0).judged, 3);
}

static int refreshes;

static void count_refresh(void *self, const struct record_refreshed *record)
{
    (void)self;
    refreshes += record->judgements > 0;
}

/* Which image scored an iteration is known from the journal; answers stay for it. */
static void a_refresh_is_of_the_iterations_behind_it(void **state)
{
    const struct ledger_conf conf = {.path = path,
                                     .tasks = tasks,
                                     .base = 4,
                                     .people = {2, AGE, true},
                                     .refreshed = count_refresh};
    int64_t *kept;

    (void)state;
    begin();
    say(judgement(0, 1, VERDICT_A, "a"), false);
    say(judgement(1, 2, VERDICT_TIE, "a"), false);
    for (uint64_t i = 1; i < 4; i++) {
        struct record_refreshed *const record = mem_new(1, sizeof *record);
        answer_all(i, i);
        *record = (struct record_refreshed){i, i, {{(uint8_t)i}}, 9};
        if (i != 2)
            ledger_note(ledger, JOURNAL_REFRESHED, record);
        else
            free(record);
        train(i, 0);
    }
    ledger_close(ledger);
    refreshes = 0;
    assert_ok(ledger_open(&ledger, &conf));
    assert_int_equal(refreshes, 2);
    assert_null(people_refreshed(ledger_people(ledger), 1));
    assert_int_equal(people_refreshed(ledger_people(ledger), 2)->image.byte[0], 1);
    assert_int_equal(people_refreshed(ledger_people(ledger), 3)->image.byte[0], 1);
    assert_int_equal(people_refreshed(ledger_people(ledger), 4)->image.byte[0], 3);
    assert_int_equal(people_refreshed(ledger_people(ledger), UINT64_MAX)->judgements, 3);
    assert_int_equal(people_kept(ledger_people(ledger), &kept), 1); /* too old, and there */
    free(kept);
}

/* Whatever the moment at which it is read again, from whatever checkpoint, it is the same. */
static void read_again_it_is_the_same(void **state)
{
    uint8_t number = 0;
    size_t learnt = 0;
    uint64_t counted = 0;

    (void)state;
    for (uint64_t i = 0; i < ITERATIONS; i++) {
        const int64_t pairs = ledger_people(ledger)->n_pair;

        answer_all(i, i);
        for (int k = 0; k < 3 && pairs; k++) {
            const double x = rng_uniform(1, RNG_TEST, i, (uint32_t)k, 0);
            const int64_t young = pairs > 5 ? pairs - 5 : 0;
            number++;
            say(judgement(young + (int64_t)(x * (double)(pairs - young)), number,
                          number % 3 ? VERDICT_A : VERDICT_TIE, number % 2 ? "a" : "b"),
                false);
        }
        assert_ok(ledger_commit(ledger));
        if (i % 2)
            reopen(i - (uint64_t)(rng_uniform(1, RNG_TEST, i, 9, 0) * (double)i));
        learnt += train(i, 2);
        for (uint64_t k = 0; k + i < ITERATIONS && !k; k++) {
            const struct people *const p = ledger_people(ledger);
            uint64_t sum = 0;
            for (int64_t s = 0; s < p->n_said; s++)
                sum += p->said[s].trained != 0;
            assert_int_equal(sum, learnt);
        }
    }
    for (uint64_t base = 0; base <= ITERATIONS; base += 3) {
        reopen(base);
        counted = people_counts(ledger_people(ledger), ITERATIONS, 0, 0).trained;
        assert_int_equal(counted, learnt);
        for (uint64_t i = base; i < ITERATIONS; i++) { /* what replay needs is there */
            const struct record_people *const of = people_of(ledger_people(ledger), i);
            assert_non_null(of);
            for (uint32_t k = 0; k < of->n_judgement; k++) {
                const struct people_said *const said =
                    people_named(ledger_people(ledger), &of->judgement[k]);
                assert_int_equal(said->trained, i + 1);
                assert_non_null(ledger_people(ledger)->pair[said->pair].body[1]);
            }
        }
    }
    assert_true(learnt > 8);
}

/* Appends a record to the journal as it is, and opens that. */
static void is_damage(enum journal_type type, const void *what, const char *words)
{
    struct record_bytes bytes = {0};
    struct journal *journal;

    ledger_close(ledger);
    ledger = NULL;
    assert_ok(journal_open(&journal, path, NULL, NULL, NULL));
    record_write(&bytes, type, what);
    journal_append(journal, (uint32_t)type, bytes.byte, bytes.n);
    assert_ok(journal_commit(journal));
    journal_close(journal);
    record_fields_bytes_fini(&bytes);
    assert_err(ERR_PARSE, open_at(0));
    assert_non_null(strstr(err_text(), words));
}

static void what_cannot_be_is_damage(void **state)
{
    const int which = *(const int *)*state;
    struct record_pair pair = pair_of(4, 1);
    struct record_exported exported = {.iteration = 1, .n_pair = 1, .pair = &pair};
    struct record_judged judged = {.id = {{1}}, .verdict = VERDICT_A};
    struct record_judgement name = {{{1}}, {{1}}};
    struct record_people people = {.iteration = 1, .n_judgement = 1, .judgement = &name};
    char who[] = "a";

    setup(NULL);
    begin();
    answer_all(1, 1);
    judged.annotator = who;
    if (which == 0) {
        pair.hash_a.byte[5] = 1;
        is_damage(JOURNAL_EXPORTED, &exported, "no such answers to task 4");
    } else if (which == 1) {
        exported.iteration = 0;
        is_damage(JOURNAL_EXPORTED, &exported, "EXPORTED of iteration 0");
    } else if (which == 2) {
        is_damage(JOURNAL_JUDGED, &judged, "JUDGED: of no pair");
    } else if (which == 3) {
        judged.pair = ledger_people(ledger)->pair[0].id;
        judged.verdict = 9;
        is_damage(JOURNAL_JUDGED, &judged, "what it says cannot be");
    } else if (which == 4) {
        is_damage(JOURNAL_PEOPLE, &people, "is not there");
    } else {
        pair.version.number = 0;
        is_damage(JOURNAL_EXPORTED, &exported, "no such answers");
    }
    tasks_free(tasks);
}

static int open_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/journal", folder);
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    static int which[] = {0, 1, 2, 3, 4, 5};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pair_is_named_by_what_it_is_of, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_durable_is_not_answered_nor_learnt, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_said_of_others_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pair_has_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(undone_before_is_not_learnt_and_after_is_counted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_too_old_is_kept_and_not_learnt, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_refresh_is_of_the_iterations_behind_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(read_again_it_is_the_same, setup, teardown),
        cmocka_unit_test_prestate(what_cannot_be_is_damage, &which[0]),
        cmocka_unit_test_prestate(what_cannot_be_is_damage, &which[1]),
        cmocka_unit_test_prestate(what_cannot_be_is_damage, &which[2]),
        cmocka_unit_test_prestate(what_cannot_be_is_damage, &which[3]),
        cmocka_unit_test_prestate(what_cannot_be_is_damage, &which[4]),
        cmocka_unit_test_prestate(what_cannot_be_is_damage, &which[5]),
    };

    return cmocka_run_group_tests_name("learner/people", tests, open_folder, close_folder);
}
