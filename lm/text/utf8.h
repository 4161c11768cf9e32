/* utf8: bytes to characters, strictly (RFC 3629; Unicode 14, table 3-7).
 *
 * Surrogates, overlong forms and what lies above U+10FFFF are not UTF-8. */

#ifndef LM_TEXT_UTF8_H
#define LM_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One character from text[0..n), n > 0: *cp and its bytes. A bad sequence gives false and, in
 * *bytes, the length of its maximal well-formed part (at least 1): what one U+FFFD replaces in
 * Rust's from_utf8_lossy and in Python's errors="replace". */
bool utf8_next(const char *text, size_t n, uint32_t *cp, size_t *bytes);

/* Bytes written (1..4); cp must be a scalar value. */
size_t utf8_put(char out[4], uint32_t cp);

bool utf8_valid(const char *text, size_t n);

/* A copy with U+FFFD for what is bad; free() it. *m is its length, and a zero follows. */
char *utf8_lossy(const char *text, size_t n, size_t *m);

/* Unicode's White_Space, as Rust's char::is_whitespace has it. */
bool utf8_space(uint32_t cp);

#endif
