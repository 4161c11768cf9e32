#include "learner/journal/ledger.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "learner/journal/attempts.h"
#include "learner/journal/journal.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/drover-ledger-XXXXXX";
static char path[64];
static const struct id run = {{3}};
static const struct tasks_plan plan = {.seed = 7,
                                       .rows = 10,
                                       .shuffle = true,
                                       .eval = 2,
                                       .batch = 3,
                                       .samples = 1,
                                       .iterations = 3};

struct ledger_owner {
    int durable;
};

static enum err heard(void *self, const struct record_sample *sample)
{
    (void)sample;
    ((struct ledger_owner *)self)->durable++;
    return OK;
}

static enum err open_it(struct ledger **out, struct tasks *tasks, uint64_t base,
                        struct ledger_owner *owner)
{
    const struct ledger_conf conf = {.path = path,
                                     .tasks = tasks,
                                     .base = base,
                                     .first = {{100}},
                                     .durable = heard,
                                     .self = owner};

    owner->durable = 0;
    return ledger_open(out, &conf);
}

static bool take(struct ledger *l, uint64_t task)
{
    struct record_sample s = {.task = task, .hash = {{(uint8_t)task}}, .n_token = 1};

    s.token = calloc(1, sizeof *s.token);
    s.logprob = calloc(1, sizeof *s.logprob);
    s.mask = calloc(1, 1);
    s.token[0] = (int32_t)task;
    return ledger_take(l, &s);
}

static void commit(struct ledger *l)
{
    struct journal_group group;

    assert_true(ledger_commit_begin(l, &group));
    assert_ok(journal_commit_write(&group));
    assert_ok(ledger_commit_end(l));
}

static struct hash version(uint64_t v)
{
    return (struct hash){{(uint8_t)(100 + v)}};
}

/* Only what is durable is settled, told, or trained; a sample counts once. */
static void durable_comes_first(void **state)
{
    struct journal_group group;
    struct ledger_owner owner;
    struct tasks *tasks;
    struct ledger *l;
    (void)state;

    unlink(path);
    assert_ok(tasks_new(&tasks, &plan));
    assert_ok(open_it(&l, tasks, 0, &owner));
    assert_ok(ledger_start(l, &run));
    assert_int_equal(ledger_epoch(l), 1);
    assert_true(take(l, 0));
    assert_false(take(l, 0));
    assert_false(take(l, 999));
    assert_int_equal(ledger_watermark(l), 0);
    assert_int_equal(owner.durable, 0);
    assert_true(ledger_commit_begin(l, &group));
    assert_true(take(l, 1)); /* the next group's */
    assert_ok(journal_commit_write(&group));
    assert_int_equal(ledger_watermark(l), 0);
    assert_ok(ledger_commit_end(l));
    assert_int_equal(ledger_watermark(l), 1);
    assert_int_equal(owner.durable, 1);
    assert_false(ledger_idle(l));
    commit(l);
    assert_int_equal(ledger_watermark(l), 2);
    assert_true(ledger_idle(l));
    take(l, 2), take(l, 4);
    commit(l);
    assert_false(ledger_batch(l, 0, NULL));
    take(l, 3);
    assert_false(ledger_batch(l, 0, NULL));
    commit(l);
    assert_true(ledger_batch(l, 0, NULL));
    assert_false(ledger_batch(l, 1, NULL));
    ledger_close(l);
    tasks_free(tasks);
}

