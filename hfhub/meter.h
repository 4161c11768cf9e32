/* meter: how far a fetch is: a bar on a terminal, a line now and then elsewhere. */

#ifndef HFHUB_METER_H
#define HFHUB_METER_H

#include <stdbool.h>
#include <stdint.h>

struct meter {
    int64_t total;  /* bytes; 0: not known */
    int64_t before; /* of files that are done */
    int64_t begun_ms, told_ms, begun_at;
    bool quiet, terminal, open; /* open: a line stands unended */
};

/* Reads no clock: time is an argument. */
void meter_begin(struct meter *meter, int64_t total, bool quiet, int64_t now_ms);
void meter_at(struct meter *meter, int64_t done, int64_t now_ms);
void meter_end(struct meter *meter);

/* "[#####.....] 495 of 988 MB, 21.0 MB/s, 00:24 left" */
enum { METER_TEXT = 96 };
char *meter_text(char out[METER_TEXT], int64_t done, int64_t total, int64_t fresh,
                 int64_t spent_ms);

#endif
