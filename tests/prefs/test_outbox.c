/* Pairs of a fleet's run as items, and the judgements that its run has not acknowledged: one item a pair, one
 * message a judgement whatever happens in between, and stores of before that. */
#include "prefs/outbox.h"

#include "base/fs.h"
#include "base/mem.h"
#include "prefs/copy.h"
#include "prefs/origin_order.h"
#include "tests/prefs/study.h"
#include "tests/prefs/trade.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t run[PREFS_ID] = "the first run...",
                     other_run[PREFS_ID] = "another one....";

static struct prefs_origin origin_of(const uint8_t *of, int number, uint64_t version)
{
    struct prefs_origin origin = {.task = (uint64_t)number,
                                  .sample = {0, 3},
                                  .version = version,
                                  .iteration = version + 1};

    memcpy(origin.run, of, PREFS_ID);
    snprintf((char *)origin.pair, PREFS_ID, "%.4s-%d", (const char *)of, number);
    memset(origin.rollout[0].byte, number, HASH_BYTES);
    memset(origin.rollout[1].byte, number + 100, HASH_BYTES);
    return origin;
}

/* Adds the pair, answers "good" (a) and "bad"; its item. */
static enum err add_pair(struct prefs *prefs, struct prefs_origin origin, const char *answer,
                         int64_t *id)
{
    char key[2 * PREFS_ID + 1];
    struct prefs_item item = {.key = key, .mode = PREFS_PAIR, .n = 2, .origin = &origin};
    enum err err;

    snprintf(key, sizeof key, "%.16s", (const char *)origin.pair);
    item.prompt = json_string("a question");
    item.candidate[0].content = json_string(answer);
    item.candidate[1].content = json_string("bad");
    err = prefs_item_add(prefs, id, &item, STUDY_START);
    item.key = NULL;
    item.origin = NULL;
    prefs_item_free(&item);
    return err;
}

static struct prefs *make(const char *path, int items, int people)
{
    const struct prefs_settings settings = study_settings(1, 1);

    assert_ok(fs_remove(path));
    study_make(path, &settings, items, 0, people);
    return study_open(path);
}

static size_t waits(struct prefs *prefs, const uint8_t *of, struct prefs_outgoing *out)
{
    size_t n;

    assert_ok(prefs_outbox_read(prefs, of, out, 8, &n));
    return n;
}

static void say(struct prefs *prefs, const struct prefs_assignment *it,
                enum prefs_verdict verdict, unsigned id)
{
    char name[32];
    const struct prefs_judgement said = {
        .id = name, .assignment = it->id, .annotator = it->annotator, .verdict = verdict};

    snprintf(name, sizeof name, "judgement-%u", id);
    assert_ok(prefs_judge(prefs, &said, STUDY_START, NULL));
}

/* ---- pairs */

