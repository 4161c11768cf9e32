/* figures: how far people agree, for the admin page: kept, and made anew now and then. */

#ifndef ANNOTATE_FIGURES_H
#define ANNOTATE_FIGURES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct prefs;

/* Begins as zeros. */
struct figures {
    json_t *told; /* what agreement_tell_json says, or {"why"} where it cannot; NULL: not yet */
    uint64_t changes;       /* of the store, when it was made */
    int64_t at_ms, took_ms; /* wall clock; how long it took */
    int64_t next_ms;        /* not before this, of `mono` */
    int64_t wanted_ms;      /* somebody asked, of `mono`; 0: nobody */
};

/* Somebody looks: {"agreement", "at", "fresh"}; a new reference. */
json_t *figures_look(struct figures *figures, struct prefs *prefs, int64_t mono_ms);

/* Between requests: makes them anew if somebody looked lately, the store has changed, and that is
 * due. `idle`: nothing waits. */
void figures_tick(struct figures *figures, struct prefs *prefs, bool idle, int64_t mono_ms,
                  int64_t wall_ms);
void figures_fini(struct figures *figures);

#endif
