/* report: one self-contained HTML page about a run: curves and samples, nothing fetched, no
 * script.
 *
 * Reads what the run wrote: metrics.jsonl (a chart for every number in it, those people look
 * for first) and samples.jsonl (answers before and after, side by side). */

#ifndef LEARNER_RUN_REPORT_H
#define LEARNER_RUN_REPORT_H

#include "base/err.h"

#include <jansson.h>

/* Writes output_dir/report.html. `title` is shown; `processes` is process_stats_json's list, or NULL. A
 * missing samples.jsonl is fine.
 * Errors: ERR_IO, ERR_PARSE (names file and line). */
enum err report_write(const char *output_dir, const char *title,
                      const json_t *processes) MUST_CHECK;

#endif
