/* pycall: a call as Python writes it, `mv(source='a.txt', n=[1, True])`, as JSON.
 *
 * Literals only: strings in either quotes with their escapes, numbers, True, False, None,
 * lists, tuples (as lists) and dicts with string keys. Nothing is evaluated. */

#ifndef DATA_PYCALL_H
#define DATA_PYCALL_H

#include "base/err.h"

#include <jansson.h>

enum { PYCALL_BYTES_MAX = 1 << 16, PYCALL_DEPTH_MAX = 16 };

/* {"tool": name, "args": {...}}. Arguments without a name get the names of `parameters` (a
 * JSON schema's "properties", in its order), or "0", "1", ... where it is NULL. Errors:
 * ERR_PARSE with the position, ERR_RANGE (too long, too deep). */
enum err pycall_read(json_t **out, const char *text, const json_t *parameters) MUST_CHECK;

#endif
