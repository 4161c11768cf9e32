/* curves: how a run's figures went, drawn small: tokens/s of the last minutes, reward, loss and KL, by
 * whichever names the run's method has for them, since its first iteration. */

#ifndef CLI_CURVES_H
#define CLI_CURVES_H

#include "proto/msg_stats.h"

enum { CURVES_SERIES = 3, CURVES_POINTS = 256, CURVES_NAME = 64, CURVES_SECONDS = 240 };

struct curves { /* zeros: nothing is known */
    struct curves_series {
        char name[CURVES_NAME]; /* as the run has it; "": it has none of that kind */
        uint64_t step[CURVES_POINTS];
        double value[CURVES_POINTS];
        uint32_t n;
    } series[CURVES_SERIES];
    double tokens_s[CURVES_SECONDS]; /* one a snapshot, a ring */
    uint32_t n;
    uint64_t step; /* of the newest line */
};

/* A snapshot: one that has the history begins anew with that, others add to it. */
void curves_take(struct curves *curves, const struct msg_stats *stats);

/* One line of at most `width` columns, without a zero's room below `room` bytes: names, drawings,
 * newest values. ascii: where the terminal has no blocks. Returns the bytes. */
size_t curves_line(const struct curves *curves, char *out, size_t room, int width, bool ascii);

#endif
