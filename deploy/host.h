/* host: the supervisor of a machine that is not the head: actors, rewarders and workers of its
 * own file, until it is told `down`.
 *
 * Survives its broker, the head and whoever started it. What it starts, it starts by its own file:
 * orders change how many there are (orders.h). */

#ifndef DEPLOY_HOST_H
#define DEPLOY_HOST_H

#include "base/err.h"

/* In `folder` (host_file.h), with keys/supervisor.key in it; until the end. *status: to exit with.
 * Errors: the folder's (ERR_STATE: another one works in it), the key's, the loop's. */
enum err host_run(const char *folder, int *status) MUST_CHECK;

#endif
