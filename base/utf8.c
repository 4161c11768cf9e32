/* How: a table of what the first byte allows the second to be (RFC 3629 §4), which rules out
 * overlong forms, surrogates and what lies behind the last character. */

#include "base/utf8.h"

size_t utf8_width(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t first, last, low, high, width;
    } row[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t r = 0; n && r < sizeof row / sizeof *row; r++) {
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

/* Only of what utf8_width has found whole: nothing is checked again. */
uint32_t utf8_code(const uint8_t *p, size_t width)
{
    static const uint8_t bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = p[0] & bits[width];

    for (size_t i = 1; i < width; i++)
        code = code << 6 | (p[i] & 0x3f);
    return code;
}
