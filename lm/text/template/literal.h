/* literal: numbers and strings as a template writes them. */

#ifndef LM_TEXT_TEMPLATE_LITERAL_H
#define LM_TEXT_TEMPLATE_LITERAL_H

#include "lm/text/template/value.h"

/* Bytes of the number at text[at], 0 if there is none. Fails beyond 64 bits. */
size_t literal_number(struct pool *pool, const char *text, size_t n, size_t at,
                      struct value *out);

/* Bytes of the quoted string at the beginning of text. Fails where it has no end, or holds what
 * is no character. */
size_t literal_string(struct pool *pool, const char *text, size_t n, struct value *out);

/* Python's int(text, base) and float(text), blanks around allowed. False: it is no number.
 * Fails beyond 64 bits, and for a float of more digits than are read here. */
bool literal_int(struct pool *pool, const struct string *string, int base, int64_t *out);
bool literal_float(struct pool *pool, const struct string *string, double *out);

#endif
