/* kind_worker: the command of a reward {worker: {run: COMMAND, name: NAME}}, for whoever starts
 * it. */

#ifndef REWARD_KIND_WORKER_H
#define REWARD_KIND_WORKER_H

#include <jansson.h>

/* NULL: the entry has none. *name: what the process registers as; NULL: it is no worker. */
const char *kind_worker_run(const json_t *entry, const char **name);

#endif
