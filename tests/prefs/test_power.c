/* Power cuts and full disks: whatever was acknowledged is there, exactly once, in every image that a cut can
 * leave; a full disk says so, takes the group back and goes on once there is room.
 *
 * $DROVER_POWER_IMAGES (60) images; the long test makes 4,000. */
#include "prefs/prefs.h"

#include "base/mem.h"
#include "base/rng.h"
#include "prefs/copy.h"
#include "tests/prefs/power.h"
#include "tests/prefs/study.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 320, PEOPLE = 2, GROUP = 3 };

/* Judges in groups, acknowledges after each commit, closes and opens now and then. */
static void work(const char *path, int from, int to)
{
    struct prefs *prefs = study_open(path);

    for (int i = from; i <= to; i++) {
        const struct prefs_assignment it = study_next(prefs, 1 + i % PEOPLE, STUDY_START + i);
        study_choose(prefs, &it, 0, (unsigned)i, STUDY_START + i);
        if (i % GROUP && i != to)
            continue;
        assert_ok(prefs_commit(prefs));
        power_note((uint32_t)i);
    }
    prefs_close(prefs);
}

static enum err in_order(void *self, const struct prefs_row *row)
{
    uint32_t *const n = self;
    char id[32];

    snprintf(id, sizeof id, "judgement-%u", ++*n);
    assert_string_equal(row->id, id);
    return OK;
}

/* Opened as after any crash, the store is whole and holds 1..n, n at least what was acknowledged and at most
 * what was asked. */
static void look(const char *path, uint32_t acknowledged)
{
    struct prefs *prefs;
    uint32_t n = 0;

    assert_ok(prefs_open(&prefs, path, PREFS_WRITE));
    assert_ok(prefs_check(prefs));
    assert_ok(prefs_visit(prefs, &(struct prefs_which){.standing = true}, in_order, &n));
    if (n < acknowledged || n > acknowledged + GROUP)
        fail_msg("%u judgements, %u were acknowledged", n, acknowledged);
    prefs_close(prefs);
}

static void test_cuts(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const asked = getenv("DROVER_POWER_IMAGES");
    const int images = asked ? (int)strtol(asked, NULL, 10) : 60;
    char *const path = mem_text(scratch_at("power.db")), *const cut =
                                                             mem_text(scratch_at("cut.db"));
    size_t events, opened;

    (void)state;
    study_make(path, &settings, ITEMS, 0, PEOPLE);
    power_record(1);
    {
        /* What stands before the first event is on the disk: the file as it was made. */
        struct prefs *prefs;
        power_record(0);
        assert_ok(prefs_open(&prefs, path, PREFS_READ));
        power_record(1);
        assert_ok(prefs_snapshot(prefs, cut));
        prefs_close(prefs);
    }
    opened = power_events();
    /* The copy's own writes are the events that make the disk's first state; the work goes on in it. */
    work(cut, 1, 150);
    work(cut, 151, 300);
    events = power_events();
    power_record(0);
    assert_true(events > opened + 500);
    for (int i = 0; i < images; i++) {
        const size_t span = events - opened;
        const size_t at =
            opened + (size_t)(rng_uniform(42, RNG_TEST, (uint64_t)i, 0, 0) * (double)span);
        power_cut(path, at, (uint64_t)i);
        look(path, power_noted(at));
    }
    power_forget();
    free(path);
    free(cut);
}

/* The disk refuses at every possible place; each time the words say so, nothing acknowledged is lost, and with room
 * again the same calls succeed. */
static void test_full(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    char *const path = mem_text(scratch_at("full.db"));
    struct prefs *prefs;
    unsigned done = 0;
    int refused = 0;

    (void)state;
    study_make(path, &settings, 200, 0, 1);
    prefs = study_open(path);
    for (int i = 0; i < 120; i++) {
        struct prefs_assignment it;
        enum prefs_offer offer;
        char id[32];
        struct prefs_judgement said = {.id = id, .annotator = 1, .verdict = PREFS_CHOSEN};
        enum err err;
        snprintf(id, sizeof id, "judgement-%u", done + 1);
        power_room(i % 3 ? i * 613 : -1);
        err = prefs_next(prefs, 1, STUDY_START, &offer, &it);
        said.assignment = it.id;
        if (!err)
            err = prefs_judge(prefs, &said, STUDY_START, NULL);
        if (!err)
            err = prefs_commit(prefs);
        done += !err;
        if (err) {
            refused++;
            assert_int_equal(err, ERR_IO);
            assert_non_null(strstr(err_text(), "disk full"));
            prefs_abandon(prefs);
        }
        power_room(-1);
        assert_int_equal(study_rows(prefs, true), done);
    }
    assert_true(refused > 5);
    prefs_close(prefs);
    look(path, done);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cuts),
                                       cmocka_unit_test(test_full)};

    power_install();
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
