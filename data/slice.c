/* The grammar and the arithmetic are those of `datasets`' ReadInstruction: one unit for both ends,
 * percent become records before a negative end is counted from the last one, and what lies beyond
 * the end is the end. */
#include "data/slice.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 2000000000 };

/* An optional number with an optional %, up to `until`. */
static bool number(const char **at, char until, bool *has, long *value, bool *percent)
{
    char *end;

    *has = **at != until;
    if (*has) {
        if (**at != '-' && !(**at >= '0' && **at <= '9'))
            return false;
        errno = 0;
        *value = strtol(*at, &end, 10);
        if (end == *at || errno || *value > NUMBER_MAX || *value < -NUMBER_MAX)
            return false;
        *percent = *end == '%';
        if (*percent && (*value > 100 || *value < -100))
            return false;
        *at = end + (*percent ? 1 : 0);
    }
    if (**at != until)
        return false;
    ++*at;
    return true;
}

enum err slice_read(struct slice *out, const char *text)
{
    const size_t n = strcspn(text, "[");
    const char *at = text + n + 1;
    bool left = false, right = false;

    *out = (struct slice){.whole = !text[n]};
    if (n >= SLICE_NAME || !n)
        return err_set(ERR_RANGE, "'%.60s': no name of a split", text);
    if (strchr(text, '+'))
        return err_set(ERR_RANGE,
                       "'%.60s': several splits at once: write an entry of datasets for each",
                       text);
    memcpy(out->split, text, n);
    if (out->whole)
        return OK;
    if (!number(&at, ':', &out->has_from, &out->from, &left) ||
        !number(&at, ']', &out->has_to, &out->to, &right) || *at ||
        (out->has_from && out->has_to && left != right))
        return err_set(ERR_RANGE,
                       "'%.60s': a part of a split is train[:1000] or train[10%%:20%%]", text);
    out->percent = left || right;
    return OK;
}

static size_t place(long value, bool percent, size_t n)
{
    double at = percent ? nearbyint((double)value * (double)n / 100) : (double)value;

    if (at < 0)
        at += (double)n;
    return at < 0 ? 0 : at > (double)n ? n : (size_t)at;
}

void slice_of(const struct slice *slice, size_t n, size_t *from, size_t *to)
{
    *from = slice->has_from ? place(slice->from, slice->percent, n) : 0;
    *to = slice->has_to ? place(slice->to, slice->percent, n) : n;
    if (*to < *from)
        *to = *from;
}
