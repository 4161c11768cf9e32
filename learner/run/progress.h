/* progress: how far a run is, for a person: a bar on a terminal, plain lines elsewhere.
 *
 * Reads no clock: time is an argument. */

#ifndef LEARNER_RUN_PROGRESS_H
#define LEARNER_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool terminal, off;
    int64_t first, total; /* steps done when this process began; steps in all */
    int64_t begun_ms, shown_ms;
    bool open; /* a bar stands on the line */
};

/* `terminal`: stderr is one. off: no bar (plain lines stay). */
void progress_begin(struct progress *progress, int64_t done, int64_t total, bool off,
                    int64_t now_ms);
/* After a step: redraws the bar at most ten times a second. loss NAN: there is none to show. */
void progress_step(struct progress *progress, int64_t done, double loss, int64_t now_ms);
/* A line of its own on stderr: the bar makes way. */
void progress_line(struct progress *progress, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void progress_end(struct progress *progress);

/* Milliseconds still to go at this pace; -1 when not known yet. */
int64_t progress_left_ms(const struct progress *progress, int64_t done, int64_t now_ms);
/* "1:02:03" or "02:03"; out holds 24 bytes. */
const char *progress_clock(char out[24], int64_t ms);

#endif
