/* What was settled and turned out to be false: taken back in a new epoch, whatever is cut off.
 */
#include "learner/journal/ledger.h"

#include "base/fs.h"
#include "learner/journal/journal.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/drover-refuse-XXXXXX";
static char path[64];
static const struct id run = {{3}};
static const struct tasks_plan plain = {
    .seed = 7, .rows = 10, .eval = 1, .batch = 2, .samples = 2, .iterations = 3};

struct refuse_owner {
    int durable, undone;
};

static enum err heard(void *self, const struct record_sample *sample)
{
    (void)sample;
    ((struct refuse_owner *)self)->durable++;
    return OK;
}

static enum err undone(void *self, uint64_t task, uint32_t sample)
{
    (void)task, (void)sample;
    ((struct refuse_owner *)self)->undone++;
    return OK;
}

/* Tokens of 0 teach nothing. */
static bool flat(const void *self, const struct record_sample *const *answer, uint32_t n)
{
    bool all = true;

    (void)self;
    for (uint32_t i = 0; i < n; i++)
        all &= answer[i]->token[0] == 0;
    return all;
}

static enum err open_it(struct ledger **out, struct tasks **tasks,
                        const struct tasks_plan *plan, bool together,
                        struct refuse_owner *owner)
{
    struct ledger_conf conf = {.path = path,
                               .first = {{100}},
                               .durable = heard,
                               .undone = undone,
                               .flat = plan->most ? flat : NULL,
                               .together = together,
                               .self = owner};

    memset(owner, 0, sizeof *owner);
    assert_ok(tasks_new(tasks, plan));
    conf.tasks = *tasks;
    return ledger_open(out, &conf);
}

static void shut(struct ledger *l, struct tasks *tasks)
{
    ledger_close(l);
    tasks_free(tasks);
}

/* The models and prompts beside it are another run's. */
static void a_journal_of_another_run_is_refused(void **state)
{
    struct journal_group group;
    struct ledger_conf conf = {.path = path, .first = {{100}}, .run = {{4}}};
    struct refuse_owner owner;
    struct tasks *tasks;
    struct ledger *l;
    (void)state;

    unlink(path);
    assert_ok(open_it(&l, &tasks, &plain, false, &owner));
    assert_ok(ledger_start(l, &run));
    ledger_close(l);
    conf.tasks = tasks;
    assert_err(ERR_STATE, ledger_open(&l, &conf));
    assert_non_null(strstr(err_text(), "another run"));
    conf.run = run;
    assert_ok(ledger_open(&l, &conf));
    ledger_refuse_above(l, 7); /* somebody has seen that many starts of it */
    assert_true(ledger_commit_begin(l, &group));
    assert_ok(journal_commit_write(&group));
    assert_ok(ledger_commit_end(l));
    assert_int_equal(ledger_epoch(l), 8);
    shut(l, tasks);
}

/* An answer whose hash names it and `try`. */
static struct hash name_of(uint64_t task, uint32_t sample, int try)
{
    return (struct hash){{(uint8_t)task, (uint8_t)sample, (uint8_t)try}};
}

static bool take(struct ledger *l, uint64_t task, uint32_t sample, int try, int token)
{
    struct record_sample s = {
        .task = task, .sample = sample, .hash = name_of(task, sample, try), .n_token = 1};

    s.writer.address = strdup("10.0.0.7");
    s.token = calloc(1, sizeof *s.token);
    s.logprob = calloc(1, sizeof *s.logprob);
    s.mask = calloc(1, 1);
    s.token[0] = token;
    return ledger_take(l, &s);
}

static void refuse(struct ledger *l, uint64_t task, uint32_t sample, int try)
{
    struct record_refused r = {.task = task,
                               .sample = sample,
                               .reason = RECORD_FALSE,
                               .hash = name_of(task, sample, try),
                               .words = strdup("no")};

    assert_true(ledger_refuse(l, &r));
}

static void commit(struct ledger *l)
{
    struct journal_group group;

    assert_true(ledger_commit_begin(l, &group));
    assert_ok(journal_commit_write(&group));
    assert_ok(ledger_commit_end(l));
}

/* The evaluation's answer and those of an iteration, in order. */
static void fill(struct ledger *l, uint64_t iteration, int try, int token)
{
    if (!iteration)
        take(l, 0, 0, 1, 1);
    for (uint64_t t = 1 + 2 * iteration; t < 3 + 2 * iteration; t++)
        for (uint32_t i = 0; i < 2; i++)
            take(l, t, i, try, token);
    commit(l);
}

