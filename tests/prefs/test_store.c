/* The store itself: durable groups, locks, what is refused, people, copies. */
#include "prefs/prefs.h"

#include "base/fs.h"
#include "base/mem.h"
#include "prefs/copy.h"
#include "tests/prefs/study.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct prefs_judgement choice_of(const struct prefs_assignment *it, const char *id,
                                        int choice)
{
    return (struct prefs_judgement){.id = id,
                                    .assignment = it->id,
                                    .annotator = it->annotator,
                                    .verdict = PREFS_CHOSEN,
                                    .choice = choice};
}

/* What was not committed is not there after closing; what was is. */
static void test_groups(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("groups.db");
    struct prefs_assignment it;
    struct prefs *prefs;

    (void)state;
    study_make(path, &settings, 3, 0, 1);
    prefs = study_open(path);
    it = study_next(prefs, 1, STUDY_START);
    study_choose(prefs, &it, 1, 1, STUDY_START);
    assert_true(prefs_dirty(prefs));
    assert_ok(prefs_commit(prefs));
    assert_false(prefs_dirty(prefs));
    it = study_next(prefs, 1, STUDY_START);
    study_choose(prefs, &it, 1, 2, STUDY_START);
    prefs_close(prefs);
    prefs = study_open(path);
    assert_int_equal(study_rows(prefs, false), 1);
    it = study_next(prefs, 1, STUDY_START);
    study_choose(prefs, &it, 1, 2, STUDY_START);
    prefs_abandon(prefs);
    assert_int_equal(study_rows(prefs, false), 1);
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* The same id again is the same answer; another content, or another id, is refused, and what
 * failed leaves no trace in the group. */
static void test_again(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("again.db");
    struct prefs_assignment it;
    struct prefs_judgement said;
    struct prefs *prefs;
    bool again;

    (void)state;
    study_make(path, &settings, 2, 0, 2);
    prefs = study_open(path);
    it = study_next(prefs, 1, STUDY_START);
    said = choice_of(&it, "client-made-1", 1);
    said.reason = "shorter";
    assert_ok(prefs_judge(prefs, &said, STUDY_START, &again));
    assert_false(again);
    assert_ok(prefs_judge(prefs, &said, STUDY_START + 5, &again));
    assert_true(again);
    said.choice = 0;
    assert_err(ERR_STATE, prefs_judge(prefs, &said, STUDY_START, &again));
    said.id = "client-made-2";
    assert_err(ERR_STATE, prefs_judge(prefs, &said, STUDY_START, &again)); /* judged already */
    said.annotator = 2;
    assert_err(ERR_RANGE, prefs_judge(prefs, &said, STUDY_START, &again)); /* not his */
    said.annotator = 0;
    assert_err(ERR_RANGE, prefs_judge(prefs, &said, STUDY_START, &again));
    it = study_next(prefs, 2, STUDY_START);
    said = choice_of(&it, "client-made-3", 2);
    assert_err(ERR_RANGE, prefs_judge(prefs, &said, STUDY_START, &again));
    said.choice = 0;
    said.id = "short";
    assert_err(ERR_RANGE, prefs_judge(prefs, &said, STUDY_START, &again));
    said.id = "no blanks in it";
    assert_err(ERR_RANGE, prefs_judge(prefs, &said, STUDY_START, &again));
    said.id = "client-made-3";
    said.verdict = PREFS_STEP;
    assert_err(ERR_RANGE, prefs_judge(prefs, &said, STUDY_START, &again));
    said.verdict = PREFS_TIE;
    assert_ok(prefs_judge(prefs, &said, STUDY_START, &again));
    assert_int_equal(study_rows(prefs, true), 2);
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* Undo opens the same item in the same order; the history keeps all three rows. */
static void test_undo(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("undo.db");
    struct prefs_assignment it, next, back;
    struct prefs *prefs;
    bool again;

    (void)state;
    study_make(path, &settings, 3, 0, 1);
    prefs = study_open(path);
    assert_err(ERR_STATE, prefs_undo(prefs, "undo-nothing", 1, STUDY_START, &back, &again));
    it = study_next(prefs, 1, STUDY_START);
    study_choose(prefs, &it, 1, 1, STUDY_START);
    next = study_next(prefs, 1, STUDY_START);
    assert_int_not_equal(next.item, it.item);
    assert_ok(prefs_undo(prefs, "undo-first-1", 1, STUDY_START + 1, &back, &again));
    assert_int_equal(back.id, it.id);
    assert_memory_equal(back.order, it.order, sizeof it.order);
    assert_int_equal(back.state, PREFS_OPEN);
    assert_ok(prefs_undo(prefs, "undo-first-1", 1, STUDY_START + 1, &back, &again));
    assert_true(again);
    assert_int_equal(back.id, it.id);
    assert_int_equal(study_next(prefs, 1, STUDY_START).id, it.id); /* after a reload, too */
    study_choose(prefs, &it, 0, 2, STUDY_START + 2);
    assert_int_equal(study_next(prefs, 1, STUDY_START).id, next.id);
    assert_int_equal(study_rows(prefs, false), 3);
    assert_int_equal(study_rows(prefs, true), 1);
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* One process at a time; a reader of this one sees what is durable and no more. */
static void test_locks(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("locks.db");
    struct prefs_assignment it;
    struct prefs *prefs, *other, *reader;
    int status;
    pid_t child;

    (void)state;
    study_make(path, &settings, 2, 0, 1);
    prefs = study_open(path);
    child = fork();
    if (!child)
        _exit((int)prefs_open(&other, path, PREFS_WRITE) * 16 +
              (int)prefs_open(&other, path, PREFS_READ));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), ERR_STATE * 16 + ERR_STATE);
    assert_ok(prefs_reader(&reader, prefs));
    it = study_next(prefs, 1, STUDY_START);
    study_choose(prefs, &it, 1, 1, STUDY_START);
    assert_int_equal(study_rows(reader, true), 0);
    assert_ok(prefs_commit(prefs));
    assert_int_equal(study_rows(reader, true), 1);
    assert_err(ERR_STATE, prefs_item_withdraw(reader, 1, true));
    prefs_close(reader);
    prefs_close(prefs);
    assert_ok(prefs_open(&prefs, path, PREFS_READ));
    assert_ok(prefs_open(&other, path, PREFS_READ));
    assert_int_equal(study_rows(other, true), 1);
    prefs_close(other);
    prefs_close(prefs);
    assert_err(ERR_STATE, prefs_create(path, &settings, NULL, STUDY_START));
}

/* A snapshot taken while a group is open holds the durable state; restored it is equal. */
static void test_copies(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("copied.db");
    char *const copy = mem_text(scratch_at("copy.db"));
    char *const back = mem_text(scratch_at("back.db"));
    struct prefs_assignment it;
    struct prefs *prefs, *other;

    (void)state;
    study_make(path, &settings, 3, 0, 1);
    prefs = study_open(path);
    it = study_next(prefs, 1, STUDY_START);
    study_choose(prefs, &it, 1, 1, STUDY_START);
    assert_ok(prefs_commit(prefs));
    it = study_next(prefs, 1, STUDY_START);
    study_choose(prefs, &it, 1, 2, STUDY_START);
    assert_ok(prefs_snapshot(prefs, copy));
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_open(&other, copy, PREFS_READ));
    assert_int_equal(study_rows(other, true), 1);
    prefs_close(other);
    assert_ok(prefs_snapshot(prefs, copy)); /* over the old one */
    assert_ok(prefs_restore(back, copy, false));
    assert_err(ERR_STATE, prefs_restore(back, copy, false));
    assert_err(ERR_STATE, prefs_restore(path, copy, true)); /* we have it open */
    prefs_close(prefs);
    assert_ok(prefs_restore(path, copy, true));
    prefs = study_open(back);
    assert_int_equal(study_rows(prefs, true), 2);
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
    free(copy);
    free(back);
}

