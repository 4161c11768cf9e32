/* What is found from a person's place in the order is what is found by looking through all of
 * it: everything that moves an item or takes something back, at random, and before each request
 * the plain question to the same store. */
#include "prefs/bookmark.h"

#include "prefs/copy.h"
#include "prefs/sql.h"
#include "tests/prefs/study.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

enum { ITEMS = 60, GOLD = 4, PEOPLE = 7, MINUTE = 60000 };

static uint64_t state_of_dice = 7;
static unsigned ids;

/* [0, n) */
static int dice(int n)
{
    state_of_dice = state_of_dice * 6364136223846793005u + 1442695040888963407u;
    return (int)((state_of_dice >> 33) % (unsigned)n);
}

static int64_t ask(struct prefs *prefs, const char *text, int64_t person)
{
    sqlite3_stmt *made;
    int64_t out = 0;

    assert_int_equal(sqlite3_prepare_v2(prefs->db, text, -1, &made, NULL), SQLITE_OK);
    sqlite3_bind_int64(made, 1, person);
    if (sqlite3_step(made) == SQLITE_ROW)
        out = sqlite3_column_int64(made, 0);
    sqlite3_finalize(made);
    return out;
}

/* The definition: every item that is needed, in the order of the plan, but those that this
 * person was given. */
static int64_t wanted(struct prefs *prefs, int64_t person)
{
    return ask(prefs,
               "SELECT id FROM item WHERE need > 0 AND id NOT IN (SELECT item FROM assignment"
               " WHERE annotator = ?1 AND state IN ('open', 'done', 'skipped'))"
               " ORDER BY -priority, late, need, id LIMIT 1",
               person);
}

static int64_t left_over(struct prefs *prefs, int64_t person)
{
    return ask(prefs,
               "SELECT count(*) FROM item WHERE need > 0 AND id NOT IN (SELECT item FROM"
               " assignment WHERE annotator = ?1 AND state IN ('open', 'done', 'skipped'))",
               person);
}

/* How often what was given was of the plan; the open one comes again, whatever else is wanted. */
static int next_as_wanted(struct prefs *prefs, int64_t person, int64_t now,
                          struct prefs_assignment *it)
{
    enum prefs_offer offer;
    int64_t item, open, left;

    assert_ok(prefs_expire(prefs, now, NULL));
    item = wanted(prefs, person);
    open = ask(prefs, "SELECT min(id) FROM assignment WHERE annotator = ?1 AND state = 'open'",
               person);
    assert_ok(prefs_left(prefs, person, &left));
    assert_int_equal(left, left_over(prefs, person));
    assert_ok(prefs_next(prefs, person, now, &offer, it));
    if (offer != PREFS_GIVEN) {
        assert_true(offer == PREFS_ON_PAUSE || !item);
        it->id = 0;
        return 0;
    }
    if (open) {
        assert_int_equal(it->id, open);
        return 0;
    }
    assert_int_not_equal(item, 0);
    if (it->why != PREFS_GOLD && it->why != PREFS_REPEAT)
        assert_int_equal(it->item, item);
    return 1;
}

/* What somebody does with what he was given. */
static void answer(struct prefs *prefs, const struct prefs_assignment *it, int64_t now)
{
    struct prefs_assignment back;
    char name[32];
    struct prefs_judgement skip = {
        .id = name, .assignment = it->id, .annotator = it->annotator, .verdict = PREFS_SKIP};
    const int what = dice(20);

    snprintf(name, sizeof name, "another-%u", ++ids);
    if (what < 14)
        study_choose(prefs, it, dice(2), ++ids, now);
    else if (what == 14)
        assert_ok(prefs_judge(prefs, &skip, now, NULL));
    else if (what == 15)
        assert_ok(prefs_return(prefs, it->id, it->annotator, now));
    else if (what == 16) {
        study_choose(prefs, it, dice(2), ++ids, now);
        assert_ok(prefs_undo(prefs, name, it->annotator, now, &back, NULL));
    } else if (what == 17) { /* refused: takes back what the call did, and no more */
        skip.verdict = PREFS_STEP;
        assert_err(ERR_RANGE, prefs_judge(prefs, &skip, now, NULL));
    } /* else it is left open */
}

