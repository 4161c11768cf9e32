/* What a person may do about himself, and what he is told of what is to come. */
#include "prefs/assign.h"

#include "prefs/copy.h"
#include "tests/prefs/study.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <stdio.h>

static unsigned ids;

/* What an admin set ends when an admin says so: it is no pause of the person's own, and what is open
 * may be finished. */
static void test_held(void **state)
{
    const struct prefs_settings settings = study_settings(2, 2);
    const char *const path = scratch_at("held.db");
    struct prefs_assignment it, decide;
    struct prefs_person person;
    struct prefs *prefs;

    (void)state;
    study_make(path, &settings, 2, 0, 2);
    prefs = study_open(path);
    for (int who = 1; who <= 2; who++) { /* they differ on the first */
        it = study_next(prefs, who, STUDY_START);
        study_choose(prefs, &it, who - 1, ++ids, STUDY_START);
    }
    it = study_next(prefs, 1, STUDY_START);
    assert_ok(prefs_person_role(prefs, 1, PREFS_REVIEWER));
    assert_ok(prefs_person_stand(prefs, 1, PREFS_HELD));
    assert_err(ERR_STATE, prefs_person_pause(prefs, 1, false));
    assert_err(ERR_STATE, prefs_person_pause(prefs, 1, true)); /* or he could end that one */
    assert_ok(prefs_person_read(prefs, 1, &person));
    assert_int_equal(person.standing, PREFS_HELD);
    study_choose(prefs, &it, 0, ++ids, STUDY_START);
    assert_int_equal(study_offer(prefs, 1, STUDY_START), PREFS_ON_HOLD);
    assert_err(ERR_STATE, prefs_adjudicate(prefs, 1, 1, STUDY_START, &decide));
    assert_ok(prefs_person_stand(prefs, 1, PREFS_ACTIVE_PERSON));
    assert_ok(prefs_adjudicate(prefs, 1, 1, STUDY_START, &decide));
    assert_ok(prefs_person_stand(prefs, 1, PREFS_CLOSED));
    assert_err(ERR_STATE, prefs_person_pause(prefs, 1, false));
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* Whatever kind an item is, what is to go is one less when it is done, and the same when it is
 * given, given back or taken back: nobody can tell the kinds apart by it. */
static void test_ahead(void **state)
{
    enum { ITEMS = 200, GOLD = 30, LAST = 30 };
    struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("ahead.db");
    int kinds[PREFS_WHYS] = {0};
    struct prefs *prefs;
    int64_t before, after;

    (void)state;
    settings.gold_rate = 0.15;
    settings.repeat_rate = 0.1;
    settings.repeat_gap = 5;
    study_make(path, &settings, ITEMS, GOLD, 1);
    prefs = study_open(path);
    assert_ok(prefs_ahead(prefs, 1, &before));
    assert_in_range(before, ITEMS + GOLD / 2, ITEMS * 4 / 3);
    for (int i = 0; i < ITEMS; i++, before--) {
        struct prefs_assignment it = study_next(prefs, 1, STUDY_START + i);
        struct prefs_judgement skip = {
            .id = "skips-this", .assignment = it.id, .annotator = 1, .verdict = PREFS_SKIP};
        char id[32];

        kinds[it.why]++;
        assert_ok(prefs_ahead(prefs, 1, &after));
        assert_int_equal(after, before);
        if (i % 7 == 3) {
            assert_ok(prefs_return(prefs, it.id, 1, STUDY_START + i));
            assert_ok(prefs_ahead(prefs, 1, &after));
            assert_int_equal(after, before);
            it = study_next(prefs, 1, STUDY_START + i);
        }
        snprintf(id, sizeof id, "skips-this-%d", i);
        skip.id = id;
        skip.assignment = it.id;
        if (i % 5 == 2)
            assert_ok(prefs_judge(prefs, &skip, STUDY_START + i, NULL));
        else
            study_choose(prefs, &it, 0, ++ids, STUDY_START + i);
        if (i % 11 == 4) {
            snprintf(id, sizeof id, "takes-back-%d", i);
            assert_ok(prefs_undo(prefs, id, 1, STUDY_START + i, &it, NULL));
            assert_ok(prefs_ahead(prefs, 1, &after));
            assert_int_equal(after, before);
            study_choose(prefs, &it, 0, ++ids, STUDY_START + i);
        }
        assert_ok(prefs_ahead(prefs, 1, &after));
        assert_int_equal(after, before - 1);
    }
    assert_true(kinds[PREFS_GOLD] >= 10 && kinds[PREFS_REPEAT] >= 5 && kinds[PREFS_PLAN] > 100);
    for (before = 0; study_offer(prefs, 1, STUDY_START) == PREFS_GIVEN; before++) {
        struct prefs_assignment it = study_next(prefs, 1, STUDY_START);
        study_choose(prefs, &it, 0, ++ids, STUDY_START);
    }
    assert_ok(prefs_ahead(prefs, 1, &after));
    assert_true(after < LAST); /* and about right */
    assert_ok(prefs_commit(prefs));
    prefs_close(prefs);
}

static enum err count(void *self, const struct prefs_assignment *it)
{
    int64_t *const sum = self;

    sum[0]++;
    sum[1] += it->item;
    return OK;
}

/* Of an item, or of all. */
static void test_open(void **state)
{
    const struct prefs_settings settings = study_settings(2, 2);
    const char *const path = scratch_at("open.db");
    struct prefs_assignment it;
    struct prefs *prefs;
    int64_t of_one[2] = {0}, all[2] = {0};

    (void)state;
    study_make(path, &settings, 3, 0, 3);
    prefs = study_open(path);
    it = study_next(prefs, 1, STUDY_START);
    study_choose(prefs, &it, 0, ++ids, STUDY_START);
    for (int who = 1; who <= 3; who++)
        it = study_next(prefs, who, STUDY_START);
    assert_ok(prefs_open_visit(prefs, it.item, count, of_one));
    assert_ok(prefs_open_visit(prefs, 0, count, all));
    assert_int_equal(all[0], 3);
    assert_true(of_one[0] >= 1 && of_one[0] < 3 && of_one[1] == of_one[0] * it.item);
    assert_ok(prefs_commit(prefs));
    prefs_close(prefs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_open),
    };

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
