/* log_piece: a part of a process's log, as an answer to an order. */

#ifndef DEPLOY_LOG_PIECE_H
#define DEPLOY_LOG_PIECE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOG_PIECE = 5 << 10 }; /* all of it as \u00XX is still an answer (MAX_JSON / 2) */

/* *out: JSON {"text", "to", "left"}: behind byte `from` if `follow`, else the last `lines` lines;
 * at most LOG_PIECE bytes, cut at lines where there are any, `to` the byte to go on from, `left`
 * how many are left. A log that was emptied is read from its start again. Free it. Errors: ERR_IO. */
enum err log_piece(char **out, const char *path, bool follow, int64_t from,
                   int lines) MUST_CHECK;

#endif