static enum err check_blank(void *self, const struct prefs_row *row)
{
    assert_null(row->reason);
    ++*(int *)self;
    return OK;
}

static bool file_has(const char *path, const char *text)
{
    char *bytes;
    size_t n;
    bool found = false;

    if (!fs_exists(path))
        return false;
    assert_ok(fs_read(&bytes, &n, path, 1 << 26));
    for (size_t i = 0; !found && i + strlen(text) <= n; i++)
        found = !memcmp(bytes + i, text, strlen(text));
    free(bytes);
    return found;
}

/* Forgotten: neither name nor reason is in the file or its log, even while it is open. */
static void test_forget(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("forget.db");
    char *const log = mem_print("%s-wal", path);
    struct prefs_assignment it;
    struct prefs_judgement said;
    struct prefs_item item;
    struct prefs *prefs;
    struct prefs_person person;
    int n = 0;

    (void)state;
    study_make(path, &settings, 2, 0, 2);
    prefs = study_open(path);
    for (int i = 1; i <= 2; i++) {
        char id[32];
        it = study_next(prefs, i, STUDY_START);
        snprintf(id, sizeof id, "of-person-%d", i);
        said = choice_of(&it, id, 1);
        said.reason = i == 1 ? "xyzzy-one" : "xyzzy-two";
        assert_ok(prefs_judge(prefs, &said, STUDY_START, NULL));
    }
    assert_ok(prefs_commit(prefs));
    assert_true(file_has(path, "xyzzy-one") || file_has(log, "xyzzy-one"));
    assert_ok(prefs_forget(prefs, 1, false, STUDY_START));
    assert_ok(prefs_commit(prefs));
    assert_false(file_has(path, "xyzzy-one") || file_has(log, "xyzzy-one"));
    assert_false(file_has(path, "person1") || file_has(log, "person1"));
    assert_ok(prefs_person_read(prefs, 1, &person));
    assert_string_equal(person.name, "");
    assert_int_equal(person.standing, PREFS_FORGOTTEN);
    assert_int_equal(person.judged, 1);
    assert_ok(prefs_forget(prefs, 2, true, STUDY_START));
    assert_ok(prefs_commit(prefs));
    assert_false(file_has(path, "xyzzy-two") || file_has(log, "xyzzy-two"));
    assert_ok(prefs_visit(prefs, &(struct prefs_which){.after = 0}, check_blank, &n));
    assert_int_equal(n, 2);
    assert_int_equal(study_rows(prefs, true), 1);
    assert_ok(prefs_item_read(prefs, it.item, &item)); /* free for others again */
    assert_int_equal(item.planned, 0);
    prefs_item_free(&item);
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
    free(log);
}

