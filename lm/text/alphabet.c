/* How it works: arithmetic instead of the dictionary that GPT-2's encoder.py builds. The 68
 * bytes that are not printable get U+0100 onwards in the order of the bytes: 0 to 32, then 127
 * to 160, then 173 alone. */

#include "lm/text/alphabet.h"

#include "lm/text/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool printable(uint32_t c)
{
    return (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || (c >= 174 && c <= 255);
}

uint32_t alphabet_char(unsigned char byte)
{
    if (printable(byte))
        return byte;
    if (byte <= 32)
        return 0x100u + byte;
    if (byte <= 160)
        return 0x100u + 33 + byte - 127;
    return 0x100u + 67; /* 173, the soft hyphen */
}

/* The inverse of alphabet_char: 33 and 127 are where the two runs of unprintable bytes end and
 * begin. */
int alphabet_byte(uint32_t cp)
{
    if (cp < 0x100)
        return printable(cp) ? (int)cp : -1;
    if (cp <= 0x100 + 32)
        return (int)cp - 0x100;
    if (cp < 0x100 + 67)
        return (int)cp - 0x100 - 33 + 127;
    return cp == 0x100 + 67 ? 173 : -1;
}

size_t alphabet_write(char *out, const char *bytes, size_t n)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++)
        at += utf8_put(out + at, alphabet_char((unsigned char)bytes[i]));
    return at;
}

/* A zero is no byte of the alphabet: it would end a text early. */
size_t alphabet_read(char *out, const char *text, size_t n)
{
    size_t at = 0, bytes;
    uint32_t cp;

    for (size_t i = 0; i < n; i += bytes) {
        const int byte =
            utf8_next(text + i, n - i, &cp, &bytes) && cp != 0 ? alphabet_byte(cp) : -1;

        if (byte < 0) {
            /* Not all of it is of the alphabet: then it is nothing that was written in it, but
             * plain text. */
            memcpy(out, text, n);
            return n;
        }
        out[at++] = (char)byte;
    }
    return at;
}