static void test_pair(void **state)
{
    struct prefs *prefs = make(scratch_at("pair.db"), 0, 1);
    struct prefs_origin origin = origin_of(run, 1, 7), other = origin_of(run, 2, 7), read;
    struct prefs_item item;
    int64_t first, again;
    bool found;

    (void)state;
    assert_ok(add_pair(prefs, origin, "good", &first));
    assert_ok(add_pair(prefs, origin, "good", &again));
    assert_int_equal(first, again);
    assert_err(ERR_STATE,
               add_pair(prefs, origin, "other", &again)); /* the same name, other answers */
    assert_ok(prefs_item_read(prefs, first, &item));
    assert_non_null(item.origin);
    assert_memory_equal(item.origin, &origin, sizeof origin);
    prefs_item_free(&item);
    memcpy(other.pair, origin.pair, PREFS_ID);
    other.task = (uint64_t)1 << 63;
    assert_ok(prefs_origin_read(prefs, first, &read, &found));
    assert_true(found);
    memset(other.pair, 9, PREFS_ID);
    assert_err(ERR_RANGE, add_pair(prefs, other, "good", &again)); /* of no fleet */
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* A file may have brought the pair before the fleet did. */
static void test_pair_of_a_file(void **state)
{
    struct prefs *prefs = make(scratch_at("file.db"), 0, 1);
    struct prefs_origin origin = origin_of(run, 1, 7);
    struct prefs_item item = {.key = (char *)origin.pair, .mode = PREFS_PAIR, .n = 2};
    int64_t first, again;

    (void)state;
    item.prompt = json_string("a question");
    item.candidate[0].content = json_string("good");
    item.candidate[1].content = json_string("bad");
    assert_ok(prefs_item_add(prefs, &first, &item, STUDY_START));
    item.key = NULL;
    item.gold = json_pack("{s:s, s:i}", "verdict", "chosen", "choice", 0);
    item.origin = &origin;
    assert_err(ERR_RANGE, prefs_item_add(prefs, &again, &item, STUDY_START));
    item.origin = NULL;
    prefs_item_free(&item);
    assert_ok(add_pair(prefs, origin, "good", &again));
    assert_int_equal(first, again);
    assert_ok(prefs_item_read(prefs, first, &item));
    assert_non_null(item.origin);
    prefs_item_free(&item);
    prefs_close(prefs);
}

/* Newest first, then what is no fleet's, then what is too old, or of another run. */
static void test_order(void **state)
{
    struct prefs *prefs = make(scratch_at("order.db"), 1, 1);
    struct prefs_origin_count count;
    int64_t id[4], moved;
    static const struct {
        int run, version;
    } pair[4] = {{0, 3}, {0, 5}, {1, 9}, {0, 6}};
    static const int wanted[] = {3, 1, -1, 0, 2}; /* -1: the item that is no fleet's */

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_ok(add_pair(
            prefs, origin_of(pair[i].run ? other_run : run, i + 1, (uint64_t)pair[i].version),
            "good", &id[i]));
    assert_ok(prefs_origin_order(prefs, run, 4, &moved));
    assert_int_equal(moved, 2);
    assert_ok(prefs_origin_order(prefs, run, 4, &moved));
    assert_int_equal(moved, 0);
    assert_ok(prefs_origin_count(prefs, run, &count));
    assert_int_equal(count.pairs, 3);
    assert_int_equal(count.waiting, 3);
    assert_int_equal(count.late, 1);
    for (unsigned i = 0; i < 5; i++) {
        const struct prefs_assignment it = study_next(prefs, 1, STUDY_START);
        assert_int_equal(it.item, wanted[i] < 0 ? 1 : id[wanted[i]]);
        say(prefs, &it, PREFS_TIE, i);
    }
    assert_ok(prefs_origin_order(prefs, other_run, 9,
                                 &moved)); /* nobody is asked about them any more */
    assert_int_equal(moved, 0);
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* ---- what is sent */

/* Of the tests' secret and row 1, by Python: h = lambda x: b(b(x)) with b = hashlib.blake2b(x, digest_size=32);
 * h(secret + pack("<Q", 1) + h(b"judgement-1")[:8] + b"judgement".ljust(32, b"\0"))[:16]. */
static const uint8_t first_name[PREFS_ID] = {0x70, 0x0e, 0xad, 0x85, 0x3a, 0x29, 0xbe, 0x99,
                                             0x90, 0x10, 0x17, 0x7d, 0xcb, 0x88, 0x90, 0x06};

static void test_sent(void **state)
{
    const char *const path = scratch_at("sent.db");
    struct prefs *prefs = make(path, 0, 1);
    struct prefs_origin_count count;
    struct prefs_outgoing out[8];
    struct prefs_assignment it;
    char who[PREFS_PSEUDONYM];
    int64_t id;
    int sides = 0;
    size_t n;

    (void)state;
    assert_ok(add_pair(prefs, origin_of(run, 1, 7), "good", &id));
    assert_ok(add_pair(prefs, origin_of(other_run, 2, 7), "good", &id));
    assert_ok(add_pair(prefs, origin_of(run, 3, 7), "good", &id));
    for (int i = 4; i <= 6; i++)
        assert_ok(add_pair(prefs, origin_of(other_run, i, 7), "good", &id));
    for (unsigned i = 1; i <= 6; i++) { /* by candidate, whatever the sides were */
        it = study_next(prefs, 1, STUDY_START);
        sides += it.order[0];
        study_choose(prefs, &it, 1, i, STUDY_START);
    }
    assert_int_equal(waits(prefs, run, out), 2);
    assert_ok(prefs_outbox_read(prefs, other_run, out + 2, 6, &n));
    assert_int_equal(n, 4);
    assert_memory_equal(out[0].id, first_name, PREFS_ID);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(out[i].verdict, PREFS_CHOSEN);
        assert_int_equal(out[i].choice, 1);
    }
    assert_int_equal(out[1].origin.task, 3);
    assert_memory_equal(out[1].origin.rollout[1].byte, origin_of(run, 3, 7).rollout[1].byte,
                        HASH_BYTES);
    prefs_pseudonym(prefs, 1, who);
    assert_string_equal(out[0].annotator, who);
    assert_ok(prefs_origin_count(prefs, run, &count));
    assert_int_equal(count.outbox, 2);
    assert_int_equal(count.others, 4);
    assert_ok(prefs_commit(prefs));
    prefs_close(prefs);
    prefs = study_open(path); /* the same message after a restart */
    assert_int_equal(waits(prefs, run, out + 4), 2);
    assert_memory_equal(&out[0], &out[4], sizeof out[0]);
    assert_ok(prefs_outbox_done(prefs, out[0].seq));
    assert_ok(prefs_outbox_done(prefs, out[0].seq));
    prefs_abandon(prefs);
    assert_int_equal(waits(prefs, run, out), 2); /* the group was taken back */
    assert_ok(prefs_outbox_done(prefs, out[0].seq));
    assert_ok(prefs_commit(prefs));
    assert_int_equal(waits(prefs, run, out), 1);
    assert_int_equal(out[0].origin.task, 3);
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
    assert_in_range(sides, 1, 5); /* some saw b on the left */
}

/* A judgement, its undo, another judgement: one at a time, in this order; another person's word waits for nobody. */
static void test_undo(void **state)
{
    struct prefs *prefs = make(scratch_at("undone.db"), 0, 2);
    struct prefs_outgoing first[8], out[8];
    struct prefs_settings settings = study_settings(2, 2);
    struct prefs_assignment it, back;
    bool again;
    int64_t id;

    (void)state;
    assert_ok(prefs_settings_write(prefs, &settings));
    assert_ok(add_pair(prefs, origin_of(run, 1, 7), "good", &id));
    it = study_next(prefs, 1, STUDY_START);
    say(prefs, &it, PREFS_BOTH_BAD, 1);
    assert_ok(prefs_undo(prefs, "undo-of-mine", 1, STUDY_START, &back, &again));
    assert_ok(prefs_undo(prefs, "undo-of-mine", 1, STUDY_START, &back, &again)); /* once */
    say(prefs, &back, PREFS_TIE, 2);
    it = study_next(prefs, 2, STUDY_START);
    say(prefs, &it, PREFS_TIE, 3);
    assert_int_equal(waits(prefs, run, first), 2);
    assert_int_equal(first[0].verdict, PREFS_BOTH_BAD);
    assert_int_equal(first[1].verdict, PREFS_TIE);
    assert_string_not_equal(first[0].annotator, first[1].annotator);
    assert_ok(prefs_outbox_done(prefs, first[0].seq));
    assert_int_equal(waits(prefs, run, out), 2);
    assert_int_equal(out[0].verdict, PREFS_UNDO);
    assert_memory_equal(out[0].undoes, first[0].id, PREFS_ID);
    assert_memory_not_equal(out[0].id, first[0].id, PREFS_ID);
    assert_memory_equal(out[1].id, first[1].id, PREFS_ID);
    assert_ok(prefs_outbox_done(prefs, out[0].seq));
    assert_int_equal(waits(prefs, run, out), 2);
    assert_int_equal(out[0].verdict, PREFS_TIE);
    assert_string_equal(out[0].annotator, first[0].annotator);
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* A skip says nothing, a repeat is the same person once more, and what was judged elsewhere is sent by who did. */
static void test_not_sent(void **state)
{
    const char *const path = scratch_at("not.db");
    struct prefs *prefs = make(path, 1, 1);
    struct prefs_settings settings = study_settings(1, 1);
    struct prefs_outgoing out[8];
    struct prefs_assignment it, back;
    struct prefs_judgement said = {.id = "import-of-it", .verdict = PREFS_TIE};
    int64_t id, other;
    bool again;

    (void)state;
    assert_ok(add_pair(prefs, origin_of(run, 1, 7), "good", &id));
    assert_ok(prefs_origin_order(prefs, run, 0, NULL));
    it = study_next(prefs, 1, STUDY_START);
    assert_int_equal(it.item, id);
    say(prefs, &it, PREFS_SKIP, 1);
    assert_ok(prefs_undo(prefs, "undo-of-a-skip", 1, STUDY_START, &back, &again));
    assert_int_equal(waits(prefs, run, out), 0);
    say(prefs, &back, PREFS_TIE, 2);
    assert_int_equal(waits(prefs, run, out), 1);
    settings.repeat_rate = 0.5;
    settings.repeat_gap = 1;
    assert_ok(prefs_settings_write(prefs, &settings));
    for (unsigned i = 3; i < 40; i++) { /* the item of no fleet, and repeats of both */
        it = study_next(prefs, 1, STUDY_START);
        if (it.why == PREFS_REPEAT && it.item == id)
            break;
        say(prefs, &it, PREFS_SKIP, i);
        assert_ok(prefs_undo(prefs, it.why == PREFS_REPEAT ? "undo-repeat" : "undo-plan", 1,
                             STUDY_START, &back, &again));
        assert_ok(prefs_return(prefs, it.id, 1, STUDY_START));
    }
    assert_int_equal(it.why, PREFS_REPEAT);
    say(prefs, &it, PREFS_BOTH_BAD, 50);
    assert_int_equal(waits(prefs, run, out), 1);
    assert_ok(add_pair(prefs, origin_of(run, 2, 7), "good", &other));
    assert_ok(prefs_person_outside(prefs, &said.annotator, "somebody else", STUDY_START));
    assert_ok(prefs_record(prefs, other, NULL, PREFS_PLAN, &said, STUDY_START, &again));
    assert_int_equal(waits(prefs, run, out), 1);
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* Who is forgotten with his judgements takes them back from the run, whether it had heard them or not; those
 * he had taken back himself are not taken back twice. */
static void test_dropped(void **state)
{
    struct prefs *prefs = make(scratch_at("dropped.db"), 0, 1);
    struct prefs_outgoing before[8], out[8];
    struct prefs_assignment it, back;
    bool again;
    int64_t id;

    (void)state;
    for (int i = 1; i <= 3; i++) {
        assert_ok(add_pair(prefs, origin_of(run, i, 7), "good", &id));
        it = study_next(prefs, 1, STUDY_START);
        say(prefs, &it, PREFS_TIE, (unsigned)i);
    }
    assert_ok(prefs_undo(prefs, "undo-the-third", 1, STUDY_START, &back, &again));
    assert_int_equal(waits(prefs, run, before), 3);
    assert_ok(
        prefs_outbox_done(prefs, before[0].seq)); /* the run has the first and the third */
    assert_ok(prefs_outbox_done(prefs, before[2].seq));
    assert_ok(prefs_forget(prefs, 1, true, STUDY_START));
    assert_int_equal(waits(prefs, run, out), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(out[i].verdict, PREFS_UNDO);
        assert_memory_equal(out[i].undoes, before[i].id, PREFS_ID);
        for (int j = 0; j < 3; j++)
            assert_memory_not_equal(out[i].id, before[j].id, PREFS_ID);
    }
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* ---- what goes out to files */

/* Every row says of which run and version its answers are; a store without a fleet has no such columns. */
static void test_exported(void **state)
{
    static const enum export_format formats[] = {EXPORT_PREFERENCE, EXPORT_UNPAIRED,
                                                 EXPORT_ARENA, EXPORT_JUDGEMENTS, EXPORT_CSV};
    struct prefs *prefs = make(scratch_at("exported.db"), 1, 1);
    struct export_rule rule = {.format = EXPORT_CSV};
    struct export_count count;
    struct prefs_assignment it = study_next(prefs, 1, STUDY_START);
    char *text;
    int64_t id;

    (void)state;
    study_choose(prefs, &it, 0, 1, STUDY_START);
    text = trade_exported(prefs, &rule, &count);
    assert_null(strstr(text, "version"));
    free(text);
    assert_ok(add_pair(prefs, origin_of(run, 1, 70), "good", &id));
    it = study_next(prefs, 1, STUDY_START);
    study_choose(prefs, &it, 0, 2, STUDY_START);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        rule.format = formats[i];
        text = trade_exported(prefs, &rule, &count);
        if (!strstr(text, "746865206669727374207275"
                          "6e2e2e2e"))
            fail_msg("%s: no run: %s", export_words[rule.format], text);
        if (!strstr(text, rule.format == EXPORT_CSV ? ",70," : "\"version\":70"))
            fail_msg("%s: no version: %s", export_words[rule.format], text);
        free(text);
    }
    prefs_close(prefs);
}

/* ---- stores of before */

static void sql(const char *path, const char *text)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_older(void **state)
{
    const char *const path = scratch_at("older.db");
    char *const copy = mem_text(scratch_at("older-copy.db"));
    struct prefs *prefs = make(path, 2, 2);
    struct prefs_outgoing out[8];
    struct prefs_assignment it = study_next(prefs, 1, STUDY_START);
    struct prefs_item item;
    int64_t id;

    (void)state;
    study_choose(prefs, &it, 1, 1, STUDY_START);
    assert_ok(prefs_commit(prefs));
    prefs_close(prefs);
    sql(path, "DROP TABLE outbox; DROP INDEX origin_version; DROP TABLE origin; PRAGMA "
              "user_version = 1");
    assert_ok(prefs_open(&prefs, path, PREFS_READ)); /* as it is */
    assert_ok(prefs_check(prefs));
    assert_ok(prefs_item_read(prefs, 1, &item));
    assert_null(item.origin);
    prefs_item_free(&item);
    assert_ok(prefs_snapshot(prefs, copy));
    prefs_close(prefs);
    prefs = study_open(path);
    assert_int_equal(study_rows(prefs, true), 1);
    assert_ok(add_pair(prefs, origin_of(run, 1, 7), "good", &id));
    it = study_next(prefs, 2, STUDY_START);
    while (it.item != id) {
        study_choose(prefs, &it, 1, 10 + (unsigned)it.item, STUDY_START);
        it = study_next(prefs, 2, STUDY_START);
    }
    study_choose(prefs, &it, 1, 2, STUDY_START);
    assert_int_equal(waits(prefs, run, out), 1);
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
    assert_ok(prefs_restore(path, copy, true)); /* of the older one, which is renewed as well */
    prefs = study_open(path);
    assert_int_equal(study_rows(prefs, true), 1);
    assert_ok(add_pair(prefs, origin_of(run, 1, 7), "good", &id));
    prefs_close(prefs);
    free(copy);
}

/* Neither half of one version and half of another, nor rows that are for no run. */
static void test_false(void **state)
{
    static const char *const schema[] = {"PRAGMA user_version = 1", "DROP TABLE outbox",
                                         "PRAGMA user_version = 3"};
    static const char *const rows[] = {"INSERT INTO outbox SELECT min(seq) FROM judgement",
                                       "DELETE FROM origin"};
    const char *const path = scratch_at("false.db");
    struct prefs *prefs;

    (void)state;
    for (size_t i = 0; i < sizeof schema / sizeof *schema; i++) {
        prefs_close(make(path, 1, 1));
        sql(path, schema[i]);
        assert_err(ERR_PARSE, prefs_open(&prefs, path, PREFS_WRITE));
        assert_err(ERR_PARSE, prefs_open(&prefs, path, PREFS_READ));
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct prefs_assignment it;
        int64_t id;
        prefs = make(path, 1, 1);
        it = study_next(prefs, 1, STUDY_START);
        study_choose(prefs, &it, 1, 1, STUDY_START);
        assert_ok(add_pair(prefs, origin_of(run, 1, 7), "good", &id));
        it = study_next(prefs, 1, STUDY_START);
        study_choose(prefs, &it, 1, 2, STUDY_START);
        assert_ok(prefs_commit(prefs));
        assert_ok(prefs_check(prefs));
        prefs_close(prefs);
        sql(path, rows[i]);
        assert_ok(prefs_open(&prefs, path, PREFS_READ));
        assert_err(ERR_PARSE, prefs_check(prefs));
        prefs_close(prefs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pair),     cmocka_unit_test(test_pair_of_a_file),
        cmocka_unit_test(test_order),    cmocka_unit_test(test_sent),
        cmocka_unit_test(test_undo),     cmocka_unit_test(test_not_sent),
        cmocka_unit_test(test_dropped),  cmocka_unit_test(test_older),
        cmocka_unit_test(test_exported), cmocka_unit_test(test_false),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