/* ---- what is not a store */

static void corrupt(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db,
                 "PRAGMA writable_schema = ON; PRAGMA journal_mode = DELETE;"
                 "PRAGMA synchronous = OFF",
                 NULL, NULL, NULL);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void put(const char *path, const char *bytes, size_t n)
{
    FILE *const to = fopen(path, "wb"); /* no sync: hundreds of them */

    assert_non_null(to);
    assert_int_equal(fwrite(bytes, 1, n, to), n);
    assert_int_equal(fclose(to), 0);
}

/* A store with one judgement, as bytes. */
static char *make_small(size_t *n)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("small.db");
    struct prefs_assignment it;
    struct prefs *prefs;
    char *bytes;

    assert_ok(fs_remove(path));
    study_make(path, &settings, 2, 0, 1);
    prefs = study_open(path);
    it = study_next(prefs, 1, STUDY_START);
    study_choose(prefs, &it, 1, 1, STUDY_START);
    assert_ok(prefs_commit(prefs));
    prefs_close(prefs);
    assert_ok(fs_read(&bytes, n, path, 1 << 26));
    return bytes;
}

static void test_foreign(void **state)
{
    static const char *const schema[] = {
        "CREATE TRIGGER t AFTER INSERT ON judgement BEGIN DELETE FROM judgement; END",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE more(x)",
        "DROP INDEX assignment_once",
        "PRAGMA user_version = 3",
        "PRAGMA application_id = 7",
        "DELETE FROM secret",
        "DELETE FROM meta",
        "UPDATE meta SET value = '{\"overlap\": 9999999}'",
        "UPDATE sqlite_schema SET sql = replace(sql, 'CHECK(n BETWEEN 1 AND 16)', '')",
    };
    static const char *const rows[] = {
        "UPDATE judgement SET choice = 0",
        "UPDATE judgement SET at = at + 1",
        "UPDATE judgement SET reason = 'other'",
        "UPDATE judgement SET said = '0'",
        "UPDATE assignment SET places = '11'",
        "UPDATE assignment SET state = 'elsewhere'",
        "UPDATE assignment SET state = 'skipped'",
        "UPDATE item SET mode = 'nonsense'",
        "UPDATE item SET judged = 7",
        "DELETE FROM judgement",
        "DELETE FROM candidate WHERE number = 1",
    };
    const char *const path = scratch_at("foreign.db");
    struct prefs *prefs;
    size_t n;
    char *const bytes = make_small(&n);

    (void)state;
    for (size_t i = 0; i < sizeof schema / sizeof *schema; i++) {
        put(path, bytes, n);
        corrupt(path, schema[i]);
        if (prefs_open(&prefs, path, PREFS_WRITE) != ERR_PARSE)
            fail_msg("taken: %s", schema[i]);
        if (prefs_open(&prefs, path, PREFS_READ) != ERR_PARSE)
            fail_msg("read: %s", schema[i]);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put(path, bytes, n);
        corrupt(path, rows[i]);
        assert_ok(prefs_open(&prefs, path, PREFS_READ));
        if (prefs_check(prefs) != ERR_PARSE)
            fail_msg("not found: %s", rows[i]);
        prefs_close(prefs);
    }
    free(bytes);
}

