/* plain: trajectories for models whose template has no place for tools: calls as text.
 *
 * An assistant's calls become the compact form (data/calls.h) at the end of its words; tool
 * turns keep their role and words; the functions become the end of the system's words, one JSON
 * schema a line. */

#ifndef DATA_PLAIN_H
#define DATA_PLAIN_H

#include "base/err.h"

#include <jansson.h>

/* A copy of the record without tool_calls and tools. Errors: ERR_PARSE names the call that
 * cannot be read. */
enum err plain_record(json_t **out, const json_t *row) MUST_CHECK;

#endif
