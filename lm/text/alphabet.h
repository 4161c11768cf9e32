/* alphabet: GPT-2's way to write any byte as a printable character.
 *
 * The 188 bytes 33..126, 161..172 and 174..255 stand for themselves; the other 68 are
 * U+0100, U+0101, ... in order (openai/gpt-2 encoder.py, bytes_to_unicode). */

#ifndef LM_TEXT_ALPHABET_H
#define LM_TEXT_ALPHABET_H

#include <stddef.h>
#include <stdint.h>

uint32_t alphabet_char(unsigned char byte);

/* The byte a character stands for, or -1. */
int alphabet_byte(uint32_t cp);

/* Bytes to text; `out` holds 2 n bytes. Returns the length. */
size_t alphabet_write(char *out, const char *bytes, size_t n);

/* Text to bytes, `out` holds n. A text with a character that stands for no byte is copied as
 * it is, as Hugging Face's ByteLevel decoder does. Returns the length. */
size_t alphabet_read(char *out, const char *text, size_t n);

#endif
