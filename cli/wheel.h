/* wheel: one member out of a Python wheel (a zip archive). */

#ifndef CLI_WHEEL_H
#define CLI_WHEEL_H

#include "base/err.h"

/* Writes the first member whose name ends with `suffix` to `path` (old file or new one, never
 * half). Stored and deflated members, CRC checked; no zip64, no encryption. Errors: ERR_PARSE
 * (words give offset and reason), ERR_IO, ERR_STATE if there is no such member. */
enum err wheel_extract(const char *wheel, const char *suffix, const char *path) MUST_CHECK;

#endif