static void a_false_answer_lacks_again(void **state)
{
    struct settled settled;
    struct refuse_owner owner;
    struct tasks *tasks;
    struct ledger *l;
    uint32_t n;
    (void)state;

    unlink(path);
    assert_ok(open_it(&l, &tasks, &plain, false, &owner));
    assert_ok(ledger_start(l, &run));
    fill(l, 0, 1, 1);
    assert_true(ledger_batch(l, 0, NULL));
    assert_int_equal(ledger_watermark(l), 3);
    refuse(l, 2, 0, 1);
    refuse(l, 1, 1, 1);
    ledger_refuse_start(l);
    assert_false(ledger_batch(l, 0, NULL)); /* already */
    assert_true(ledger_refusing(l));
    assert_false(take(l, 3, 0, 1, 1)); /* what is under way belongs to the epoch that ends */
    assert_int_equal(ledger_watermark(l), 3);
    assert_int_equal(ledger_epoch(l), 1);
    commit(l);
    assert_false(ledger_refusing(l));
    assert_int_equal(ledger_epoch(l), 2);
    assert_int_equal(owner.undone, 2);
    assert_int_equal(ledger_watermark(l), 1);
    settled = ledger_settled(l);
    assert_int_equal(settled.n_range, 2);
    assert_true(settled.range[0].task == 1 && settled.range[0].first == 0 &&
                settled.range[1].task == 2 && settled.range[1].first == 1);
    assert_true(ledger_lacks(l, 1, 1) && ledger_lacks(l, 2, 0) && !ledger_lacks(l, 1, 0));
    assert_string_equal(ledger_refused(l, &n)[1].words, "no");
    assert_int_equal(n, 2);
    take(l, 1, 1, 2, 1), take(l, 2, 0, 2, 1);
    commit(l);
    assert_true(ledger_batch(l, 0, NULL));
    ledger_step(l, 0, &(struct hash){{101}});
    commit(l);
    shut(l, tasks);
    assert_ok(open_it(&l, &tasks, &plain, false, &owner));
    assert_int_equal(ledger_version(l), 1);
    assert_int_equal(ledger_watermark(l), 3);
    assert_int_equal(owner.durable, 7);
    assert_int_equal(owner.undone, 2);
    ledger_refused(l, &n);
    assert_int_equal(n, 2);
    refuse(l, 1, 1, 2); /* trained: nothing can take it back, it is evidence */
    ledger_refuse_start(l);
    commit(l);
    assert_int_equal(ledger_watermark(l), 3);
    shut(l, tasks);
    assert_ok(open_it(&l, &tasks, &plain, false, &owner));
    shut(l, tasks);
}

/* The journal cut off at each byte: what is read is before or after, never between, and the run
 * goes on from there. */
static void a_cut_at_any_byte_leaves_one_of_two_states(void **state)
{
    struct refuse_owner owner;
    struct tasks *tasks;
    struct ledger *l;
    char *whole = NULL;
    size_t before, n = 0;
    int lacked = 0, had = 0;
    (void)state;

    unlink(path);
    assert_ok(open_it(&l, &tasks, &plain, false, &owner));
    assert_ok(ledger_start(l, &run));
    fill(l, 0, 1, 1);
    shut(l, tasks);
    assert_ok(fs_read(&whole, &before, path, 1 << 20));
    free(whole);
    assert_ok(open_it(&l, &tasks, &plain, false, &owner));
    refuse(l, 2, 0, 1);
    ledger_refuse_start(l);
    commit(l);
    shut(l, tasks);
    assert_ok(fs_read(&whole, &n, path, 1 << 20));
    for (size_t cut = before; cut <= n; cut++) {
        assert_ok(fs_write(path, whole, cut));
        assert_ok(open_it(&l, &tasks, &plain, false, &owner));
        lacked += ledger_lacks(l, 2, 0);
        had += ledger_batch(l, 0, NULL);
        assert_true(ledger_lacks(l, 2, 0) != ledger_batch(l, 0, NULL));
        assert_ok(ledger_start(l, &run));
        assert_true(ledger_epoch(l) >= 2); /* so that the peers hear of a lower state */
        if (!ledger_lacks(l, 2, 0)) {
            refuse(l, 2, 0, 1);
            ledger_refuse_start(l);
            commit(l);
        }
        assert_true(take(l, 2, 0, 2, 1));
        commit(l);
        assert_true(ledger_batch(l, 0, NULL));
        shut(l, tasks);
    }
    assert_true(lacked && had);
    free(whole);
}

