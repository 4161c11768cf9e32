/* stats: snapshots from a broker's dashboard socket, and how they read. */

#ifndef CLI_SNAPSHOT_H
#define CLI_SNAPSHOT_H

#include "deploy/endpoint.h"
#include "proto/msg.h"

struct snapshots;

/* Subscribes. Errors: ERR_RANGE (endpoint), ERR_IO. */
enum err snapshot_open(struct snapshots **out, const struct endpoint *fleet) MUST_CHECK;
/* Closes it and subscribes anew, with the key file as it is now; *out is NULL after an error. Takes
 * seconds where nobody answers. Errors: snapshot_open's, the key's. */
enum err snapshot_again(struct snapshots **out, struct endpoint *fleet) MUST_CHECK;
void snapshot_close(struct snapshots *stats); /* NULL is fine */

/* The next snapshot, valid until another frame comes: then *out is that, or NULL if it is none. *got is false after `timeout_ms` without one.
 */
enum err snapshot_next(struct snapshots *stats, const struct msg_stats **out, int timeout_ms,
                       bool *got) MUST_CHECK;

/* Of the snapshot that is valid now: the run it is about; zeros: none. */
const struct id *snapshot_run(const struct snapshots *stats);

enum { SNAPSHOT_LINES = 256, SNAPSHOT_WIDTH = 160 };

/* A snapshot as lines of text; returns how many. */
int snapshot_lines(const struct msg_stats *stats, char line[SNAPSHOT_LINES][SNAPSHOT_WIDTH]);

#endif
