/* stop: finds stop strings in an answer that comes token by token. */

#ifndef LM_GEN_STOP_H
#define LM_GEN_STOP_H

#include <stdbool.h>
#include <stddef.h>

enum { STOP_LONGEST = 128 }; /* bytes of one stop string */

/* The last bytes of the answer so far: a stop string may begin in them. */
struct stop {
    char tail[STOP_LONGEST];
    size_t n;
};

/* Adds the bytes of one token; whether one of the texts [count] (1..STOP_LONGEST bytes each)
 * now stands in the answer, ending in these bytes. Start with n = 0. */
bool stop_feed(struct stop *stop, const char *piece, size_t n, const char *const *text,
               int count);

#endif
