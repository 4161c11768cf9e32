/* How it works: four letters are three bytes. Padding may stand only at the very end, where one
 * or two letters of the last four are missing. */

#include "lm/text/base64.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum err base64_read(unsigned char **out, size_t *n, const char *text, size_t m)
{
    size_t pad = 0;

    *out = NULL;
    *n = 0;
    while (pad < 2 && pad < m && text[m - 1 - pad] == '=')
        pad++;
    if (m % 4)
        return err_set(ERR_PARSE, "base64: %zu letters are no multiple of four", m);
    *out = mem_new(m / 4 * 3 + 1, 1);
    for (size_t i = 0; i < m; i += 4) {
        uint32_t four = 0;

        for (size_t k = i; k < i + 4; k++) {
            const char *at = k < m - pad ? memchr(letters, text[k], 64) : letters;

            if (!at) {
                free(*out);
                *out = NULL;
                return err_set(ERR_PARSE, "base64: letter %zu is none", k);
            }
            four = four << 6 | (uint32_t)(at - letters);
        }
        (*out)[*n] = (unsigned char)(four >> 16);
        (*out)[*n + 1] = (unsigned char)(four >> 8);
        (*out)[*n + 2] = (unsigned char)four;
        *n += 3;
    }
    *n -= pad;
    return OK;
}

char *base64_write(const unsigned char *bytes, size_t n)
{
    char *out = mem_new((n + 2) / 3 * 4 + 1, 1);
    size_t at = 0;

    for (size_t i = 0; i < n; i += 3) {
        const uint32_t three = (uint32_t)bytes[i] << 16 |
                               (i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0) |
                               (i + 2 < n ? (uint32_t)bytes[i + 2] : 0);

        out[at++] = letters[three >> 18];
        out[at++] = letters[three >> 12 & 63];
        out[at++] = i + 1 < n ? letters[three >> 6 & 63] : '=';
        out[at++] = i + 2 < n ? letters[three & 63] : '=';
    }
    return out;
}
