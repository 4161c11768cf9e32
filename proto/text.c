#include "proto/text.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the character at `p`, of which `n` are there; 0 if it is none. RFC 3629 §4: what
 * the first byte allows the second to be rules out overlong forms, surrogates and the rest. */
static size_t width(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t first, last, low, high, width;
    } row[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t r = 0; r < sizeof row / sizeof *row; r++) {
        const size_t w = row[r].width;
        if (p[0] < row[r].first || p[0] > row[r].last)
            continue;
        if (w > n || (w > 1 && (p[1] < row[r].low || p[1] > row[r].high)))
            return 0;
        for (size_t i = 2; i < w; i++)
            if ((p[i] & 0xc0) != 0x80)
                return 0;
        return w;
    }
    return 0;
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

size_t text_print(char *to, size_t room, const char *fmt, ...)
{
    va_list args;
    size_t n, last;
    int whole;

    va_start(args, fmt);
    whole = vsnprintf(to, room, fmt, args);
    va_end(args);
    if (whole < 0 || !room)
        return 0;
    if ((size_t)whole < room)
        return (size_t)whole;
    n = last = room - 1;
    while (last && n - last < 4 && ((uint8_t)to[last - 1] & 0xc0) == 0x80)
        last--;
    if (!last || text_valid(to + last - 1, n - last + 1))
        return n;
    to[last - 1] = 0;
    return last - 1;
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
