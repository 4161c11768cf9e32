/* amount: how much memory, as a person writes it. */

#ifndef BASE_AMOUNT_H
#define BASE_AMOUNT_H

#include "base/err.h"

#include <stddef.h>

/* "6GB", "512 MiB", "2e9" in bytes. Errors: ERR_PARSE. */
enum err amount_parse(size_t *out, const char *text) MUST_CHECK;

#endif
