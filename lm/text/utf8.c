/* How it works: the lead byte says how many bytes follow and what the first of them may be
 * (Unicode's table 3-7); all later ones are 80 to BF. A bad sequence ends before the first byte
 * that does not fit, which is what Rust and Python replace by one U+FFFD. base/utf8.h asks only
 * for width and code of what is shown to people; here every way to be wrong has its length. */

#include "lm/text/utf8.h"

#include "base/mem.h"

#include <string.h>

/* Which second bytes a lead byte allows, and how many bytes in all. */
static size_t lead(unsigned char c, unsigned char *low, unsigned char *high)
{
    /* The narrower ranges keep out what is written longer than it need be (E0, F0), surrogates
     * (ED) and what lies beyond U+10FFFF (F4). */
    *low = 0x80;
    *high = 0xbf;
    if (c >= 0xc2 && c <= 0xdf)
        return 2;
    if (c >= 0xe0 && c <= 0xef) {
        if (c == 0xe0)
            *low = 0xa0;
        if (c == 0xed)
            *high = 0x9f;
        return 3;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        if (c == 0xf0)
            *low = 0x90;
        if (c == 0xf4)
            *high = 0x8f;
        return 4;
    }
    return 0;
}

bool utf8_next(const char *text, size_t n, uint32_t *cp, size_t *bytes)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned char low, high;
    size_t want, i;

    *bytes = 1;
    *cp = s[0];
    if (s[0] < 0x80)
        return true;
    want = lead(s[0], &low, &high);
    if (!want)
        return false;
    /* The lead byte of a sequence of `want` bytes begins with as many ones and a zero. */
    *cp = s[0] & (0xffu >> (want + 1));
    for (i = 1; i < want; i++) {
        if (i >= n || s[i] < low || s[i] > high) {
            *bytes = i;
            return false;
        }
        *cp = *cp << 6 | (s[i] & 0x3fu);
        /* Only the second byte has a range of its own. */
        low = 0x80;
        high = 0xbf;
    }
    *bytes = want;
    return true;
}

size_t utf8_put(char out[4], uint32_t cp)
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

bool utf8_valid(const char *text, size_t n)
{
    uint32_t cp;
    size_t bytes;

    for (size_t i = 0; i < n; i += bytes)
        if (!utf8_next(text + i, n - i, &cp, &bytes))
            return false;
    return true;
}

/* Counted first: what is bad may grow from one byte to three. */
char *utf8_lossy(const char *text, size_t n, size_t *m)
{
    size_t bad = 0, bytes, at = 0;
    uint32_t cp;
    char *out;

    for (size_t i = 0; i < n; i += bytes)
        bad += !utf8_next(text + i, n - i, &cp, &bytes);
    out = mem_new(n + 2 * bad + 1, 1); /* a bad part of >= 1 byte becomes 3 */
    for (size_t i = 0; i < n; i += bytes) {
        if (utf8_next(text + i, n - i, &cp, &bytes)) {
            memcpy(out + at, text + i, bytes);
            at += bytes;
        } else {
            at += utf8_put(out + at, 0xfffd);
        }
    }
    *m = at;
    return out;
}

/* Unicode's White_Space, which Rust's char::is_whitespace is; C's isspace depends on the
 * locale. */
bool utf8_space(uint32_t cp)
{
    if (cp < 0x80)
        return cp == ' ' || (cp >= '\t' && cp <= '\r');
    return cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}
