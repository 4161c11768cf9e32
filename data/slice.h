/* slice: a part of a split, as `datasets` writes it: train[:1000], test[10%:], train[-500:]. */

#ifndef DATA_SLICE_H
#define DATA_SLICE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { SLICE_NAME = 128 };

struct slice {
    char split[SLICE_NAME]; /* the name before the bracket */
    bool whole;             /* there is none: all records */
    bool percent;
    bool has_from, has_to;
    long from, to; /* negative: from the end */
};

/* Errors: ERR_RANGE: no such slice, or splits joined with +. */
enum err slice_read(struct slice *out, const char *text) MUST_CHECK;

/* Of n records those from *from up to *to. Percent are rounded to the nearest, halves to even. */
void slice_of(const struct slice *slice, size_t n, size_t *from, size_t *to);

#endif
