/* metrics_page: a snapshot as Prometheus reads it, and as JSON for whoever scales a fleet. */

#ifndef CLI_METRICS_PAGE_H
#define CLI_METRICS_PAGE_H

#include "base/strbuf.h"
#include "proto/msg_stats.h"

/* Prometheus' text format (0.0.4), metrics of `drover_…`, each with HELP and TYPE; labels are role,
 * host, run and reason. `stats` NULL: there is none now, and only drover_up, 0, is told. */
void metrics_page(struct strbuf *out, const struct msg_stats *stats, const struct id *run);

/* {"step","scale":{"actors","actors_wanted"},"hosts":[…], …}. */
void metrics_page_json(struct strbuf *out, const struct msg_stats *stats);

#endif
