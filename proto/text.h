/* text: what may travel as text: UTF-8 (RFC 3629) without zero bytes. */

#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

bool text_valid(const char *text, size_t n);

/* snprintf, whose words may go into a message and before people: printable (base/printable.h),
 * and what does not fit is cut between characters, never within one. Returns
 * the bytes that are there. */
size_t text_print(char *to, size_t room, const char *fmt, ...) PRINTF(3, 4);

/* A copy that is valid: each byte that is not becomes U+FFFD; heap, free(). What a model writes
 * may be half a character: it goes through here before it goes into a message. */
char *text_clean(const char *text, size_t n);

#endif
