/* serve_fleet: what `drover serve broker=` serves: the policy that a fleet trains, version by version. */

#ifndef CLI_SERVE_FLEET_H
#define CLI_SERVE_FLEET_H

#include "lm/file/open_model.h"
#include "serve/serve.h"

#include <signal.h>

struct serve_fleet_conf {
    char *broker, *key, *ticket_file; /* follow_conf's */
    /* Serves `loaded`, whose weights are *first's (which it takes) and then the source's, until *end
     * is not 0; at once when it is 2. */
    enum err (*serve)(void *self, struct open_model *loaded, const struct edition_conf *first,
                      const struct serve_source *source, const volatile sig_atomic_t *end);
    void *self;
};

/* Joins, waits for a first version, serves, leaves. Errors: follow_run's, serve's, ERR_RANGE (no
 * language model), ERR_PARSE (weights that are none). */
enum err serve_fleet(const struct serve_fleet_conf *conf) MUST_CHECK;

#endif
