/* fleet_turn: the learner's wait until the broker serves its run: who else is served is told once,
 * and when its turn has come. Time is an argument. */

#ifndef LEARNER_FLEET_FLEET_TURN_H
#define LEARNER_FLEET_FLEET_TURN_H

#include <stdbool.h>
#include <stdint.h>

struct msg_hello;
struct progress;
struct run_context;

struct fleet_turn {           /* all zeros to begin with */
    bool waits, begun;        /* begun: a broker has served this run, now or ever */
    int64_t since_ms, now_ms; /* since when it waits; of the last tick */
    char words[512];          /* that were told last */
    char name[256];           /* of the run, as HELLO has it */
};

/* What HELLO says of it; points into `turn`. */
void fleet_turn_hello(struct fleet_turn *turn, const struct run_context *run,
                      struct msg_hello *out);
/* REFUSE, with which it is to ask again. */
void fleet_turn_wait(struct fleet_turn *turn, struct progress *progress, const char *words,
                     int64_t now_ms);
/* WELCOME. */
void fleet_turn_come(struct fleet_turn *turn, struct progress *progress, int64_t now_ms);

#endif
