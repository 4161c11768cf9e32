/* method: what a way to learn is, as one row: what people read of it, its keys, who runs it.
 *
 * A method's file in learner/methods/ defines one, and methods.c lists them all. Its struct
 * holds its keys and what follows from them; it begins with a struct keys (learner/run/keys.h),
 * over a fleet with a struct fleet_keys (learner/methods/fleet_keys.h). */

#ifndef LEARNER_RUN_METHOD_H
#define LEARNER_RUN_METHOD_H

#include "base/conf.h"

struct prepare;
struct fleet_plan;

struct method {
    const char *name;                     /* as it is typed */
    const char *help;                     /* one line for those who look for it */
    const struct conf_key *const *tables; /* NULL-ended; its own first: their defaults win */
    size_t size;                          /* of its struct */

    /* From files, in one process (learner/offline/prepare.h), or NULL: says what it is, once
     * `self` has been read. Errors: any, in words for the user. */
    enum err (*check)(void *self, struct prepare *out);
    void (*close)(void *self); /* frees what the run has put there; NULL: nothing */

    /* Over a fleet (learner/methods/fleet_keys.h), or NULL: what its own keys mean. Errors:
     * ERR_PARSE, ERR_RANGE naming the key. */
    enum err (*plan)(void *self, struct fleet_plan *out);
    /* Once the number of records is known; may be NULL. Errors as plan's. */
    enum err (*length)(void *self, struct fleet_plan *out, size_t rows);
    const char *score, *divergence; /* metrics for the line that people read */
    bool demonstrations; /* records have answers, which are trained beside the policy's; there
                            need be no reward */
};

#endif
