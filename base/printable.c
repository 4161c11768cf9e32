/* How: character by character; each becomes itself or an escape of at most 10 bytes. */

#include "base/printable.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ESCAPE = 12 };

/* Characters that act instead of being seen. */
static bool acts(uint32_t code)
{
    static const uint32_t range[][2] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c},
        {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };

    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (code >= range[i][0] && code <= range[i][1])
            return true;
    return false;
}

/* C's spelling, the shortest that says it. */
static size_t escape(char *to, uint32_t code)
{
    const char *const letter = code == '\n'   ? "\\n"
                               : code == '\t' ? "\\t"
                               : code == '\r' ? "\\r"
                                              : NULL;

    return (size_t)(letter           ? snprintf(to, ESCAPE, "%s", letter)
                    : code <= 0x7f   ? snprintf(to, ESCAPE, "\\x%02x", (unsigned)code)
                    : code <= 0xffff ? snprintf(to, ESCAPE, "\\u%04x", (unsigned)code)
                                     : snprintf(to, ESCAPE, "\\U%08x", (unsigned)code));
}

/* Writes what the character at `p` becomes; *used: its bytes. */
static size_t one(char *to, const uint8_t *p, size_t n, unsigned how, size_t *used)
{
    const size_t width = utf8_width(p, n);
    const uint32_t code = width ? utf8_code(p, width) : 0;

    *used = width ? width : 1;
    if (!width)
        return (size_t)snprintf(to, ESCAPE, "\\x%02x", *p);
    if ((how & PRINTABLE_QUOTED) && (code == '"' || code == '\\')) {
        to[0] = '\\';
        to[1] = (char)code;
        return 2;
    }
    if (acts(code) && !((how & PRINTABLE_LINES) && (code == '\n' || code == '\t')))
        return escape(to, code);
    memcpy(to, p, width);
    return width;
}

/* `whole` lags behind `at`: when room ends, text is cut back to there so that "..." fits, and
 * never inside a character or an escape. */
size_t printable(char *out, size_t room, const char *text, size_t n, unsigned how)
{
    size_t at = 0, whole = 0; /* whole: up to where "..." still fits behind */

    for (size_t i = 0, used; i < n; i += used) {
        char to[ESCAPE];
        const size_t wide = one(to, (const uint8_t *)text + i, n - i, how, &used);
        if (at + wide >= room && (how & PRINTABLE_CUT))
            break;
        if (at + wide >= room) {
            memcpy(out + whole, "...", 3);
            at = whole + 3;
            break;
        }
        memcpy(out + at, to, wide);
        at += wide;
        if (at + 3 < room)
            whole = at;
    }
    out[at] = 0;
    return at;
}

void printable_copy(char *out, size_t room, const char *text)
{
    printable(out, room, text, strlen(text), PRINTABLE_LINE);
}
