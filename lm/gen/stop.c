/* The last STOP_LONGEST bytes of an answer are a window that moves by a byte at a time; after each
 * byte every stop string is compared with the window's end. An answer is a few thousand bytes and the
 * strings are short: nothing cleverer pays. generate.c feeds every token's bytes, so a string that two
 * tokens share is found. */

#include "lm/gen/stop.h"

#include <string.h>

static bool ends_with(const struct stop *stop, const char *text)
{
    const size_t n = strlen(text);

    return n <= stop->n && memcmp(stop->tail + stop->n - n, text, n) == 0;
}

bool stop_feed(struct stop *stop, const char *piece, size_t n, const char *const *text,
               int count)
{
    for (size_t i = 0; i < n; i++) {
        if (stop->n == STOP_LONGEST) { /* the oldest byte can begin no match any more */
            memmove(stop->tail, stop->tail + 1, STOP_LONGEST - 1);
            stop->n--;
        }
        stop->tail[stop->n++] = piece[i];
        for (int t = 0; t < count; t++)
            if (ends_with(stop, text[t]))
                return true;
    }
    return false;
}
