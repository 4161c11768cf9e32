/* version_trace: which version was decoded at which step, from which follows what wrote an answer.
 *
 * Where versions change in between a step makes one token in every slot, so an answer's tokens are
 * those of consecutive steps. */

#ifndef ACTOR_VERSION_TRACE_H
#define ACTOR_VERSION_TRACE_H

#include "proto/noun.h"

#include <stddef.h>

struct version_trace {
    uint64_t steps; /* made so far */
    struct version_turn {
        uint64_t step; /* from here on */
        struct version version;
    } * item;
    size_t n, room;
};
void version_trace_free(struct version_trace *trace); /* what it holds */

/* From the next step on. `idle`: nothing runs, what was before is over. */
void version_trace_turn(struct version_trace *trace, const struct version *version, bool idle);

/* The runs of versions in an answer whose n-th token, the last, is made by the present step.
 * Free with free(). */
struct span *version_trace_spans(const struct version_trace *trace, uint64_t n,
                                 uint32_t *spans);

#endif
