/* staleness: what of a fleet's keys makes answers another policy's than the one that learns from them. */

#ifndef LEARNER_METHODS_STALENESS_H
#define LEARNER_METHODS_STALENESS_H

#include "lm/model/precision.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The key overlap: none, {lag: k} or {free: k}. *lag versions, *any: of them whichever comes; both stay where
 * it says none. Errors: ERR_RANGE. */
enum err staleness_overlap(uint64_t *lag, bool *any, const json_t *overlap) MUST_CHECK;

/* The key generation, of a run that computes so: whether answers are written in int8, coarser than what
 * learns. Errors: ERR_RANGE. */
enum err staleness_generation(bool *answers_int8, const char *generation,
                              enum precision compute) MUST_CHECK;

#endif
