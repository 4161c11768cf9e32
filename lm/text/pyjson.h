/* pyjson: JSON as Python's json.dumps(ensure_ascii=False) writes it, which is what `tojson`
 * means in a chat template: ", " and ": ", insertion order, the shortest number that reads
 * back.
 */

#ifndef LM_TEXT_PYJSON_H
#define LM_TEXT_PYJSON_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

/* indent 0: on one line. *out is zero-terminated; free() it. Errors: ERR_RANGE (nested deeper
 * than 64). */
enum err pyjson_write(const json_t *value, int indent, char **out, size_t *n) MUST_CHECK;

#endif
