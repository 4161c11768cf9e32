/* supervise: starts a local fleet around a learner, restarts what dies, and takes it all down.
 *
 * Never computes. Holds the broker's listening sockets, so a restarted broker keeps its ports;
 * hands every child a pipe whose end means that the supervisor is gone. Only the learner's own
 * exit ends a run: 0 is done, 1 and 2 are its words, a signal means start it again. */

#ifndef CLI_SUPERVISE_H
#define CLI_SUPERVISE_H

#include "base/err.h"

#include <jansson.h>

struct supervise_plan {
    const char *method; /* "ppo" */
    const char *output_dir;
    int actors, rewarders, slots; /* slots a worker decodes at once; 0: its own default */
    int actor_threads;            /* 0: cores shared among the actors */
    const char *actor_isa; /* DROVER_ISA for each actor in turn, comma separated; NULL: none */
    char *const *learner;  /* further arguments of the learner, NULL-ended */
};

/* Runs to the end. *status: what this program should exit with. */
enum err supervise_run(const struct supervise_plan *plan, int *status) MUST_CHECK;

#endif
