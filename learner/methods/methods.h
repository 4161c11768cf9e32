/* methods: every way to learn that there is, in one table: the learner and `drover` read it. */

#ifndef LEARNER_METHODS_METHODS_H
#define LEARNER_METHODS_METHODS_H

#include "learner/run/method.h"

/* In the order in which people read of them; NULL behind the last. */
const struct method *methods_at(size_t i);

/* By the name that is typed; NULL: there is none. */
const struct method *methods_find(const char *name);

#endif
