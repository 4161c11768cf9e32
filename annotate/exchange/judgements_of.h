/* judgements_of: what a store holds, as ratings reads it: rows of choices between two answers. */

#ifndef ANNOTATE_EXCHANGE_JUDGEMENTS_OF_H
#define ANNOTATE_EXCHANGE_JUDGEMENTS_OF_H

#include "ratings/judgements.h"

struct prefs;

/* Adds the rows of all pairs and trajectories to `out` (of level pairs), those taken back and
 * skips too, and what is open as asked and not answered; the caller ends it. Candidates are
 * called "0" and "1", people by their names, or pseudonyms once forgotten. *other (may be
 * NULL): judgements of other modes, which have no row. Errors: the store's; judgements_add's. */
enum err judgements_of(struct judgements *out, struct prefs *prefs, size_t *other) MUST_CHECK;

/* The same of a store at rest, ended. What has no row is said on stderr. */
enum err judgements_of_file(struct judgements *out, const char *path) MUST_CHECK;

#endif
