/* How: room doubles, so n pieces cost n copies in the mean; the terminating 0 is always there,
 * so `text` can be used between two calls. */

#include "base/strbuf.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Room for n more bytes and the 0 behind them. */
static void reserve(struct strbuf *buf, size_t n)
{
    if (n < buf->room - buf->n)
        return;
    buf->room = 2 * buf->room + n + 64;
    buf->text = mem_grow(buf->text, buf->room, 1);
}

void strbuf_put(struct strbuf *buf, const char *text, size_t n)
{
    reserve(buf, n);
    memcpy(buf->text + buf->n, text, n);
    buf->text[buf->n += n] = 0;
}

void strbuf_put_markup(struct strbuf *buf, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        switch (text[i]) {
        case '&':
            strbuf_print(buf, "&amp;");
            break;
        case '<':
            strbuf_print(buf, "&lt;");
            break;
        case '>':
            strbuf_print(buf, "&gt;");
            break;
        case '"':
            strbuf_print(buf, "&quot;");
            break;
        default:
            strbuf_put(buf, text + i, 1);
        }
}

void strbuf_print(struct strbuf *buf, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(n >= 0);
    reserve(buf, (size_t)n);
    va_start(args, fmt);
    vsnprintf(buf->text + buf->n, buf->room - buf->n, fmt, args);
    va_end(args);
    buf->n += (size_t)n;
}
