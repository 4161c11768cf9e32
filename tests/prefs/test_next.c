/* Who is given what: the plan, leases, sides and their balance, gold, repeats, disagreement,
 * adjudication; and that all of it is the same again from the same secret. */
#include "prefs/assign.h"

#include "prefs/copy.h"
#include "prefs/offer.h"
#include "prefs/verdict.h"
#include "tests/prefs/study.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE = 60000 };

static unsigned ids;

/* Nobody gets an item twice; each gets its k; with k = 2 both orders occur; people are
 * balanced. */
static void test_plan(void **state)
{
    enum { ITEMS = 200, PEOPLE = 5, K = 2 };
    const struct prefs_settings settings = study_settings(K, K);
    const char *const path = scratch_at("plan.db");
    static int seen[PEOPLE + 1][ITEMS + 1], swapped[ITEMS + 1];
    int lean[PEOPLE + 1] = {0}, given[PEOPLE + 1] = {0}, live = PEOPLE, total = 0;
    struct prefs_progress progress;
    struct prefs *prefs;

    (void)state;
    study_make(path, &settings, ITEMS, 0, PEOPLE);
    prefs = study_open(path);
    for (int turn = 0; live; turn++) {
        const int person = 1 + turn * 7 % PEOPLE;
        struct prefs_assignment it;
        enum prefs_offer offer;
        assert_ok(prefs_next(prefs, person, STUDY_START + turn, &offer, &it));
        if (offer != PREFS_GIVEN) {
            assert_int_equal(offer, PREFS_FINISHED);
            live--;
            assert_true(turn < ITEMS * K + PEOPLE);
            continue;
        }
        assert_int_equal(it.why, PREFS_PLAN);
        assert_int_equal(seen[person][it.item]++, 0);
        swapped[it.item] += it.order[0];
        lean[person] += it.order[0] ? 1 : -1;
        given[person]++;
        total++;
        study_choose(prefs, &it, it.order[0], ++ids, STUDY_START + turn);
    }
    assert_int_equal(total, ITEMS * K);
    for (int i = 1; i <= ITEMS; i++)
        assert_int_equal(swapped[i], 1); /* once each way round */
    for (int i = 1; i <= PEOPLE; i++)
        assert_true(abs(lean[i]) <= 3 * sqrt(given[i]));
    assert_ok(prefs_progress(prefs, &progress));
    assert_int_equal(progress.items, ITEMS);
    assert_int_equal(progress.finished, ITEMS);
    assert_int_equal(progress.judged, ITEMS * K);
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* What is not heard of goes to others; who comes back in time keeps it; a late judgement
 * counts. */
static void test_leases(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("leases.db");
    struct prefs_assignment mine, theirs;
    struct prefs_judgement said;
    struct prefs *prefs;
    int64_t now = STUDY_START, expires;
    int n;

    (void)state;
    study_make(path, &settings, 1, 0, 2);
    prefs = study_open(path);
    mine = study_next(prefs, 1, now);
    assert_int_equal(mine.expires, now + settings.lease_ms);
    assert_int_equal(study_offer(prefs, 2, now), PREFS_LATER);
    now += 14 * MINUTE;
    assert_ok(prefs_extend(prefs, mine.id, 1, now, &expires));
    assert_int_equal(expires, now + settings.lease_ms);
    assert_err(ERR_RANGE, prefs_extend(prefs, mine.id, 2, now, &expires));
    now += 14 * MINUTE;
    assert_int_equal(study_offer(prefs, 2, now), PREFS_LATER);
    now += 2 * MINUTE;
    assert_ok(prefs_expire(prefs, now, &n));
    assert_int_equal(n, 1);
    assert_ok(prefs_extend(prefs, mine.id, 1, now, &expires)); /* nobody has it: his again */
    assert_int_equal(study_offer(prefs, 2, now), PREFS_LATER);
    now += 16 * MINUTE;
    theirs = study_next(prefs, 2, now);
    assert_int_equal(theirs.item, mine.item);
    assert_err(ERR_STATE, prefs_extend(prefs, mine.id, 1, now, &expires));
    study_choose(prefs, &mine, 0, ++ids, now); /* late, and taken */
    study_choose(prefs, &theirs, 0, ++ids, now);
    assert_int_equal(study_rows(prefs, true), 2);
    assert_int_equal(study_offer(prefs, 1, now), PREFS_FINISHED);
    assert_int_equal(study_offer(prefs, 2, now), PREFS_FINISHED);
    said = (struct prefs_judgement){
        .id = "too-late-now", .assignment = mine.id, .annotator = 1, .verdict = PREFS_TIE};
    assert_err(ERR_STATE, prefs_judge(prefs, &said, now, NULL));
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

static void test_return(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("return.db");
    struct prefs_assignment it, again;
    struct prefs_judgement skip;
    struct prefs *prefs;
    int64_t left;

    (void)state;
    study_make(path, &settings, 2, 0, 2);
    prefs = study_open(path);
    it = study_next(prefs, 1, STUDY_START);
    assert_int_equal(study_next(prefs, 1, STUDY_START).id, it.id); /* a second tab */
    assert_ok(prefs_return(prefs, it.id, 1, STUDY_START));
    assert_err(ERR_STATE, prefs_return(prefs, it.id, 1, STUDY_START));
    again = study_next(prefs, 1, STUDY_START);
    assert_int_equal(again.item, it.item);
    assert_int_not_equal(again.id, it.id);
    skip = (struct prefs_judgement){
        .id = "skipped-it", .assignment = again.id, .annotator = 1, .verdict = PREFS_SKIP};
    assert_ok(prefs_judge(prefs, &skip, STUDY_START, NULL));
    it = study_next(prefs, 1, STUDY_START);
    assert_int_not_equal(it.item, again.item); /* skipped: not for him any more */
    assert_ok(prefs_person_pause(prefs, 1, true));
    study_choose(prefs, &it, 0, ++ids, STUDY_START);
    assert_int_equal(study_offer(prefs, 1, STUDY_START), PREFS_ON_PAUSE);
    assert_ok(prefs_person_pause(prefs, 1, false));
    assert_int_equal(study_offer(prefs, 1, STUDY_START), PREFS_FINISHED);
    assert_ok(prefs_left(prefs, 2, &left));
    assert_int_equal(left, 1);
    assert_int_equal(study_next(prefs, 2, STUDY_START).item, again.item);
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* Gold and repeats come at their rates, repeats swapped and far enough away. */
static void test_rates(void **state)
{
    enum { ITEMS = 400 };
    struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("rates.db");
    static int at[ITEMS + 64], order[ITEMS + 64];
    struct prefs_person person;
    struct prefs *prefs;
    int gold = 0, repeats = 0, n = 0;

    (void)state;
    settings.gold_rate = 0.1;
    settings.repeat_rate = 0.1;
    study_make(path, &settings, ITEMS, 60, 1);
    prefs = study_open(path);
    for (;; n++) {
        struct prefs_assignment it;
        enum prefs_offer offer;
        assert_ok(prefs_next(prefs, 1, STUDY_START + n, &offer, &it));
        if (offer != PREFS_GIVEN)
            break;
        if (it.why == PREFS_REPEAT) {
            repeats++;
            assert_true(n - at[it.item] >= settings.repeat_gap);
            assert_int_equal(it.order[0], !order[it.item]);
            assert_true(it.chance > 0 && it.chance <= 1);
        } else {
            gold += it.why == PREFS_GOLD;
            at[it.item] = n;
            order[it.item] = it.order[0];
        }
        study_choose(prefs, &it, it.why == PREFS_GOLD ? gold % 2 : 0, ++ids, STUDY_START + n);
    }
    assert_int_equal(n, ITEMS + gold + repeats);
    assert_in_range(gold, 30, 60); /* of about 500 at 0.1; 50 +- 3 sd */
    assert_in_range(repeats, 28, 70);
    assert_ok(prefs_person_read(prefs, 1, &person));
    assert_int_equal(person.gold, gold);
    assert_int_equal(person.gold_right, gold / 2);
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* Two who differ get a third; then nobody more; a reviewer decides. */
static void test_disagreement(void **state)
{
    const struct prefs_settings settings = study_settings(2, 4);
    const char *const path = scratch_at("disagreement.db");
    struct prefs_assignment it;
    struct prefs_progress progress;
    struct prefs_item item;
    struct prefs *prefs;
    int64_t differing[4];
    size_t n;

    (void)state;
    study_make(path, &settings, 2, 0, 4);
    prefs = study_open(path);
    assert_ok(prefs_person_role(prefs, 4, PREFS_REVIEWER));
    for (int person = 1; person <= 2; person++)
        for (int i = 0; i < 2; i++) {
            it = study_next(prefs, person, STUDY_START);
            study_choose(prefs, &it, it.item == 1 ? person - 1 : 0, ++ids, STUDY_START);
        }
    it = study_next(prefs, 3, STUDY_START);
    assert_int_equal(it.item, 1);
    assert_int_equal(it.why, PREFS_DISAGREEMENT);
    study_choose(prefs, &it, 1, ++ids, STUDY_START);
    assert_int_equal(study_offer(prefs, 3, STUDY_START), PREFS_FINISHED);
    assert_int_equal(study_offer(prefs, 4, STUDY_START), PREFS_FINISHED);
    assert_ok(prefs_differing(prefs, differing, 4, &n));
    assert_int_equal(n, 1);
    assert_int_equal(differing[0], 1);
    assert_err(ERR_STATE, prefs_adjudicate(prefs, 1, 1, STUDY_START, &it));
    assert_err(ERR_STATE, prefs_adjudicate(prefs, 4, 2, STUDY_START, &it)); /* they agree */
    assert_ok(prefs_adjudicate(prefs, 4, 1, STUDY_START, &it));
    assert_int_equal(it.why, PREFS_ADJUDICATION);
    study_choose(prefs, &it, 1, ++ids, STUDY_START);
    assert_err(ERR_STATE, prefs_adjudicate(prefs, 4, 1, STUDY_START, &it));
    assert_ok(prefs_differing(prefs, differing, 4, &n));
    assert_int_equal(n, 0);
    assert_ok(prefs_item_read(prefs, 1, &item));
    assert_int_equal(item.planned, 2);
    assert_int_equal(item.extra, 1);
    assert_true(item.differ && item.adjudicated);
    prefs_item_free(&item);
    assert_ok(prefs_progress(prefs, &progress));
    assert_int_equal(progress.finished, 2);
    assert_int_equal(progress.adjudicated, 1);
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* What a strategy wants comes first and says so. */
static void test_active(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const path = scratch_at("active.db");
    struct prefs_assignment it;
    struct prefs *prefs;

    (void)state;
    study_make(path, &settings, 5, 0, 1);
    prefs = study_open(path);
    assert_ok(prefs_item_prioritise(prefs, 4, "uncertainty", 2.5, 0.25));
    assert_err(ERR_RANGE, prefs_item_prioritise(prefs, 4, "uncertainty", NAN, 0.25));
    assert_err(ERR_RANGE, prefs_item_prioritise(prefs, 9, "uncertainty", 1, 0.25));
    it = study_next(prefs, 1, STUDY_START);
    assert_int_equal(it.item, 4);
    assert_int_equal(it.why, PREFS_ACTIVE);
    assert_string_equal(it.active, "uncertainty");
    assert_true(it.chance == 0.25);
    study_choose(prefs, &it, 0, ++ids, STUDY_START);
    assert_int_equal(study_next(prefs, 1, STUDY_START).why, PREFS_PLAN);
    prefs_close(prefs);
}

/* The other modes: what they take, and that an order turns through all places. */
static void test_modes(void **state)
{
    const struct prefs_settings settings = study_settings(4, 4);
    const char *const path = scratch_at("modes.db");
    struct prefs_item item = {.mode = PREFS_RANK, .n = 4, .key = (char *)(uintptr_t) "rank"};
    int place[4][4] = {{0}};
    struct prefs *prefs;
    int64_t id, rank;
    json_t *ranking = json_loads("[[2], [0, 1], [3]]", 0, NULL);

    (void)state;
    study_make(path, &settings, 0, 0, 4);
    prefs = study_open(path);
    for (int i = 0; i < 4; i++)
        item.candidate[i].content = json_string("x");
    assert_ok(prefs_item_add(prefs, &rank, &item, STUDY_START));
    assert_ok(prefs_item_add(prefs, &id, &item, STUDY_START)); /* again: the same */
    assert_int_equal(id, rank);
    item.mode = PREFS_PAIR;
    assert_err(ERR_RANGE, prefs_item_add(prefs, &id, &item, STUDY_START));
    item.n = 2;
    assert_err(ERR_STATE, prefs_item_add(prefs, &id, &item, STUDY_START)); /* the key */
    for (int person = 1; person <= 4; person++) {
        const struct prefs_assignment it = study_next(prefs, person, STUDY_START);
        struct prefs_judgement said = {.id = "ranking-..",
                                       .assignment = it.id,
                                       .annotator = person,
                                       .verdict = PREFS_RANKING,
                                       .ranking = ranking};
        char name[32];
        snprintf(name, sizeof name, "ranking-%d", person);
        said.id = name;
        for (int i = 0; i < 4; i++)
            place[i][it.order[i]]++;
        assert_ok(prefs_judge(prefs, &said, STUDY_START, NULL));
    }
    for (int i = 0; i < 16; i++)
        assert_int_equal(place[i / 4][i % 4], 1);
    json_decref(ranking);
    item.n = 4;
    item.key = NULL;
    prefs_item_free(&item);
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* From the same secret the same calls give the same, whoever runs them. */
static void test_replay(void **state)
{
    const struct prefs_settings settings = study_settings(2, 2);
    char trace[2][256] = {"", ""};

    (void)state;
    for (int run = 0; run < 2; run++) {
        char name[32];
        struct prefs *prefs;
        snprintf(name, sizeof name, "replay%d.db", run);
        study_make(scratch_at(name), &settings, 20, 0, 2);
        prefs = study_open(scratch_at(name));
        for (int i = 0; i < 40; i++) {
            const struct prefs_assignment it = study_next(prefs, 1 + i % 2, STUDY_START);
            trace[run][i * 2] = (char)('a' + it.item);
            trace[run][i * 2 + 1] = (char)('0' + it.order[0]);
            study_choose(prefs, &it, 0, ++ids, STUDY_START);
        }
        prefs_close(prefs);
    }
    assert_string_equal(trace[0], trace[1]);
    assert_int_equal(strlen(trace[0]), 80);
}

/* The coin: an item's balance decides, else the person's, 2:1, else the coin alone. */
static void test_order(void **state)
{
    int order[2], swaps = 0;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct offer_balance balance = {.n = 2, .u = (i + 0.5) / 3000, .person_lean = -3};
        offer_order(order, &balance);
        swaps += order[0];
    }
    assert_int_equal(swaps, 2000);
    offer_order(order, &(struct offer_balance){.n = 2, .u = 0.01, .item_lean = 1});
    assert_int_equal(order[0], 0);
    offer_order(order, &(struct offer_balance){.n = 2, .u = 0.99, .item_lean = -1});
    assert_int_equal(order[0], 1);
    assert_int_equal(offer_wish(0.04, 0.05, 0.1), PREFS_GOLD);
    assert_int_equal(offer_wish(0.05, 0.05, 0.1), PREFS_REPEAT);
    assert_int_equal(offer_wish(0.16, 0.05, 0.1), PREFS_PLAN);
    assert_int_equal(offer_pick(0.999999, 3), 2);
}

/* Adjudication is a reviewer's when it is said, also late, and also by an undo; and nobody sees
 * what others said of an item that he has open himself. */
static void test_role_lost(void **state)
{
    const struct prefs_settings settings = study_settings(2, 2);
    const char *const path = scratch_at("role.db");
    struct prefs_assignment it, own, back;
    struct prefs *prefs;

    (void)state;
    study_make(path, &settings, 1, 0, 4);
    prefs = study_open(path);
    assert_ok(prefs_person_role(prefs, 3, PREFS_REVIEWER));
    assert_ok(prefs_person_role(prefs, 4, PREFS_REVIEWER));
    own = study_next(prefs, 3, STUDY_START);
    assert_ok(prefs_expire(prefs, own.expires, NULL));
    for (int person = 1; person <= 2; person++) {
        it = study_next(prefs, person, STUDY_START);
        study_choose(prefs, &it, person - 1, ++ids, STUDY_START);
    }
    study_choose(prefs, &own, 1, ++ids, STUDY_START); /* late, and taken back: open again */
    assert_ok(prefs_undo(prefs, "undo-of-three", 3, STUDY_START, &own, NULL));
    assert_err(ERR_STATE, prefs_adjudicate(prefs, 3, 1, STUDY_START, &it));
    assert_ok(prefs_adjudicate(prefs, 4, 1, STUDY_START, &it));
    assert_ok(prefs_person_role(prefs, 4, PREFS_ANNOTATOR));
    assert_err(ERR_STATE, prefs_judge(prefs,
                                      &(struct prefs_judgement){.id = "by-nobody",
                                                                .assignment = it.id,
                                                                .annotator = 4,
                                                                .verdict = PREFS_CHOSEN},
                                      STUDY_START, NULL));
    assert_int_not_equal(study_offer(prefs, 4, STUDY_START), PREFS_GIVEN);
    assert_ok(prefs_person_role(prefs, 4, PREFS_REVIEWER));
    assert_ok(prefs_adjudicate(prefs, 4, 1, STUDY_START, &it));
    study_choose(prefs, &it, 1, ++ids, STUDY_START);
    assert_ok(prefs_person_role(prefs, 4, PREFS_ANNOTATOR));
    assert_err(ERR_STATE, prefs_undo(prefs, "undo-of-four", 4, STUDY_START, &back, NULL));
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
    prefs_close(prefs);
}

/* What the page can ask, the store takes: twelve scores for each of sixteen answers. */
static void test_scores(void **state)
{
    struct prefs_judgement said = {.verdict = PREFS_TIE};
    json_t *scores = json_object();
    char name[80];

    (void)state;
    for (int i = 0; i < 12; i++)
        for (int k = 0; k < PREFS_CANDIDATES_MAX; k++) {
            snprintf(name, sizeof name, "%064d/%d", i, k);
            json_object_set_new(scores, name, json_integer(1 + i % 5));
        }
    said.criteria = scores;
    assert_ok(verdict_check(&said, PREFS_RANK, PREFS_CANDIDATES_MAX, 0));
    json_object_set_new(scores, "more", json_integer(1));
    assert_err(ERR_RANGE, verdict_check(&said, PREFS_RANK, PREFS_CANDIDATES_MAX, 0));
    json_decref(scores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),         cmocka_unit_test(test_leases),
        cmocka_unit_test(test_return),       cmocka_unit_test(test_rates),
        cmocka_unit_test(test_disagreement), cmocka_unit_test(test_active),
        cmocka_unit_test(test_modes),        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_order),        cmocka_unit_test(test_role_lost),
        cmocka_unit_test(test_scores),
    };

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
