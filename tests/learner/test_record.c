#include "learner/journal/record.h"

#include "base/fs.h"
#include "learner/journal/journal.h"
#include "learner/journal/ledger.h"
#include "proto/digest.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int32_t token[3] = {5, 6, 7};
static const float logprob[3] = {-1, -2, -3};
static const uint8_t mask[1] = {5};

static struct msg_sample message(struct score score[2], struct hash *hash)
{
    static const float values[4] = {.5f, 1, 2, 3};
    static const uint32_t one = 1, three = 3;
    static struct span span;
    static const struct writer scored[2] = {{{{6}}, {{0}}, "10.0.0.8", "bee:2", "0.5"},
                                            {{{7}}, {{0}}, "10.0.0.9", "cat:3", "0.5"}};
    struct msg_sample m = {.attempts = 2};

    span = (struct span){0, {4, {{9}}}};
    m.rollout = (struct rollout){.task = 77,
                                 .sample = 1,
                                 .end = ROLLOUT_STOP,
                                 .token = token,
                                 .logprob = logprob,
                                 .n_token = 3,
                                 .mask = mask,
                                 .n_mask = 1,
                                 .span = &span,
                                 .n_span = 1};
    m.rollout.hash = *hash = digest_rollout(&m.rollout);
    score[0] = (struct score){{{1}}, hash, &one, 1, values, 1, ""};
    score[1] = (struct score){{{2}}, hash, &three, 1, values + 1, 3, ""};
    m.score = score;
    m.n_score = 2;
    m.writer = (struct writer){{{4}}, {{5}}, "10.0.0.7", "ant:1", "0.5"};
    m.scored = scored;
    m.n_scored = 2;
    return m;
}

static void check_sample(const struct record_sample *s, const struct hash *hash)
{
    const struct hash second = {{2}}, third = {{3}};
    const float *value;
    uint32_t n;

    assert_int_equal(s->task, 77);
    assert_int_equal(s->sample, 1);
    assert_int_equal(s->attempts, 2);
    assert_int_equal(s->end, ROLLOUT_STOP);
    assert_int_equal(s->n_token, 3);
    assert_memory_equal(s->token, token, sizeof token);
    assert_memory_equal(s->logprob, logprob, sizeof logprob);
    assert_true(s->mask[0] == 1 && s->mask[1] == 0 && s->mask[2] == 1);
    assert_true(hash_same(&s->hash, hash));
    assert_int_equal(s->span[0].version.number, 4);
    value = record_score(s, &second, &n);
    assert_int_equal(n, 3);
    assert_true(value[0] == 1 && value[2] == 3);
    assert_null(record_score(s, &third, &n));
    assert_string_equal(s->writer.address, "10.0.0.7");
    assert_string_equal(s->writer.name, "ant:1");
    assert_int_equal(s->writer.peer.byte[0], 4);
    assert_int_equal(s->writer.key.byte[0], 5);
    assert_string_equal(s->score[1].writer.address, "10.0.0.9");
    assert_string_equal(s->score[1].writer.build, "0.5");
}