static void a_journal_of_version_1_goes_on(void **state)
{
    struct refuse_owner owner;
    struct tasks *tasks;
    struct ledger *l;
    char *whole = NULL;
    size_t n;
    (void)state;

    unlink(path);
    assert_ok(open_it(&l, &tasks, &plain, false, &owner));
    assert_ok(ledger_start(l, &run));
    fill(l, 0, 1, 1);
    shut(l, tasks);
    assert_ok(fs_read(&whole, &n, path, 1 << 20));
    assert_memory_equal(whole, "DROVERJ2", 8);
    whole[7] = '1';
    assert_ok(fs_write(path, whole, n));
    free(whole);
    assert_ok(open_it(&l, &tasks, &plain, false, &owner));
    assert_true(ledger_batch(l, 0, NULL));
    shut(l, tasks);
    assert_ok(fs_read(&whole, &n, path, 1 << 20));
    assert_memory_equal(whole, "DROVERJ2", 8); /* an older program must not append to it */
    whole[7] = '3';
    assert_ok(fs_write(path, whole, n));
    free(whole);
    assert_err(ERR_PARSE, open_it(&l, &tasks, &plain, false, &owner));
    assert_non_null(strstr(err_text(), "another version"));
    tasks_free(tasks);
}

static void the_whole_group_goes_where_scores_speak_of_groups(void **state)
{
    struct refuse_owner owner;
    struct tasks *tasks;
    struct ledger *l;
    uint32_t n;
    (void)state;

    unlink(path);
    assert_ok(open_it(&l, &tasks, &plain, true, &owner));
    assert_ok(ledger_start(l, &run));
    fill(l, 0, 1, 1);
    refuse(l, 1, 1, 1);
    refuse(l, 1, 0, 1); /* gone with it already: evidence */
    ledger_refuse_start(l);
    commit(l);
    assert_true(ledger_lacks(l, 1, 0) && ledger_lacks(l, 1, 1) && !ledger_lacks(l, 2, 0));
    assert_int_equal(ledger_refused(l, &n)[1].reason, RECORD_GROUP);
    assert_int_equal(ledger_refused(l, &n)[2].reason, RECORD_UNTAKEN);
    shut(l, tasks);
    assert_ok(open_it(&l, &tasks, &plain, true, &owner));
    assert_true(ledger_lacks(l, 1, 0) && ledger_lacks(l, 1, 1) && !ledger_lacks(l, 2, 0));
    shut(l, tasks);
}

/* A lie made task 1 look as if it taught nothing; task 3 took its place, taught nothing either,
 * and task 4 came. Without the lie neither had been asked for. */
static void what_a_lie_had_replaced_is_not_replaced(void **state)
{
    struct tasks_plan plan = plain;
    const struct record_sample *flats[8];
    struct refuse_owner owner;
    struct tasks *tasks;
    struct ledger *l;
    (void)state;

    plan.most = 2;
    unlink(path);
    assert_ok(open_it(&l, &tasks, &plan, false, &owner));
    assert_ok(ledger_start(l, &run));
    take(l, 0, 0, 1, 1);
    take(l, 1, 0, 1, 0), take(l, 1, 1, 1, 0);
    take(l, 2, 0, 1, 5), take(l, 2, 1, 1, 5);
    commit(l);
    assert_int_equal(tasks_first(tasks, 1), 4);
    take(l, 3, 0, 1, 0), take(l, 3, 1, 1, 0);
    commit(l);
    assert_int_equal(tasks_first(tasks, 1), 5);
    take(l, 4, 0, 1, 5), take(l, 4, 1, 1, 5);
    commit(l);
    assert_true(ledger_batch(l, 0, NULL));
    assert_int_equal(ledger_flats(l, 0, flats), 4);
    assert_true(flats[0]->task == 1 && flats[3]->task == 3 && flats[3]->sample == 1);
    refuse(l, 1, 1, 1);
    ledger_refuse_start(l);
    commit(l);
    assert_int_equal(tasks_first(tasks, 1), 3); /* as planned */
    assert_int_equal(ledger_watermark(l), 1);
    assert_true(ledger_lacks(l, 1, 1) && ledger_lacks(l, 3, 0) && ledger_lacks(l, 4, 1));
    take(l, 1, 1, 2, 5);
    commit(l);
    assert_true(ledger_batch(l, 0, NULL));
    assert_int_equal(ledger_flats(l, 0, NULL), 0);
    ledger_step(l, 0, &(struct hash){{101}});
    commit(l);
    shut(l, tasks);
    assert_ok(open_it(&l, &tasks, &plan, false, &owner));
    assert_int_equal(ledger_version(l), 1);
    assert_int_equal(tasks_first(tasks, 1), 3);
    shut(l, tasks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_false_answer_lacks_again),
        cmocka_unit_test(a_cut_at_any_byte_leaves_one_of_two_states),
        cmocka_unit_test(a_journal_of_version_1_goes_on),
        cmocka_unit_test(a_journal_of_another_run_is_refused),
        cmocka_unit_test(the_whole_group_goes_where_scores_speak_of_groups),
        cmocka_unit_test(what_a_lie_had_replaced_is_not_replaced),
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
