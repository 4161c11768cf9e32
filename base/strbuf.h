/* strbuf: a text that grows as it is written. */

#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include "base/err.h"

#include <stddef.h>

/* Begins as zeros. text: NULL until something was written, then n bytes and a 0; free it. */
struct strbuf {
    char *text;
    size_t n, room;
};

void strbuf_put(struct strbuf *buf, const char *text, size_t n);
/* The same as a text of HTML or XML, between tags or in an attribute's double quotes. */
void strbuf_put_markup(struct strbuf *buf, const char *text, size_t n);
void strbuf_print(struct strbuf *buf, const char *fmt, ...) PRINTF(2, 3);

#endif
