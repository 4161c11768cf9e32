/* swaps: which version was decoded at which step, from which follows what wrote an answer.
 *
 * A step makes one token in every slot, so an answer's tokens are those of consecutive steps.
 */

#ifndef ACTOR_SWAPS_H
#define ACTOR_SWAPS_H

#include "proto/noun.h"

#include <stddef.h>

struct swaps {
    uint64_t steps; /* made so far */
    struct swap {
        uint64_t step; /* from here on */
        struct version version;
    } * item;
    size_t n, room;
};
void swaps_free(struct swaps *swaps); /* what it holds */

/* From the next step on. `idle`: nothing runs, what was before is over. */
void swaps_turn(struct swaps *swaps, const struct version *version, bool idle);

/* The runs of versions in an answer whose n-th token, the last, is made by the present step.
 * Free with free(). */
struct span *swaps_spans(const struct swaps *swaps, uint64_t n, uint32_t *spans);

#endif
