/* bar: how far a command is: a bar on a terminal, a log line now and then elsewhere. */

#ifndef CLI_BAR_H
#define CLI_BAR_H

#include <stddef.h>
#include <stdint.h>

struct bar {
    const char *what; /* "scored" */
    size_t total, told;
    int64_t begun_ms, told_ms;
    int off, terminal, open;
};

/* off: no bar. Reads no clock: time is an argument. */
void bar_begin(struct bar *bar, const char *what, size_t total, int off, int64_t now_ms);
/* Ten times a second on a terminal; twice a minute elsewhere, if it has moved. */
void bar_step(struct bar *bar, size_t done, int64_t now_ms);
void bar_end(struct bar *bar);

/* "[#####.....] 50 of 100, 01:30 left" into out; without the time while nothing is done. */
void bar_text(char out[96], size_t done, size_t total, int64_t spent_ms);

#endif
