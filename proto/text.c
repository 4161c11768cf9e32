/* Texts of others are UTF-8 without zero bytes, or are made so: text_print cuts at a
 * character, text_clean replaces what is none. So whatever is stored can be sent, and what is
 * cut stays valid. */

#include "proto/text.h"

#include "base/mem.h"
#include "base/printable.h"
#include "base/say.h"
#include "base/strbuf.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool text_valid(const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        const size_t w = utf8_width((const uint8_t *)text + i, n - i);
        if (!w)
            return false;
        i += w;
    }
    return true;
}

size_t text_print(char *to, size_t room, const char *fmt, ...)
{
    struct strbuf buf = {NULL, 0, 0};
    va_list args;
    size_t n = 0;

    va_start(args, fmt);
    say_strbuf(&buf, false, fmt, &args);
    va_end(args);
    if (room)
        n = printable(to, room, buf.text ? buf.text : "", buf.n, PRINTABLE_CUT);
    free(buf.text);
    return n;
}

char *text_clean(const char *text, size_t n)
{
    char *const out = mem_new(3 * n + 1, 1);
    size_t at = 0;

    for (size_t i = 0; i < n;) {
        const size_t w = utf8_width((const uint8_t *)text + i, n - i);
        memcpy(out + at, w ? text + i : "\xef\xbf\xbd", w ? w : 3);
        at += w ? w : 3;
        i += w ? w : 1;
    }
    return out;
}
