/* top_table: the table of `drover top`: who is there. */

#ifndef CLI_TOP_TABLE_H
#define CLI_TOP_TABLE_H

#include "cli/top_lines.h"

/* The title and as many rows as there is room for; fills in view->rows, shown, first. */
void top_table_put(struct top_lines *out, const struct msg_stats *stats, struct top_view *view);

/* Of a process that died: what its machine's supervisor says of it, in `out`; false: nothing. */
bool top_table_cause(const struct msg_stats *stats, const struct msg_stats_event *event,
                     char *out, size_t room);

#endif
