/* active: which items of a store people should judge next, by what they have said and what a frozen
 * model makes of the answers (stats/choosing.h). */

#ifndef ANNOTATE_ACTIVE_H
#define ANNOTATE_ACTIVE_H

#include "stats/choosing.h"

struct active;
struct prefs;

struct active_conf {
    const char *model; /* whose last hidden state the features are */
    enum choosing way;
    int batch;
    double epsilon, penalty;
    uint64_t seed; /* same store, same seed: same choice */
};

struct active_told {
    size_t judged, pool, chosen; /* pairs with verdicts; without; chosen of those */
    int cut;                     /* answers that are longer than the model's context */
};

/* Reads the store's pairs and what the model makes of them, once; the model is closed again. Errors:
 * open_model_all's, the store's, ERR_RANGE (no pair; a pair whose answers the model cannot read;
 * a strategy's numbers). *out is NULL after an error. */
enum err active_open(struct active **out, struct prefs *prefs,
                     const struct active_conf *conf) MUST_CHECK;
void active_close(struct active *active); /* NULL is fine */

/* Of the pairs that nobody has judged or has open, a batch comes before all others, in the order of
 * choice, its assignments with why "active:STRATEGY" and the chance of their place. What an
 * earlier batch asked for and nobody was given is by plan again. In the open group: the caller
 * commits. Pairs that were added since active_open are not looked at. */
enum err active_choose(struct active *active, struct prefs *prefs,
                       struct active_told *told) MUST_CHECK;

#endif