/* A few items of somebody, which are his again afterwards. */
static void in_vain(struct prefs *prefs, int64_t person, int64_t now)
{
    struct prefs_assignment it;
    enum prefs_offer offer;

    for (int i = 0; i < 3; i++) {
        assert_ok(prefs_next(prefs, person, now, &offer, &it));
        if (offer == PREFS_GIVEN)
            study_choose(prefs, &it, dice(2), ++ids, now);
    }
}

/* What others do to the plan meanwhile. */
static void meddle(struct prefs *prefs, int64_t now)
{
    const int64_t item = 1 + dice(ITEMS);
    const int64_t person = 1 + dice(PEOPLE);
    struct prefs_settings settings = *prefs_settings(prefs);

    switch (dice(8)) {
    case 0:
        assert_ok(prefs_item_withdraw(prefs, item, dice(2)));
        break;
    case 1:
        assert_ok(
            prefs_item_prioritise(prefs, item, dice(2) ? "strategy" : NULL, dice(3) - 1, 0.5));
        break;
    case 2:
        settings.overlap = 1 + dice(3);
        settings.overlap_max = settings.overlap + dice(3);
        assert_ok(prefs_settings_write(prefs, &settings));
        break;
    case 3: /* somebody goes, and comes again */
        assert_ok(prefs_person_stand(prefs, person, PREFS_CLOSED));
        assert_ok(prefs_person_stand(prefs, person, PREFS_ACTIVE_PERSON));
        break;
    case 4: /* a whole call, taken back after it was done */
        assert_ok(prefs_begin(prefs));
        in_vain(prefs, person, now);
        assert_err(ERR_STATE, prefs_finish(prefs, err_set(ERR_STATE, "back")));
        break;
    case 5: /* a group that the disk refused */
        in_vain(prefs, person, now);
        prefs_abandon(prefs);
        break;
    default:
        assert_ok(prefs_commit(prefs));
    }
}

/* Some people are quick and far ahead, others come seldom; one is slow beyond his lease. */
static void one_study(unsigned number)
{
    struct prefs_settings settings = study_settings(1 + dice(3), 4);
    struct prefs_assignment it;
    struct prefs *prefs;
    int64_t now = STUDY_START;
    char name[32];
    int given = 0;

    snprintf(name, sizeof name, "bookmark%u.db", number);
    settings.gold_rate = settings.repeat_rate = dice(2) * 0.1;
    study_make(scratch_at(name), &settings, ITEMS, GOLD, PEOPLE);
    prefs = study_open(scratch_at(name));
    for (int i = 0; i < 700; i++) {
        const int64_t person = dice(3) ? 1 : 1 + dice(PEOPLE);
        now += dice(30) ? 1000 : 20 * MINUTE;
        given += next_as_wanted(prefs, person, now, &it);
        if (it.id)
            answer(prefs, &it, now);
        if (!dice(6))
            meddle(prefs, now);
    }
    assert_true(given > 50);
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

static void test_same(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++)
        one_study(i);
}

/* More that wait than there is room for: from the beginning. Who takes another's slot as well. */
static void test_room(void **state)
{
    struct bookmarks *const all = bookmark_new();
    struct bookmark *one = bookmark_of(all, 3);
    const int64_t had[] = {3};

    (void)state;
    assert_false(bookmark_before(&bookmark_first, &one->from));
    one->from = bookmark_last;
    for (int64_t i = 1; i <= BOOKMARK_WAITING; i++)
        for (int twice = 0; twice < 2; twice++)
            bookmark_moved(all, &(struct bookmark_key){.need = 1, .id = i}, NULL, 0);
    assert_int_equal(one->waiting_n, BOOKMARK_WAITING);
    bookmark_moved(all, &(struct bookmark_key){.need = 1, .id = 99}, had, 1); /* he had it */
    assert_int_equal(one->waiting_n, BOOKMARK_WAITING);
    bookmark_moved(all, &(struct bookmark_key){.need = 1, .id = 99}, NULL, 0);
    assert_int_equal(one->waiting_n, 0);
    assert_false(bookmark_before(&bookmark_first, &one->from));
    one->from = bookmark_last;
    one = bookmark_of(all, 3 + 1024);
    assert_false(bookmark_before(&bookmark_first, &one->from));
    one->from = bookmark_last;
    bookmark_mark(all);
    bookmark_back(all); /* nothing was done: his place stays */
    assert_true(bookmark_before(&bookmark_first, &one->from));
    bookmark_of(all, 3 + 1024);
    bookmark_back(all);
    assert_false(bookmark_before(&bookmark_first, &one->from));
    bookmark_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_room),
    };

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
