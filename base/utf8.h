/* utf8: characters in bytes that a stranger sent (RFC 3629). */

#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at `p`, of which `n` are there; 0 if it is none, or a zero byte. */
size_t utf8_width(const uint8_t *p, size_t n);

/* Its number. `width` is what utf8_width gave, not 0. */
uint32_t utf8_code(const uint8_t *p, size_t width);

#endif
