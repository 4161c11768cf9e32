/* plan: what shall run on this machine: which processes, how many, where they listen.
 *
 * Read once, from one of three: the configuration of a run (of which it knows `fleet`,
 * `output_dir` and the commands under `rewards`; all other keys are the learner's), the file of a
 * standing fleet, or one machine's entry in either. It says nothing of how a process
 * is started, and on which machine: that is spec.h's and local.h's. */

#ifndef DEPLOY_PLAN_H
#define DEPLOY_PLAN_H

#include "base/conf.h"

#include <stdint.h>

enum plan_role { PLAN_BROKER, PLAN_LEARNER, PLAN_ACTOR, PLAN_REWARDER, PLAN_WORKER };
extern const char *const plan_roles[]; /* "broker", ... by role */

enum {
    PLAN_WORKERS = 16,    /* commands of the user's */
    PLAN_WORKER_MAX = 16, /* processes of one of them */
    PLAN_MAX = 256,       /* actors, and rewarders, on one machine at most */
    PLAN_A_CORE = 8,      /* more a core, and more than PLAN_FREE, must be meant */
    PLAN_FREE = 16,
    PLAN_NAME = 80 /* of a process: "actor-1" */
};

/* A reward's own process: `run` is a shell command, started with DROVER_BROKER, DROVER_KEY and
 * DROVER_WORKER (`name`, under which it registers) in its environment. */
struct plan_worker {
    const char *name, *run;
    int count;  /* of them at the beginning */
    bool named; /* its processes are called after it; those of a run's rewards worker-1 ... */
};

struct plan {
    const char *method;           /* "ppo"; NULL: no learner, the fleet stands */
    bool broker;                  /* here is the head */
    const char *output_dir;       /* logs, keys; of a standing fleet its folder */
    int actors, rewarders, slots; /* slots an actor decodes at once; 0: its own default */
    int actor_threads;            /* 0: cores shared among the actors */
    int nice;
    bool force;      /* as many as asked for, however few the cores */
    char *actor_isa; /* DROVER_ISA for each actor in turn, comma separated; "": none */
    char *name;      /* of this machine, as others see it; "": gethostname */
    char *hours;     /* "18:00-08:00": outside no worker runs; "": always */
    char *serve;     /* where the first actor gives weights to others; "": nowhere */
    char *host;      /* address that the broker listens at */
    int port;        /* its control port; 0: any */
    char *listen;    /* both in one, HOST:PORT; "": those */
    /* How others reach the broker: HOST or HOST:PORT; "": as each of them is reached from here. */
    char *advertise;
    char *keys;       /* keys folder; "": made anew in output_dir at each start */
    char *ssh_config; /* file that ssh reads (its -F); "": its own */
    json_t *hosts;    /* entries of other machines; NULL: none */
    json_t *workers;  /* as they were written; NULL: none */
    struct plan_worker worker[PLAN_WORKERS];
    int n_workers;
    char *const *learner; /* further arguments of the learner, NULL-ended */
};

/* Out of a configuration as a tree (base/config_tree.h); `method`, `tree` and `learner` are
 * borrowed as long as the plan is used. plan_free also after an error. Errors: ERR_PARSE,
 * ERR_RANGE, naming the key. */
enum err plan_read(struct plan *out, const char *method, const json_t *tree,
                   char *const *learner) MUST_CHECK;
/* Of a standing fleet: the keys of `fleet` at the top. `folder`: with logs and keys. */
enum err plan_read_standing(struct plan *out, const json_t *tree,
                            const char *folder) MUST_CHECK;
/* Of a machine without broker and learner: its entry in a fleet's hosts, or options of `drover
 * join`. */
enum err plan_read_host(struct plan *out, const json_t *tree, const char *folder) MUST_CHECK;
void plan_free(struct plan *plan);
extern const struct conf_key plan_host_keys[];

/* The two parts of `advertise`: host "" and port 0 where it does not say. An IPv6 address is without
 * its brackets. Errors: ERR_RANGE. */
enum { PLAN_HOST = 256 };
enum err plan_reached(char host[PLAN_HOST], int *port, const struct plan *plan) MUST_CHECK;

/* What a process is called: "broker", "actor-2", of a worker its name. A worker's number is 1 +
 * its place in `worker` + PLAN_WORKERS for each before it of the same kind. */
void plan_name(char out[PLAN_NAME], const struct plan *plan, enum plan_role role, int number);
/* That of this machine. */
void plan_host_name(char out[PLAN_NAME], const struct plan *plan);

/* Is that many (of `key`, "actors") what this machine should run? Errors: ERR_RANGE above
 * PLAN_MAX, and without `force` above PLAN_A_CORE a core. */
enum err plan_check(const char *key, uint32_t n, bool force) MUST_CHECK;

/* The fleet that the configuration names as standing already: its broker's address, or "". */
const char *plan_standing(const json_t *tree);
/* Warns of what in the configuration says nothing to such a fleet. */
void plan_unused(const json_t *tree);

#endif
