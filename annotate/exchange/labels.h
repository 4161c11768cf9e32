/* labels: what an item's judgements come to as training labels.
 *
 *   each       a label a judgement, weight 1/judgements of the item: where people differ, the loss
 *              sees both views at their shares
 *   majority   one label an item: the view that more people share than any other; where none is, no
 *              label, counted; a reviewer's decision stands for the item
 *   consensus  one label an item: what is most likely true by Dawid and Skene's model, which weighs
 *              people by how reliable they seem; at least 3 judgements an item on average
 *
 * A ranking is its pairs of candidates, which share its weight. */

#ifndef ANNOTATE_EXCHANGE_LABELS_H
#define ANNOTATE_EXCHANGE_LABELS_H

#include "annotate/exchange/gather.h"

enum labels_how { LABELS_EACH, LABELS_MAJORITY, LABELS_CONSENSUS, LABELS_HOWS };
/* "each", "majority", "consensus". */
extern const char *const labels_words[LABELS_HOWS + 1];

/* One label. */
struct labels_one {
    enum prefs_verdict
        verdict; /* PREFS_CHOSEN, PREFS_TIE, PREFS_BOTH_BAD; PREFS_STEP; PREFS_REWRITTEN */
    int better, worse; /* candidates; of a tie and of both bad: the two */
    int step;
    double weight;                  /* of an item's labels together: 1 */
    const struct gather_said *said; /* whose it is; NULL: an item's */
};

struct labels {
    struct labels_one *one;
    size_t n, room;
    size_t undecided; /* pairs, or items, that got no label because people tie */
    size_t decided;   /* items whose label is a reviewer's */
};
void labels_free(struct labels *labels);

struct labels_model;
/* For consensus: fits the store first. Errors: ERR_RANGE (fewer than 3 judgements an item on
 * average: the words say how many there are). *out is NULL for the other two. */
enum err labels_fit(struct labels_model **out, struct prefs *prefs,
                    enum labels_how how) MUST_CHECK;
void labels_model_free(struct labels_model *model); /* NULL is fine */

/* The labels of one item, instead of those before; to be called for every item in the order of
 * gather_visit. Gold questions have none. Errors: ERR_RANGE (consensus of what is no pair). */
enum err labels_of(struct labels *out, const struct gather *gather, enum labels_how how,
                   struct labels_model *model) MUST_CHECK;

#endif
