/* draw: what the store's secret says of a use and two numbers, for the files of this room. */

#ifndef PREFS_DRAW_H
#define PREFS_DRAW_H

#include "base/hash.h"
#include "prefs/prefs.h"

/* use: at most 32 bytes count. */
struct hash draw_hash(const struct prefs *prefs, const char *use, uint64_t a, uint64_t b);

#endif
