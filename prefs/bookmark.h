/* bookmark: where in the order of what is needed a person stands, so that the next item is not
 * looked for among all that he has had.
 *
 * The order is that of the index item_need. In memory alone, of the writer; nothing of it is
 * believed longer than it is sure: what is not known is looked for from the beginning. */

#ifndef PREFS_BOOKMARK_H
#define PREFS_BOOKMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in the order: a higher priority first, then what is less of the rest. */
struct bookmark_key {
    double priority;
    int64_t late, need, id;
};

enum { BOOKMARK_WAITING = 16 };

/* Every item that is needed and stands before `from` was given to this person, but those of
 * `waiting`, of which some may not be needed any more. */
struct bookmark {
    int64_t person; /* 0: nobody's */
    struct bookmark_key from;
    int waiting_n;
    int64_t waiting[BOOKMARK_WAITING];
};

struct bookmarks; /* of all people */

struct bookmarks *bookmark_new(void);
void bookmark_free(struct bookmarks *bookmarks); /* NULL is fine */

/* Never NULL; one that was not known stands before everything. Valid until another is asked
 * for. */
struct bookmark *bookmark_of(struct bookmarks *bookmarks, int64_t person);
/* a stands before b. */
bool bookmark_before(const struct bookmark_key *a, const struct bookmark_key *b);
/* Before and behind all items. */
extern const struct bookmark_key bookmark_first, bookmark_last;

/* An item that is needed stands at `key` now; `had` [n] are the people who were given it. */
void bookmark_moved(struct bookmarks *bookmarks, const struct bookmark_key *key,
                    const int64_t *had, size_t n);
/* Everybody begins anew. */
void bookmark_forget(struct bookmarks *bookmarks);
/* The same, if anything was asked or has moved since the last mark: it was taken back. */
void bookmark_back(struct bookmarks *bookmarks);
void bookmark_mark(struct bookmarks *bookmarks);

#endif
