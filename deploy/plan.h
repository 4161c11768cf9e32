/* plan: what shall run for one run of a method: which processes, how many, where they listen.
 *
 * Read once from the run's configuration, of which it knows `fleet`, `output_dir` and the
 * commands under `rewards`; all other keys are the learner's. It says nothing of how a process
 * is started, and on which machine: that is spec.h's and local.h's. */

#ifndef DEPLOY_PLAN_H
#define DEPLOY_PLAN_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum plan_role { PLAN_BROKER, PLAN_LEARNER, PLAN_ACTOR, PLAN_REWARDER, PLAN_WORKER };
extern const char *const plan_roles[]; /* "broker", ... by role */

enum {
    PLAN_WORKERS = 16, /* commands of the user's */
    PLAN_MAX = 256,    /* actors, and rewarders, on one machine at most */
    PLAN_A_CORE = 8,   /* more a core, and more than PLAN_FREE, must be meant */
    PLAN_FREE = 16
};

/* A reward's own process: `run` is a shell command, started with DROVER_BROKER, DROVER_KEY and
 * DROVER_WORKER (`name`, under which it registers) in its environment. */
struct plan_worker {
    const char *name, *run;
};

struct plan {
    const char *method; /* "ppo" */
    const char *output_dir;
    int actors, rewarders, slots; /* slots an actor decodes at once; 0: its own default */
    int actor_threads;            /* 0: cores shared among the actors */
    bool force;                   /* as many as asked for, however few the cores */
    char *actor_isa; /* DROVER_ISA for each actor in turn, comma separated; "": none */
    char *host;      /* address that the broker listens at */
    int port;        /* its control port; 0: any */
    char *key;       /* key file; "": made anew in output_dir at each start */
    struct plan_worker worker[PLAN_WORKERS];
    int n_workers;
    char *const *learner; /* further arguments of the learner, NULL-ended */
};

/* Out of a configuration as a tree (base/config_tree.h); `method`, `tree` and `learner` are
 * borrowed as long as the plan is used. plan_free also after an error. Errors: ERR_PARSE,
 * ERR_RANGE, naming the key. */
enum err plan_read(struct plan *out, const char *method, const json_t *tree,
                   char *const *learner) MUST_CHECK;
void plan_free(struct plan *plan);

/* Is that many (of `key`, "actors") what this machine should run? Errors: ERR_RANGE above
 * PLAN_MAX, and without `force` above PLAN_A_CORE a core. */
enum err plan_check(const char *key, uint32_t n, bool force) MUST_CHECK;

/* The fleet that the configuration names as standing already: its broker's address, or "". */
const char *plan_standing(const json_t *tree);
/* Warns of what in the configuration says nothing to such a fleet. */
void plan_unused(const json_t *tree);

#endif
