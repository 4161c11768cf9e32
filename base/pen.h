/* pen: a text that grows as it is written. */

#ifndef BASE_PEN_H
#define BASE_PEN_H

#include "base/err.h"

#include <stddef.h>

/* Begins as zeros. text: NULL until something was written, then n bytes and a 0; free it. */
struct pen {
    char *text;
    size_t n, room;
};

void pen_put(struct pen *pen, const char *text, size_t n);
void pen_print(struct pen *pen, const char *fmt, ...) PRINTF(2, 3);

#endif
