/* supervise: starts a local fleet around a learner, restarts what dies, and takes it all down.
 *
 * Never computes. Holds the broker's listening sockets, so a restarted broker keeps its ports;
 * hands every child a pipe whose end means that the supervisor is gone. Only the learner's own
 * exit ends a run: 0 is done, 1 and 2 are its words, a signal means start it again. A signal to
 * the supervisor ends all in order: the learner, which saves, then the workers, then the
 * broker; a second one hurries the learner, a third one kills. */

#ifndef DEPLOY_SUPERVISE_H
#define DEPLOY_SUPERVISE_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum { SUPERVISE_WORKERS = 16 }; /* commands of the user's */

/* A reward's own process: `run` is a shell command, started with DROVER_BROKER, DROVER_KEY and
 * DROVER_WORKER (`name`, under which it registers) in its environment. */
struct supervise_worker {
    const char *name, *run;
};

struct supervise_plan {
    const char *method; /* "ppo" */
    const char *output_dir;
    int actors, rewarders, slots; /* slots a worker decodes at once; 0: its own default */
    int actor_threads;            /* 0: cores shared among the actors */
    const char *actor_isa; /* DROVER_ISA for each actor in turn, comma separated; NULL: none */
    const char *host;      /* address that the broker listens at */
    int port;              /* its control port; 0: any */
    const char *key;       /* key file; NULL: made anew in output_dir at each start */
    struct supervise_worker worker[SUPERVISE_WORKERS];
    int workers;
    char *const *learner; /* further arguments of the learner, NULL-ended */
};

/* Runs to the end. *status: what this program should exit with. */
enum err supervise_run(const struct supervise_plan *plan, int *status) MUST_CHECK;

#endif
