/* unicode16: characters that got their general category after Unicode 14.
 *
 * Hugging Face's wheels carry Oniguruma with Unicode 16, Debian 12's PCRE2 has Unicode 14; made
 * by comparing the two over all code points. A later PCRE2 has these by itself: harmless. */

#ifndef LM_TEXT_UNICODE16_H
#define LM_TEXT_UNICODE16_H

#include <stddef.h>

enum { UNICODE16_BYTES_MAX = 2048 };

/* Writes the ranges that a property ("L", "Nd", "Han") lacks as parts of a PCRE2 class; returns
 * how many bytes, 0 if it lacks none. */
size_t unicode16_since14(const char *property, size_t n, char *out, size_t room);

#endif