/* Everything of the run, in a random order, with a reopening after each commit. */
static void reopened_it_stands_where_it_stood(void **state)
{
    const struct record_sample *sample[3];
    struct ledger_owner owner;
    struct tasks *tasks;
    struct ledger *l;
    uint64_t starts = 0;
    struct hash end;
    (void)state;

    unlink(path);
    assert_ok(tasks_new(&tasks, &plan));
    for (uint64_t it = 0; it < 3; it++) {
        uint32_t order[3];
        rng_shuffle(order, 3, 1, RNG_TEST, it);
        for (int k = 0; k < 3; k++) {
            assert_ok(open_it(&l, tasks, 0, &owner));
            assert_ok(ledger_start(l, &run));
            assert_int_equal(ledger_epoch(l), ++starts);
            assert_int_equal(ledger_version(l), it);
            assert_int_equal(owner.durable, it * 3 + (uint64_t)k);
            take(l, 2 + it * 3 + order[k]);
            commit(l);
            take(l, 0); /* never durable */
            ledger_close(l);
        }
        assert_ok(open_it(&l, tasks, 0, &owner));
        assert_true(ledger_batch(l, it, sample));
        for (uint32_t k = 0; k < 3; k++)
            assert_int_equal(sample[k]->task, 2 + it * 3 + k);
        ledger_step(l, it, &(struct hash){{(uint8_t)(101 + it)}});
        assert_int_equal(ledger_version(l), it); /* not durable */
        commit(l);
        assert_int_equal(ledger_version(l), it + 1);
        {
            const struct hash want = version(it + 1);
            assert_true(hash_same(ledger_hash(l, it + 1), &want));
        }
        ledger_forget(l, it);
        ledger_close(l);
    }
    assert_ok(open_it(&l, tasks, 2, &owner));
    for (uint64_t v = 0; v <= 3; v++) {
        const struct hash want = version(v);
        assert_true(hash_same(ledger_hash(l, v), &want));
    }
    assert_false(ledger_batch(l, 1, sample)); /* below the base: not kept */
    assert_true(ledger_batch(l, 2, sample));
    assert_false(ledger_ended(l, NULL));
    ledger_end(l, &(struct hash){{77}});
    commit(l);
    ledger_close(l);
    assert_ok(open_it(&l, tasks, 3, &owner));
    assert_true(ledger_ended(l, &end));
    assert_int_equal(end.byte[0], 77);
    ledger_close(l);
    tasks_free(tasks);
}

static bool failed(struct ledger *l, uint64_t task, const char *who)
{
    struct record_attempt attempt = {
        .task = task, .who = mem_text(who), .reason = mem_text("too long")};

    return ledger_attempt(l, &attempt);
}

/* Who failed what is known after a restart too, until the sample comes. */
static void attempts_outlive_the_learner(void **state)
{
    const struct attempts *list;
    struct ledger_owner owner;
    struct ledger *l;
    struct tasks *tasks;

    (void)state;
    remove(path);
    assert_ok(tasks_new(&tasks, &plan));
    assert_ok(open_it(&l, tasks, 0, &owner));
    assert_ok(ledger_start(l, &run));
    assert_true(failed(l, 0, "a"));
    assert_false(failed(l, 0, "a")); /* once */
    assert_true(failed(l, 0, "b"));
    assert_true(failed(l, 1, "a"));
    assert_false(failed(l, 99, "a")); /* the run has no such task */
    commit(l);
    assert_true(take(l, 1));
    commit(l);
    assert_false(failed(l, 1, "c")); /* it is there */
    ledger_close(l);
    assert_ok(open_it(&l, tasks, 0, &owner));
    list = ledger_attempts(l);
    assert_int_equal(list->n, 2);
    assert_int_equal(list->item[1].attempts, 2);
    assert_string_equal(list->item[1].who, "b");
    assert_string_equal(list->item[1].reason, "too long");
    assert_true(failed(l, 0, "c"));
    assert_false(failed(l, 0, "d")); /* three are enough */
    ledger_close(l);
    tasks_free(tasks);
}

