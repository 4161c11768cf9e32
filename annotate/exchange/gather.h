/* gather: each item of a store with all that stands of what people said about it. */

#ifndef ANNOTATE_EXCHANGE_GATHER_H
#define ANNOTATE_EXCHANGE_GATHER_H

#include "prefs/item.h"
#include "prefs/judge.h"

/* One judgement that stands; a copy, held as long as its gather is. */
struct gather_said {
    int64_t seq, annotator, at, shown_ms;
    enum prefs_why why;
    char active[PREFS_NAME_MAX];
    enum prefs_verdict verdict;
    int choice, step, strength, side, guideline;
    int n, order[PREFS_CANDIDATES_MAX]; /* of the candidates, as they were shown */
    json_t *ranking, *text, *criteria, *flags;
    char *reason, *id;
};

struct gather {
    const struct prefs_item *item;
    struct gather_said *said; /* [n] in the order in which they were written */
    size_t n;
};

/* Items in the order of adding, gold and withdrawn ones too. Errors: the store's; visit's. */
enum err gather_visit(struct prefs *prefs,
                      enum err (*visit)(void *self, const struct gather *gather),
                      void *self) MUST_CHECK;

/* Does it count as a person's view of the item? By plan, strategy or disagreement; neither
 * gold, repeats nor a reviewer's decision. */
bool gather_counts(const struct gather_said *said);
/* A reviewer's decision, the latest; NULL: none. */
const struct gather_said *gather_decision(const struct gather *gather);

#endif
