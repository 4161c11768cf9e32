/* verdict: what may be said of an item, checked, and what of it counts when two are compared. */

#ifndef PREFS_VERDICT_H
#define PREFS_VERDICT_H

#include "base/strbuf.h"
#include "prefs/judge.h"

/* Of an item of this mode with n candidates, of which the first has `steps` steps
 * (PREFS_STEPS). Errors: ERR_RANGE names what is wrong. */
enum err verdict_check(const struct prefs_judgement *said, enum prefs_mode mode, int n,
                       int steps) MUST_CHECK;

/* The view in one word, by which judgements agree: the candidate, "tie", "both_bad", the best
 * of a ranking, the wrong step; "" for what is never alike (a rewrite) or says nothing (a
 * skip). */
void verdict_view(struct strbuf *out, const struct prefs_judgement *said);

#endif