static void other_runs_are_refused(void **state)
{
    const struct id other = {{4}};
    struct tasks_plan p = plan;
    struct ledger_owner owner;
    struct tasks *tasks;
    struct ledger *l;
    (void)state;

    unlink(path);
    assert_ok(tasks_new(&tasks, &plan));
    assert_ok(open_it(&l, tasks, 0, &owner));
    assert_ok(ledger_start(l, &run));
    ledger_close(l);
    assert_err(ERR_STATE, open_it(&l, tasks, 1, &owner)); /* a checkpoint ahead of it */
    assert_ok(open_it(&l, tasks, 0, &owner));
    assert_err(ERR_STATE, ledger_start(l, &other));
    ledger_close(l);
    tasks_free(tasks);
    p.batch = 4;
    assert_ok(tasks_new(&tasks, &p));
    assert_err(ERR_STATE, open_it(&l, tasks, 0, &owner));
    tasks_free(tasks);
}

/* Stands as HALT after iteration 0 left it: the second iteration's tasks, of which one was
 * answered, count as settled, and the last evaluation is asked for under version 1. */
static void is_halted(struct ledger *l, struct tasks *tasks)
{
    const struct hash want = version(1);

    assert_int_equal(ledger_version(l), 1);
    assert_true(hash_same(ledger_hash(l, 1), &want));
    assert_int_equal(ledger_watermark(l), 11);
    assert_int_equal(ledger_settled(l).n_range, 0);
    assert_int_equal(ledger_window(l), 13);
    assert_false(ledger_batch(l, 1, NULL));
    for (uint64_t t = 0; t < 14; t++)
        assert_int_equal(ledger_lacks(l, t, 0), t == 11 || t == 12);
    assert_int_equal(tasks_at(tasks, 11).kind, TASKS_AFTER);
    assert_int_equal(tasks_at(tasks, 12).version, 1);
    assert_int_equal(tasks_oldest(tasks, 5), 1);
}

static void shut(struct ledger *l, struct tasks *tasks)
{
    ledger_close(l);
    tasks_free(tasks);
}

/* With some of the second iteration durable, training ends with the first; *before: the
 * journal's bytes without that. */
static void halt_early(const struct tasks_plan *p, size_t *before)
{
    struct ledger_owner owner;
    struct tasks *tasks;
    struct ledger *l;
    char *bytes = NULL;

    unlink(path);
    assert_ok(tasks_new(&tasks, p));
    assert_ok(open_it(&l, tasks, 0, &owner));
    assert_ok(ledger_start(l, &run));
    for (uint64_t t = 0; t < 5; t++)
        take(l, t);
    take(l, 6);
    commit(l);
    assert_int_equal(ledger_window(l), 8);
    assert_ok(fs_read(&bytes, before, path, 1 << 20));
    free(bytes);
    ledger_halt(l, 0, &(struct hash){{101}});
    assert_false(ledger_halted(l));
    assert_false(take(l, 5)); /* from now on nothing that would be cut off */
    assert_int_equal(ledger_watermark(l), 5);
    commit(l);
    assert_true(ledger_halted(l));
    is_halted(l, tasks);
    shut(l, tasks);
}

/* Opened again it goes on to its end, and is there when it is opened once more. */
static void comes_to_its_end(const struct tasks_plan *p, bool halted)
{
    struct ledger_owner owner;
    struct tasks *tasks;
    struct ledger *l;

    assert_ok(tasks_new(&tasks, p));
    assert_ok(open_it(&l, tasks, 0, &owner));
    assert_int_equal(ledger_halted(l), halted);
    assert_ok(ledger_start(l, &run));
    if (!halted) {
        assert_int_equal(ledger_version(l), 0);
        assert_true(ledger_batch(l, 0, NULL));
        ledger_halt(l, 0, &(struct hash){{101}});
        commit(l);
    }
    is_halted(l, tasks);
    assert_true(take(l, 12) && take(l, 11));
    commit(l);
    assert_int_equal(ledger_watermark(l), tasks_total(tasks));
    ledger_end(l, &(struct hash){{77}});
    commit(l);
    shut(l, tasks);
    assert_ok(tasks_new(&tasks, p));
    assert_ok(open_it(&l, tasks, 1, &owner));
    assert_true(ledger_halted(l) && ledger_ended(l, NULL));
    assert_int_equal(ledger_watermark(l), tasks_total(tasks));
    assert_int_equal(owner.durable, 8);
    shut(l, tasks);
}