/* Every file that is cut off or has a byte changed is refused or read, and no more. */
static void test_bytes(void **state)
{
    char *const broken = mem_text(scratch_at("broken.db"));
    size_t n;
    char *const bytes = make_small(&n);
    struct prefs *prefs;
    int refused = 0;

    (void)state;
    for (int i = 0; i < 400; i++) {
        const size_t at = (size_t)(prefs_settings_usual().repeat_gap + i * 7919) % n;
        const char old = bytes[at];
        enum err err;
        bytes[at] = (char)(old ^ (1 << i % 8));
        put(broken, bytes, i % 4 ? n : at);
        err = prefs_open(&prefs, broken, PREFS_READ);
        if (!err) {
            err = prefs_check(prefs);
            prefs_close(prefs);
        }
        refused += err != OK;
        bytes[at] = old;
    }
    assert_true(refused > 100); /* a flipped bit in a page's free room harms nobody */
    free(bytes);
    put(broken, "SQLite format 3", 16);
    assert_err(ERR_PARSE, prefs_open(&prefs, broken, PREFS_READ));
    assert_err(ERR_PARSE, prefs_open(&prefs, scratch_at("."), PREFS_READ));
    assert_err(ERR_IO, prefs_open(&prefs, scratch_at("none.db"), PREFS_WRITE));
    assert_false(fs_exists(scratch_at("none.db")));
    free(broken);
}

/* ---- people */

static void test_people(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("people.db");
    const struct hash token = hash_of("token", 5), csrf = hash_of("csrf", 4);
    struct prefs_invite invite = {.role = PREFS_REVIEWER, .label = "for B", .expires = 2000};
    struct prefs_session session = {.annotator = 1, .csrf = csrf, .expires = 5000}, read;
    struct prefs_person person;
    struct prefs *prefs;
    int64_t id, who;
    char *login;

    (void)state;
    study_make(path, &settings, 2, 0, 1);
    prefs = study_open(path);
    assert_err(ERR_STATE, prefs_person_add(prefs, &id, "person1", PREFS_ADMIN, 1));
    assert_err(ERR_RANGE, prefs_person_add(prefs, &id, "", PREFS_ADMIN, 1));
    assert_err(ERR_RANGE, prefs_person_add(prefs, &id, "a\x1b[2Jb", PREFS_ADMIN, 1));
    assert_ok(prefs_invite_add(prefs, &id, &token, &invite));
    assert_err(ERR_RANGE, prefs_invite_use(prefs, &csrf, 0, "B", 1000, &who));
    assert_err(ERR_RANGE, prefs_invite_use(prefs, &token, 0, "B", 2000, &who)); /* expired */
    assert_err(ERR_STATE, prefs_invite_use(prefs, &token, 0, "person1", 1000, &who));
    assert_ok(prefs_invite_use(prefs, &token, 0, "B", 1000, &who));
    assert_err(ERR_RANGE, prefs_invite_use(prefs, &token, 0, "C", 1000, &who)); /* used */
    assert_ok(prefs_person_read(prefs, who, &person));
    assert_int_equal(person.role, PREFS_REVIEWER);
    assert_ok(prefs_session_add(prefs, &token, &session));
    assert_ok(prefs_session_read(prefs, &token, 4999, &read));
    assert_true(hash_same(&read.csrf, &csrf));
    assert_err(ERR_RANGE, prefs_session_read(prefs, &token, 5000, &read));
    assert_ok(prefs_login_write(prefs, 1, "$argon2id$..."));
    assert_ok(prefs_login_read(prefs, 1, &login));
    assert_string_equal(login, "$argon2id$...");
    free(login);
    study_next(prefs, 1, STUDY_START);
    assert_ok(prefs_person_stand(prefs, 1, PREFS_CLOSED));
    assert_err(ERR_RANGE, prefs_session_read(prefs, &token, 1000, &read));
    {
        struct prefs_assignment it;
        enum prefs_offer offer;
        assert_err(ERR_STATE, prefs_next(prefs, 1, STUDY_START, &offer, &it));
        /* what was open is free for others */
        assert_int_equal(study_next(prefs, who, STUDY_START).item, 1);
    }
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),  cmocka_unit_test(test_again),
        cmocka_unit_test(test_undo),    cmocka_unit_test(test_locks),
        cmocka_unit_test(test_copies),  cmocka_unit_test(test_forget),
        cmocka_unit_test(test_foreign), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_people),
    };

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
