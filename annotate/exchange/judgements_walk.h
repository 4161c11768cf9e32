/* judgements_walk: the rows that judgements_of gives, an item at a time. */

#ifndef ANNOTATE_EXCHANGE_JUDGEMENTS_WALK_H
#define ANNOTATE_EXCHANGE_JUDGEMENTS_WALK_H

#include "ratings/judgements.h"

struct prefs;
struct judgements_walk;

/* Each row goes to `take`, which borrows it. The store (borrowed) must not change on the way: a
 * reader between prefs_reader_begin and _end. */
struct judgements_walk *
judgements_walk_new(struct prefs *prefs,
                    enum err (*take)(void *self, const struct judgements_said *said),
                    void *self) __attribute__((returns_nonnull));
/* One item further. *more: there was one. Errors: the store's; take's. */
enum err judgements_walk_on(struct judgements_walk *walk, bool *more) MUST_CHECK;
/* Judgements of other modes so far, which have no row. */
size_t judgements_walk_other(const struct judgements_walk *walk);
void judgements_walk_free(struct judgements_walk *walk); /* NULL is fine */

#endif
