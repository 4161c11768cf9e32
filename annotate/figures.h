/* figures: how far people agree, for the admin page: kept, and made anew now and then. */

#ifndef ANNOTATE_FIGURES_H
#define ANNOTATE_FIGURES_H

#include "annotate/figures_child.h"

struct prefs;
struct figures_rows;

/* Begins as zeros. */
struct figures {
    json_t *told; /* what `drover agreement` says, or {"why"} where it cannot; NULL: not yet */
    uint64_t changes;          /* of the store, when it was made */
    int64_t at_ms;             /* wall clock: of what the store held then */
    int64_t next_ms;           /* not before this, of `mono` */
    int64_t wanted_ms;         /* somebody asked, of `mono`; 0: nobody */
    struct figures_rows *rows; /* being gathered; NULL: none */
    struct figures_child child;
    int64_t begun_ms, begun_wall_ms; /* of those that are on their way */
    uint64_t begun_changes;
};

/* Somebody looks: {"agreement", "at", "fresh"}; a new reference. */
json_t *figures_look(struct figures *figures, struct prefs *prefs, int64_t mono_ms);

/* Between requests: begins them if somebody looked lately, the store has changed, and that is
 * due; takes those that have begun a few ms further. `program`: the path of drover. `idle`:
 * nothing waits. */
void figures_tick(struct figures *figures, struct prefs *prefs, const char *program, bool idle,
                  int64_t mono_ms, int64_t wall_ms);
/* Is there work to go on with at once? */
bool figures_busy(const struct figures *figures);
void figures_fini(struct figures *figures);

#endif
