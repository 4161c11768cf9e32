/* log: one logfmt line per event on stderr.
 *
 *     level=info proc=actor event=ready slots=8
 *
 * `event` is a fixed word, never a sentence; numbers that change go to the
 * statistics, not here. Safe from any thread. */

#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

/* Names the process in each line; `process` must live as long as the process. */
void log_open(const char *process);

/* "debug", "info", "warn" or "error": what is below it is not written.
 * Errors: ERR_RANGE for any other word. */
enum err log_level(const char *level) MUST_CHECK;

void log_debug(const char *event, const char *fmt, ...) PRINTF(2, 3);
void log_info(const char *event, const char *fmt, ...) PRINTF(2, 3);
void log_warn(const char *event, const char *fmt, ...) PRINTF(2, 3);
void log_error(const char *event, const char *fmt, ...) PRINTF(2, 3);

#endif
