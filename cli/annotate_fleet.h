/* annotate_fleet: what `drover annotate broker=` has people judge: the pairs that a fleet's run sends.
 *
 * Pairs become items of the store, judgements go back from its outbox. The store is the computing
 * thread's alone, which serves the page and calls annotate_fleet_turn between requests. */

#ifndef CLI_ANNOTATE_FLEET_H
#define CLI_ANNOTATE_FLEET_H

#include "annotate/conf.h"
#include "base/err.h"
#include "deploy/endpoint.h"

#include <signal.h>

struct annotate_fleet;

struct annotate_fleet_conf {
    struct prefs *prefs; /* borrowed, open for writing */
    /* Where it is dialled, and with which key: `broker` with `key` or `ticket_file`; or `run`, whose
     * folder knows both. */
    const struct endpoint_options *fleet;
    char *ticket_file;
    /* Serves until *end is not 0. */
    enum err (*serve)(void *self, struct annotate_fleet *fleet,
                      const volatile sig_atomic_t *end);
    void *self;
};

/* Joins, serves, leaves. Errors: pairs_run's, serve's, endpoint_read's. */
enum err annotate_fleet_run(const struct annotate_fleet_conf *conf) MUST_CHECK;

/* What has come goes into the store and is durable before the run hears of it; what people said since
 * is laid down to be sent. A disk that refuses is said, and tried again at the next turn. */
void annotate_fleet_turn(struct annotate_fleet *fleet, int64_t now);

/* Filled by each turn. */
const struct annotate_run *annotate_fleet_told(const struct annotate_fleet *fleet);

#endif
