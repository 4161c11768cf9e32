#include "base/fs.h"
#include "learner/journal/journal.h"
#include "learner/journal/record.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct journal_folder {
    char path[64], file[80];
};
struct journal_seen {
    int n;
    uint32_t type[16];
    char text[16][32];
};

static int make_folder(void **state)
{
    struct journal_folder *folder = calloc(1, sizeof *folder);

    snprintf(folder->path, sizeof folder->path, "/tmp/drover-journal-XXXXXX");
    if (!mkdtemp(folder->path))
        return -1;
    snprintf(folder->file, sizeof folder->file, "%s/journal", folder->path);
    *state = folder;
    return 0;
}

static int drop_folder(void **state)
{
    struct journal_folder *folder = *state;
    const enum err err = fs_remove(folder->path);

    free(folder);
    return err ? -1 : 0;
}

static enum err note(void *self, const struct journal_record *record)
{
    struct journal_seen *seen = self;

    assert_true(seen->n < 16 && record->n < 32);
    seen->type[seen->n] = record->type;
    memcpy(seen->text[seen->n], record->payload, record->n);
    seen->text[seen->n++][record->n] = 0;
    return OK;
}

/* Five records in three groups: "a" | "bb" "ccc" | "" "eeeee". */
static void write_five(const char *path)
{
    struct journal_group group;
    struct journal *journal;

    assert_ok(journal_open(&journal, path, NULL, NULL, NULL));
    journal_append(journal, JOURNAL_START, "a", 1);
    assert_ok(journal_commit(journal));
    journal_append(journal, JOURNAL_SAMPLE, "bb", 2);
    assert_true(journal_commit_begin(journal, &group));
    assert_ok(journal_commit_write(&group));
    assert_false(journal_commit_begin(journal, &group));
    journal_commit_end(journal);
    assert_false(journal_commit_begin(journal, &group));
    journal_append(journal, JOURNAL_SAMPLE, "ccc", 3);
    journal_append(journal, JOURNAL_STEP, NULL, 0);
    assert_true(journal_commit_begin(journal, &group));
    journal_append(journal, JOURNAL_END, "eeeee", 5); /* while the commit is under way */
    assert_ok(journal_commit_write(&group));
    journal_commit_end(journal);
    assert_ok(journal_commit(journal));
    journal_close(journal);
}

static void what_was_committed_is_read_back(void **state)
{
    const struct journal_folder *folder = *state;
    struct journal *journal;
    struct journal_seen seen = {0};
    uint64_t torn;

    write_five(folder->file);
    assert_ok(journal_open(&journal, folder->file, note, &seen, &torn));
    assert_int_equal(seen.n, 5);
    assert_int_equal(torn, 0);
    assert_string_equal(seen.text[2], "ccc");
    assert_string_equal(seen.text[4], "eeeee");
    assert_int_equal(seen.type[3], JOURNAL_STEP);
    journal_append(journal, JOURNAL_END, "lost", 4);
    journal_close(journal);
    memset(&seen, 0, sizeof seen);
    assert_ok(journal_open(&journal, folder->file, note, &seen, &torn));
    assert_int_equal(seen.n, 5);
    journal_close(journal);
}

static void every_truncation_keeps_the_whole_records(void **state)
{
    static const size_t ends[] = {8, 33, 59, 86, 110, 139};
    const struct journal_folder *folder = *state;
    size_t n;
    char *bytes;

    write_five(folder->file);
    assert_ok(fs_read(&bytes, &n, folder->file, 1 << 20));
    assert_int_equal(n, ends[5]);
    for (size_t cut = 0; cut <= n; cut++) {
        struct journal_seen seen = {0};
        struct journal *journal;
        int whole = 0;
        uint64_t torn;

        while (whole < 5 && ends[whole + 1] <= cut)
            whole++;
        assert_ok(fs_write(folder->file, bytes, cut));
        assert_ok(journal_open(&journal, folder->file, note, &seen, &torn));
        assert_int_equal(seen.n, whole);
        assert_int_equal(torn, cut < 8 ? cut : cut - ends[whole]);
        journal_append(journal, JOURNAL_ATTEMPT, "new", 3);
        assert_ok(journal_commit(journal));
        journal_close(journal);
        memset(&seen, 0, sizeof seen);
        assert_ok(journal_open(&journal, folder->file, note, &seen, &torn));
        assert_int_equal(seen.n, whole + 1);
        assert_string_equal(seen.text[whole], "new");
        assert_int_equal(torn, 0);
        journal_close(journal);
    }
    free(bytes);
}

/* Damage before the last group is refused; in the last it may be a torn tail. */
static void every_flipped_byte_is_noticed(void **state)
{
    const struct journal_folder *folder = *state;
    size_t n;
    char *bytes;

    write_five(folder->file);
    assert_ok(fs_read(&bytes, &n, folder->file, 1 << 20));
    for (size_t at = 0; at < n; at++) {
        struct journal_seen seen = {0};
        struct journal *journal;

        bytes[at] ^= 0x10;
        assert_ok(fs_write(folder->file, bytes, n));
        const enum err err = journal_open(&journal, folder->file, note, &seen, NULL);
        bytes[at] ^= 0x10;
        if (at < 110)
            assert_err(ERR_PARSE, err);
        if (!err) {
            assert_true(seen.n < 5);
            journal_close(journal);
        }
    }
    free(bytes);
}

static enum err refuse(void *self, const struct journal_record *record)
{
    (void)self;
    return record->type == JOURNAL_SAMPLE ? err_set(ERR_STATE, "no") : OK;
}

static void a_visitor_may_refuse(void **state)
{
    const struct journal_folder *folder = *state;
    struct journal *journal;

    write_five(folder->file);
    assert_err(ERR_STATE, journal_open(&journal, folder->file, refuse, NULL, NULL));
    assert_non_null(strstr(err_text(), "byte 33"));
    assert_null(journal);
}

static void another_file_is_refused(void **state)
{
    const struct journal_folder *folder = *state;
    struct journal *journal;

    assert_ok(fs_write(folder->file, "DROVERK1....", 12));
    assert_err(ERR_PARSE, journal_open(&journal, folder->file, NULL, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_committed_is_read_back, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(every_truncation_keeps_the_whole_records, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(every_flipped_byte_is_noticed, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(a_visitor_may_refuse, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(another_file_is_refused, make_folder, drop_folder),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
