/* stats: snapshots from a broker's dashboard socket, and how they read. */

#ifndef CLI_STATS_H
#define CLI_STATS_H

#include "cli/fleet.h"
#include "proto/msg.h"

struct stats;

/* Subscribes. Errors: ERR_RANGE (endpoint), ERR_IO. */
enum err stats_open(struct stats **out, const struct fleet *fleet) MUST_CHECK;
void stats_close(struct stats *stats); /* NULL is fine */

/* The next snapshot, valid until the next call. *got is false after `timeout_ms` without one.
 */
enum err stats_next(struct stats *stats, const struct msg_stats **out, int timeout_ms,
                    bool *got) MUST_CHECK;

enum { STATS_LINES = 256, STATS_WIDTH = 160 };

/* A snapshot as lines of text; returns how many. */
int stats_lines(const struct msg_stats *stats, char line[STATS_LINES][STATS_WIDTH]);

#endif
