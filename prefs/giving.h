/* giving: an assignment written for somebody whoever he is, for what was judged elsewhere. */

#ifndef PREFS_GIVING_H
#define PREFS_GIVING_H

#include "prefs/assign.h"

/* order: as it was shown, or NULL. Errors: ERR_RANGE (no such item or person), ERR_STATE (the
 * person has the item). */
enum err giving_record(struct prefs *prefs, int64_t annotator, int64_t item, enum prefs_why why,
                       const int *order, int64_t at, struct prefs_assignment *out) MUST_CHECK;

#endif
