/* study: what is asked beside the verdict, and what the first page says: one note in the store.
 *
 *   strength   true: how much better, 1 to 3        reasons   true: why, in words
 *   criteria   list of names, each scored 1 to 5    purpose   Markdown of the first page; ""
 */

#ifndef ANNOTATE_STUDY_H
#define ANNOTATE_STUDY_H

#include "base/err.h"

#include <jansson.h>

struct prefs;

enum { STUDY_CRITERIA_MAX = 12, STUDY_NAME_MAX = 64 };

/* All four members, with what is usual (reasons true) where the store says nothing; a new
 * reference. */
enum err study_read(json_t **out, struct prefs *prefs) MUST_CHECK;

/* Puts the members of `change` (any of the four) over what is there. Errors: ERR_RANGE names the
 * member that cannot be. */
enum err study_change(struct prefs *prefs, const json_t *change) MUST_CHECK;

#endif
