#include "base/pen.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Room for n more bytes and the 0 behind them. */
static void reserve(struct pen *pen, size_t n)
{
    if (n < pen->room - pen->n)
        return;
    pen->room = 2 * pen->room + n + 64;
    pen->text = mem_grow(pen->text, pen->room, 1);
}

void pen_put(struct pen *pen, const char *text, size_t n)
{
    reserve(pen, n);
    memcpy(pen->text + pen->n, text, n);
    pen->text[pen->n += n] = 0;
}

void pen_print(struct pen *pen, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(n >= 0);
    reserve(pen, (size_t)n);
    va_start(args, fmt);
    vsnprintf(pen->text + pen->n, pen->room - pen->n, fmt, args);
    va_end(args);
    pen->n += (size_t)n;
}
