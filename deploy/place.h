/* place: how many actors each machine of a fleet should have. Pure. */

#ifndef DEPLOY_PLACE_H
#define DEPLOY_PLACE_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum { PLACE_HOSTS = 256, PLACE_NAME = 80 };

struct placing {
    struct place_host {
        char name[PLACE_NAME];
        int cores, actors; /* cores 0: it does not say; actors: there now */
        double rate;       /* tokens a second of all its actors, 0: none measured */
        int wanted;        /* what place_spread found */
    } host[PLACE_HOSTS];
    int n;
};

/* Out of the broker's answer to the order `hosts`: machines with a supervisor. Errors: ERR_PARSE. */
enum err place_read(struct placing *out, const char *hosts) MUST_CHECK;

/* Spreads `n` actors by measured rate, by cores where none was measured; at most one a core unless
 * `force`. Errors: ERR_RANGE: there are not so many cores; ERR_STATE: no machine. */
enum err place_spread(struct placing *place, int n, bool force) MUST_CHECK;

#endif
