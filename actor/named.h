/* named: the versions that open tasks name, as the broker said last (HB, WELCOME). They are
 * fetched before a lease of them comes, and kept while they are named. */

#ifndef ACTOR_NAMED_H
#define ACTOR_NAMED_H

#include "proto/limit.h"

#include <stdbool.h>

struct actor_weights;

struct named_versions {
    struct version version[MAX_LIVE];
    uint32_t n;
};

/* The whole list each time; what of it is not here is wanted from now on. */
void named_take(struct named_versions *named, const struct version *version, uint32_t n,
                struct actor_weights *weights);
bool named_has(const struct named_versions *named, const struct version *version);

#endif
