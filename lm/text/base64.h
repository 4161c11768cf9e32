/* base64: bytes as text of JSON (RFC 4648, section 4, padded). */

#ifndef LM_TEXT_BASE64_H
#define LM_TEXT_BASE64_H

#include "base/err.h"

#include <stddef.h>

/* Free *out with free(). Errors: ERR_PARSE (a letter that is none, a length that is no multiple
 * of four). */
enum err base64_read(unsigned char **out, size_t *n, const char *text, size_t m) MUST_CHECK;

/* Zero-terminated; free with free(). */
char *base64_write(const unsigned char *bytes, size_t n);

#endif