/* The journal cut off at each byte of the record: the iteration is not there, or it is and
 * training has ended; either way the run comes to the same end. */
static void a_halt_is_whole_or_not_there(void **state)
{
    struct tasks_plan p = plan;
    char *whole = NULL;
    size_t before, n = 0;
    (void)state;

    p.lag = 1;
    halt_early(&p, &before);
    assert_ok(fs_read(&whole, &n, path, 1 << 20));
    for (size_t cut = before; cut <= n; cut++) {
        assert_ok(fs_write(path, whole, cut));
        comes_to_its_end(&p, cut == n);
    }
    free(whole);
}

/* Appends a record that no ledger writes there. */
static void is_damage(const struct tasks_plan *p, enum journal_type type,
                      const struct record_bytes *record, const char *words)
{
    struct ledger_owner owner;
    struct tasks *tasks;
    struct journal *journal;
    struct ledger *l;
    size_t before;

    halt_early(p, &before);
    assert_ok(journal_open(&journal, path, NULL, NULL, NULL));
    journal_append(journal, type, record->byte, record->n);
    assert_ok(journal_commit(journal));
    journal_close(journal);
    assert_ok(tasks_new(&tasks, p));
    assert_err(ERR_PARSE, open_it(&l, tasks, 0, &owner));
    assert_non_null(strstr(err_text(), words));
    tasks_free(tasks);
}

/* What was cut off does not come, and nothing is trained. */
static void nothing_of_training_stands_behind_a_halt(void **state)
{
    const struct record_sample sample = {.task = 7};
    const struct record_step step = {.iteration = 1, .next = {2, {{102}}}};
    struct tasks_plan p = plan;
    struct record_bytes record = {NULL, 0, 0};
    (void)state;

    p.lag = 1;
    record_write(&record, JOURNAL_SAMPLE, &sample);
    is_damage(&p, JOURNAL_SAMPLE, &record, "task 7 behind the HALT");
    record_write(&record, JOURNAL_STEP, &step);
    is_damage(&p, JOURNAL_STEP, &record, "iteration 1 behind a HALT");
    is_damage(&p, JOURNAL_HALT, &record, "iteration 1 behind a HALT");
    record_fields_bytes_fini(&record);
}

/* The first evaluation is not all there yet: the broker hears of the gap when it is. */
static void a_halt_waits_for_the_first_evaluation(void **state)
{
    struct ledger_owner owner;
    struct tasks *tasks;
    struct ledger *l;
    (void)state;

    unlink(path);
    assert_ok(tasks_new(&tasks, &plan));
    assert_ok(open_it(&l, tasks, 0, &owner));
    assert_ok(ledger_start(l, &run));
    for (uint64_t t = 0; t < 5; t++)
        if (t != 1)
            take(l, t);
    commit(l);
    ledger_halt(l, 0, &(struct hash){{101}});
    commit(l);
    assert_int_equal(ledger_watermark(l), 1);
    assert_int_equal(ledger_window(l), 5);
    assert_true(take(l, 1));
    commit(l);
    is_halted(l, tasks);
    ledger_close(l);
    tasks_free(tasks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durable_comes_first),
        cmocka_unit_test(reopened_it_stands_where_it_stood),
        cmocka_unit_test(attempts_outlive_the_learner),
        cmocka_unit_test(other_runs_are_refused),
        cmocka_unit_test(a_halt_is_whole_or_not_there),
        cmocka_unit_test(nothing_of_training_stands_behind_a_halt),
        cmocka_unit_test(a_halt_waits_for_the_first_evaluation),
    };
    int failed;

    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/journal", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (fs_remove(folder))
        return 1;
    return failed;
}
