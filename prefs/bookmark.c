/* A person who is ahead of the others has had thousands of items that others still need; to
 * step over them at each request takes longer than all else. So each person has a place in the
 * order, before which nothing is left for him. It stays true by what moves: an item that comes
 * to stand before somebody's place, and that he has not had, is noted with him (`waiting`). More
 * of them than there is room for, and he begins anew: with many people at work, who make many
 * such moves, the items that are begun are few, and the way from the beginning is short.
 *
 * * One table by the person's number: who meets another in his slot begins anew. */

#include "prefs/bookmark.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

enum { SLOTS = 1024 };

struct bookmarks {
    struct bookmark slot[SLOTS];
    bool touched; /* since the mark */
};

const struct bookmark_key bookmark_first = {.priority = INFINITY};
const struct bookmark_key bookmark_last = {.priority = -INFINITY};

struct bookmarks *bookmark_new(void)
{
    return mem_new(1, sizeof(struct bookmarks));
}

void bookmark_free(struct bookmarks *bookmarks)
{
    free(bookmarks);
}

static void begin(struct bookmark *bookmark)
{
    bookmark->from = bookmark_first;
    bookmark->waiting_n = 0;
}

struct bookmark *bookmark_of(struct bookmarks *bookmarks, int64_t person)
{
    struct bookmark *const one = &bookmarks->slot[(uint64_t)person % SLOTS];

    if (one->person != person) {
        one->person = person;
        begin(one);
    }
    bookmarks->touched = true; /* whoever asks moves it, by what is not durable yet */
    return one;
}

bool bookmark_before(const struct bookmark_key *a, const struct bookmark_key *b)
{
    if (a->priority < b->priority || a->priority > b->priority)
        return a->priority > b->priority;
    if (a->late != b->late)
        return a->late < b->late;
    return a->need != b->need ? a->need < b->need : a->id < b->id;
}

static bool is_in(const int64_t *list, size_t n, int64_t what)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == what)
            return true;
    return false;
}

void bookmark_moved(struct bookmarks *bookmarks, const struct bookmark_key *key,
                    const int64_t *had, size_t n)
{
    bookmarks->touched = true;
    for (size_t i = 0; i < SLOTS; i++) {
        struct bookmark *const one = &bookmarks->slot[i];
        if (!one->person || !bookmark_before(key, &one->from) || is_in(had, n, one->person) ||
            is_in(one->waiting, (size_t)one->waiting_n, key->id))
            continue;
        if (one->waiting_n == BOOKMARK_WAITING)
            begin(one);
        else
            one->waiting[one->waiting_n++] = key->id;
    }
}

void bookmark_forget(struct bookmarks *bookmarks)
{
    for (size_t i = 0; i < SLOTS; i++)
        begin(&bookmarks->slot[i]);
    bookmarks->touched = false;
}

void bookmark_mark(struct bookmarks *bookmarks)
{
    bookmarks->touched = false;
}

/* Not one by one: a call that fails after it changed something is rare, and what was refused
 * before it changed anything costs nobody his place. */
void bookmark_back(struct bookmarks *bookmarks)
{
    if (bookmarks->touched)
        bookmark_forget(bookmarks);
}
