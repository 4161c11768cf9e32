/* world_make: the demo's world on disk: a model from nothing, demonstrations, pairs, prompts.
 */

#ifndef EXAMPLES_WORLD_MAKE_H
#define EXAMPLES_WORLD_MAKE_H

#include "base/err.h"

struct world_plan {
    const char *dir;
    double seed;
    int demonstrations, pairs; /* rows of sft.jsonl and pairs.jsonl */
    int train, heldout;        /* questions in prompts.jsonl and heldout.jsonl; disjoint */
    int layers, width, heads, context;
};

/* Writes dir/{model/, sft.jsonl, pairs.jsonl, prompts.jsonl, heldout.jsonl} and prints how far
 * the simulated annotators agree. Errors: ERR_RANGE, ERR_IO. */
enum err world_make(const struct world_plan *plan) MUST_CHECK;

#endif
