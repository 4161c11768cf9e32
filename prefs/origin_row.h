/* origin_row: writing an item's origin, for the files of this room. */

#ifndef PREFS_ORIGIN_ROW_H
#define PREFS_ORIGIN_ROW_H

#include "prefs/prefs.h"

struct prefs_origin;

/* Within the call that adds the item. The same again is fine. Errors: ERR_RANGE (a number that
 * cannot be), ERR_STATE (the item, or the pair, is there with another). */
enum err origin_row_write(struct prefs *prefs, int64_t item,
                          const struct prefs_origin *origin) MUST_CHECK;

#endif
