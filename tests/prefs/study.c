#include "tests/prefs/study.h"

#include "tests/support/test.h"

#include <stdio.h>

struct prefs_settings study_settings(int overlap, int overlap_max)
{
    struct prefs_settings settings = prefs_settings_usual();

    settings.overlap = overlap;
    settings.overlap_max = overlap_max;
    settings.gold_rate = settings.repeat_rate = 0;
    return settings;
}

struct prefs *study_open(const char *path)
{
    struct prefs *prefs;

    assert_ok(prefs_open(&prefs, path, PREFS_WRITE));
    return prefs;
}

static void add_item(struct prefs *prefs, const char *letter, int number)
{
    char key[32];
    struct prefs_item item = {.key = key, .mode = PREFS_PAIR, .n = 2};
    int64_t id;

    snprintf(key, sizeof key, "%s%d", letter, number);
    item.prompt = json_pack("[{s:s, s:s}]", "role", "user", "content", key);
    for (int i = 0; i < 2; i++)
        item.candidate[i].content = json_string(i ? "b" : "a");
    if (*letter == 'g')
        item.gold = json_pack("{s:s, s:i}", "verdict", "chosen", "choice", 0);
    assert_ok(prefs_item_add(prefs, &id, &item, STUDY_START));
    item.key = NULL;
    prefs_item_free(&item);
}

void study_make(const char *path, const struct prefs_settings *settings, int items, int gold,
                int people)
{
    static const uint8_t secret[PREFS_SECRET] = "thirty-two bytes, always these..";
    struct prefs *prefs;
    char name[32];
    int64_t id;

    assert_ok(prefs_create(path, settings, secret, STUDY_START));
    prefs = study_open(path);
    for (int i = 1; i <= items; i++)
        add_item(prefs, "p", i);
    for (int i = 1; i <= gold; i++)
        add_item(prefs, "g", i);
    for (int i = 1; i <= people; i++) {
        snprintf(name, sizeof name, "person%d", i);
        assert_ok(prefs_person_add(prefs, &id, name, PREFS_ANNOTATOR, STUDY_START));
        assert_int_equal(id, i);
    }
    assert_ok(prefs_commit(prefs));
    prefs_close(prefs);
}

void study_choose(struct prefs *prefs, const struct prefs_assignment *it, int choice,
                  unsigned id, int64_t now)
{
    char name[32];
    bool again;
    struct prefs_judgement said = {.id = name,
                                   .assignment = it->id,
                                   .annotator = it->annotator,
                                   .verdict = PREFS_CHOSEN,
                                   .choice = choice};

    snprintf(name, sizeof name, "judgement-%u", id);
    assert_ok(prefs_judge(prefs, &said, now, &again));
    assert_false(again);
}

enum prefs_offer study_offer(struct prefs *prefs, int64_t person, int64_t now)
{
    struct prefs_assignment it;
    enum prefs_offer offer;

    assert_ok(prefs_next(prefs, person, now, &offer, &it));
    return offer;
}

struct prefs_assignment study_next(struct prefs *prefs, int64_t person, int64_t now)
{
    struct prefs_assignment it;
    enum prefs_offer offer;

    assert_ok(prefs_next(prefs, person, now, &offer, &it));
    assert_int_equal(offer, PREFS_GIVEN);
    assert_int_equal(it.annotator, person);
    return it;
}

static enum err count(void *self, const struct prefs_row *row)
{
    (void)row;
    ++*(int *)self;
    return OK;
}

int study_rows(struct prefs *prefs, bool standing)
{
    const struct prefs_which which = {.standing = standing};
    int n = 0;

    assert_ok(prefs_visit(prefs, &which, count, &n));
    return n;
}
