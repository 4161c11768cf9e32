/* shown: an assignment as the page gets it: places, not candidates; no model, no gold, no why. */

#ifndef ANNOTATE_SHOWN_H
#define ANNOTATE_SHOWN_H

#include "prefs/assign.h"
#include "prefs/item.h"

/* Text, messages or steps of a prompt or an answer: {"kind", ...} with raw text and HTML of each
 * part. A new reference. */
json_t *shown_content(const json_t *content);

/* {"id", "mode", "prompt", "places": [content], "expires"}. */
json_t *shown_assignment(const struct prefs_item *item,
                         const struct prefs_assignment *assignment);

#endif
