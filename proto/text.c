#include "proto/text.h"

#include "base/mem.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the character at `p`, of which `n` are there; 0 if it is none. */
static size_t width(const uint8_t *p, size_t n)
{
    size_t w;
    uint32_t code;

    if (p[0] >= 1 && p[0] < 0x80)
        return 1;
    w = p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : 4;
    if (p[0] < 0xc2 || p[0] > 0xf4 || w > n)
        return 0;
    code = p[0] & (0x7fu >> w);
    for (size_t i = 1; i < w; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    if ((w == 3 && code < 0x800) || (w == 4 && (code < 0x10000 || code > 0x10ffff)) ||
        (code >= 0xd800 && code < 0xe000))
        return 0;
    return w;
}

bool text_valid(const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        const size_t w = width((const uint8_t *)text + i, n - i);
        if (!w)
            return false;
        i += w;
    }
    return true;
}

char *text_clean(const char *text, size_t n)
{
    char *const out = mem_new(3 * n + 1, 1);
    size_t at = 0;

    for (size_t i = 0; i < n;) {
        const size_t w = width((const uint8_t *)text + i, n - i);
        memcpy(out + at, w ? text + i : "\xef\xbf\xbd", w ? w : 3);
        at += w ? w : 3;
        i += w ? w : 1;
    }
    return out;
}