static void a_sample_comes_back(void **state)
{
    struct score score[2];
    struct hash hash;
    const struct msg_sample m = message(score, &hash);
    struct record_sample s, back;
    struct record_bytes bytes = {0};
    size_t old; /* bytes of it in a journal of version 1 */
    (void)state;

    assert_ok(record_sample_from(&s, &m));
    check_sample(&s, &hash);
    record_write(&bytes, JOURNAL_SAMPLE, &s);
    assert_ok(record_read(&back, JOURNAL_SAMPLE, bytes.byte, bytes.n));
    check_sample(&back, &hash);
    record_fini(JOURNAL_SAMPLE, &back);
    old = bytes.n - 3 * (ID_BYTES + HASH_BYTES + 3 * 4 + 3) - 3 * (8 + 5);
    for (size_t n = 0; n < bytes.n; n++) /* every truncation */
        if (n != old)
            assert_err(ERR_PARSE, record_read(&back, JOURNAL_SAMPLE, bytes.byte, n));
    assert_ok(record_read(&back, JOURNAL_SAMPLE, bytes.byte, old));
    assert_true(back.n_score == 2 && !back.writer.address);
    record_fini(JOURNAL_SAMPLE, &back);
    for (size_t i = 0; i < bytes.n * 8; i++) { /* every flip: refused, or another sample */
        bytes.byte[i / 8] ^= (uint8_t)(1 << i % 8);
        if (!record_read(&back, JOURNAL_SAMPLE, bytes.byte, bytes.n))
            record_fini(JOURNAL_SAMPLE, &back);
        bytes.byte[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    record_fini(JOURNAL_SAMPLE, &s);
    record_fields_bytes_fini(&bytes);
}

static void scores_of_others_are_refused(void **state)
{
    const struct hash stranger = {{8}};
    struct score score[2];
    struct hash hash;
    struct msg_sample m = message(score, &hash);
    struct record_sample s;
    (void)state;

    score[1].rollout = &stranger;
    assert_err(ERR_RANGE, record_sample_from(&s, &m));
    m = message(score, &hash);
    score[1].n_value = 2;
    assert_err(ERR_RANGE, record_sample_from(&s, &m));
}

static void what_was_refused_comes_back(void **state)
{
    char address[] = "10.0.0.7", words[] = "its hash is not its bytes'";
    const struct record_refused refused = {
        77, 1, RECORD_FALSE, {{1}}, {{2}}, {{{4}}, {{5}}, address, NULL, NULL}, words};
    struct record_refused back;
    struct record_bytes bytes = {0};
    (void)state;

    record_write(&bytes, JOURNAL_REFUSED, &refused);
    assert_ok(record_read(&back, JOURNAL_REFUSED, bytes.byte, bytes.n));
    assert_true(back.task == 77 && back.sample == 1 && back.reason == RECORD_FALSE);
    assert_true(hash_same(&back.hash, &refused.hash) &&
                hash_same(&back.scorer, &refused.scorer));
    assert_string_equal(back.writer.address, address);
    assert_string_equal(back.writer.build, "");
    assert_string_equal(back.words, words);
    record_fini(JOURNAL_REFUSED, &back);
    for (size_t n = 0; n < bytes.n; n++)
        assert_err(ERR_PARSE, record_read(&back, JOURNAL_REFUSED, bytes.byte, n));
    bytes.byte[12] = RECORD_GROUP + 1;
    assert_err(ERR_PARSE, record_read(&back, JOURNAL_REFUSED, bytes.byte, bytes.n));
    record_fields_bytes_fini(&bytes);
}

static void steps_starts_and_ends_come_back(void **state)
{
    struct record_name names[2] = {{8, 0, 0}, {9, 1, 0}}, drops[1] = {{10, 0, DROP_POISON}};
    const struct record_step step = {3, 2, names, 1, drops, {4, {{7}}}};
    const struct record_start start = {2, {{1}}, 42, 3, 24, 3, 4};
    const struct record_end end = {{6, {{5}}}, {{6}}};
    struct record_step step2;
    struct record_start start2;
    struct record_end end2;
    struct record_bytes bytes = {0};
    (void)state;

    record_write(&bytes, JOURNAL_STEP, &step);
    assert_ok(record_read(&step2, JOURNAL_STEP, bytes.byte, bytes.n));
    assert_int_equal(step2.sample[1].task, 9);
    assert_int_equal(step2.drop[0].reason, DROP_POISON);
    assert_int_equal(step2.next.number, 4);
    record_fini(JOURNAL_STEP, &step2);
    for (size_t n = 0; n < bytes.n; n++)
        assert_err(ERR_PARSE, record_read(&step2, JOURNAL_STEP, bytes.byte, n));
    record_write(&bytes, JOURNAL_START, &start);
    assert_ok(record_read(&start2, JOURNAL_START, bytes.byte, bytes.n));
    assert_int_equal(start2.batch, 4);
    assert_int_equal(start2.epoch, 2);
    record_write(&bytes, JOURNAL_END, &end);
    assert_ok(record_read(&end2, JOURNAL_END, bytes.byte, bytes.n));
    assert_true(hash_same(&end2.weights, &end.weights));
    assert_err(ERR_PARSE, record_read(&end2, JOURNAL_END, bytes.byte, bytes.n - 1));
    record_fields_bytes_fini(&bytes);
}

/* The shortest record of the kind: zeros, and a reason where there must be one. */
static size_t shortest(enum journal_type type, uint8_t byte[256])
{
    void *what = NULL;

    memset(byte, 0, 256);
    for (size_t n = 0; n <= 256; n++)
        for (int reason = 0; reason < 2; reason++) {
            byte[12] = (uint8_t)reason;
            if (record_new(&what, type, byte, n))
                continue;
            record_free(type, what);
            return n;
        }
    fail_msg("type %d: no row in record.c", (int)type);
    return 0;
}

/* What a new kind needs: a name and fields (record.c), and a row (ledger_kinds.c). */
static void every_kind_is_written_read_and_visited(void **state)
{
    static const struct tasks_plan plan = {
        .rows = 4, .batch = 1, .samples = 1, .iterations = 1};
    char path[] = "/tmp/drover-record-XXXXXX";
    uint8_t byte[256];
    (void)state;

    close(mkstemp(path));
    for (int i = 1; i < JOURNAL_TYPES; i++) {
        const enum journal_type type = (enum journal_type)i;
        struct record_bytes again = {0};
        struct journal *journal;
        struct tasks *tasks;
        struct ledger *ledger;
        void *what = NULL;
        size_t n;

        if (type == JOURNAL_UNUSED) {
            assert_null(record_type_name(type));
            continue;
        }
        assert_non_null(record_type_name(type));
        n = shortest(type, byte);
        assert_ok(record_new(&what, type, byte, n));
        record_write(&again, type, what);
        assert_true(again.n >= n); /* SAMPLE of version 1 is shorter */
        assert_memory_equal(again.byte, byte, n);
        record_free(type, what);
        record_fields_bytes_fini(&again);

        assert_ok(fs_write(path, "DROVERJ2", 8));
        assert_ok(journal_open(&journal, path, NULL, NULL, NULL));
        journal_append(journal, (uint32_t)type, byte, n);
        assert_ok(journal_commit(journal));
        journal_close(journal);
        assert_ok(tasks_new(&tasks, &plan));
        if (ledger_open(&ledger, &(struct ledger_conf){.path = path, .tasks = tasks}))
            assert_null(strstr(err_text(), "a record of type"));
        else
            ledger_close(ledger);
        tasks_free(tasks);
    }
    assert_err(ERR_PARSE, record_new(&(void *){NULL}, JOURNAL_TYPES, byte, 0));
    assert_int_equal(remove(path), 0);
}

/* docs/OPERATIONS.md has a line for each kind, with its number. */
static void every_kind_stands_in_the_manual(void **state)
{
    char *page = NULL, line[64];
    size_t n = 0;
    (void)state;

    assert_ok(fs_read(&page, &n, MANUAL, 1 << 20));
    for (int i = 1; i < JOURNAL_TYPES; i++) {
        const char *const name = record_type_name((enum journal_type)i);
        snprintf(line, sizeof line, "\n| %d | %s%s|", i, name ? name : "", name ? " " : "");
        if (!strstr(page, line))
            fail_msg("OPERATIONS.md, section 7: no line '%s'", line + 1);
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_comes_back),
        cmocka_unit_test(scores_of_others_are_refused),
        cmocka_unit_test(what_was_refused_comes_back),
        cmocka_unit_test(steps_starts_and_ends_come_back),
        cmocka_unit_test(every_kind_is_written_read_and_visited),
        cmocka_unit_test(every_kind_stands_in_the_manual),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
