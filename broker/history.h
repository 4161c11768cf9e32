/* history: the learner's metrics so far, thinned out, for who subscribes late. Inside broker/ only. */

#ifndef BROKER_HISTORY_H
#define BROKER_HISTORY_H

#include "proto/noun.h"

/* POINTS: even, since each second one goes when they are full. Written out all of it is below
 * MAX_JSON: a figure takes at most FIGURE bytes. */
enum { HISTORY_POINTS = 96, HISTORY_NAMES = 48, HISTORY_NAME = 64, HISTORY_FIGURE = 12 };

struct history {
    struct id run;
    char name[HISTORY_NAMES][HISTORY_NAME];
    uint64_t step[HISTORY_POINTS], latest;      /* latest: that was told, kept or not */
    float value[HISTORY_POINTS][HISTORY_NAMES]; /* nan: it was not in that line */
    uint32_t n_name, n;
    uint64_t told, every; /* of the lines that were told each `every`th is kept */
};

/* A line of metrics (JSON) of that iteration; one that is known, or no object, is passed over. A
 * step below the latest, or another run, ends what was known from there on. */
void history_add(struct history *history, const struct id *run, uint64_t step,
                 const char *metrics);

/* {"step":[…],"metrics":{"name":[…]}}; a figure that is missing is null. "" while there is nothing.
 * Heap, free(). */
char *history_json(const struct history *history);

#endif
