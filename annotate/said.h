/* said: a judgement as the page says it: of places, which become candidates. */

#ifndef ANNOTATE_SAID_H
#define ANNOTATE_SAID_H

#include "prefs/judge.h"

/* Of the object {"id", "verdict", and with it "place" | "ranking" | "step" | "text", optionally
 * "strength", "criteria" ([{name: 1..5}], one a place), "reason", "flags", "shown_ms"} a judgement
 * for an assignment. *out borrows from `body` and *own, which the caller releases after its use.
 * Errors: ERR_PARSE names the member. What the store checks (ranges of scores, which verdict a mode
 * has) is left to it. */
enum err said_read(const json_t *body, const struct prefs_assignment *assignment,
                   struct prefs_judgement *out, json_t **own) MUST_CHECK;

#endif
