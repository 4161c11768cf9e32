/* item_count: what follows for an item from its assignments: what it has, what it still needs. */

#ifndef PREFS_ITEM_COUNT_H
#define PREFS_ITEM_COUNT_H

#include "prefs/prefs.h"

enum { ITEM_COUNT_ONE_VIEW, ITEM_COUNT_MOST, ITEM_COUNT_EVEN }; /* split */

struct item_count {
    int64_t planned,
        judged; /* by plan or a strategy: that somebody has or has judged; judged */
    int64_t extra, extra_judged;
    int64_t asked; /* extra ones that were asked for so far */
    int64_t need;  /* that may be given out now */
    bool late;     /* of those asked for, not of those planned */
    int split; /* views of those who judged: one; most share one; none is shared by most. Only
                  once all that is planned is judged */
    bool adjudicated;
};

/* Counts and writes it into the item's row. ask: one more is asked for if people differ and
 * all that was asked for is judged. *out may be NULL. Within sql_begin. */
enum err item_count(struct prefs *prefs, int64_t item, bool ask,
                    struct item_count *out) MUST_CHECK;
/* The same of what the row says, for checks: nothing is written. */
enum err item_count_look(struct prefs *prefs, int64_t item, struct item_count *out) MUST_CHECK;
/* Of every item, after the settings have changed. */
enum err item_count_all(struct prefs *prefs) MUST_CHECK;

#endif
