/* log_bound: a process's log that grows for months does not fill its machine's disk.
 *
 * For files that only their writers append to (O_APPEND), by descriptors that stay open. */

#ifndef DEPLOY_LOG_BOUND_H
#define DEPLOY_LOG_BOUND_H

#include <stdbool.h>
#include <sys/types.h>

enum { LOG_BOUND_MAX = 64 << 20, LOG_BOUND_KEPT = 4 << 20 }; /* bytes */

/* A log above LOG_BOUND_MAX begins anew; its newest whole lines, at most LOG_BOUND_KEPT of them, are
 * in `path`.1 then, in the place of what was there. True: that was done, *lost is how many bytes are
 * nowhere any more. What cannot be kept is lost too: the disk may be full, which this is against. */
bool log_bound(const char *path, off_t *lost);

#endif
