/* planned: a method's iteration as a run has it: its keys from words, its defaults, its plan. */

#ifndef TESTS_LEARNER_PLANNED_H
#define TESTS_LEARNER_PLANNED_H

#include "learner/methods/fleet_keys.h"

/* A run of so many iterations (a linear schedule) over five records, one reward model. `words`: keys as they are
 * typed, between semicolons, formatted: "num_generations=3;beta=%g". What the conf points at
 * stays until the program ends. Words that are wrong end the program. */
struct iteration_conf planned(const char *method, int64_t iterations, const char *words, ...)
    __attribute__((format(printf, 3, 4)));

#endif
