/* replica: a process that should be there, the child that is, and when it is started again.
 *
 * Broker and learner have one each, actors and rewarders as many as are wanted now, each under
 * a number that stays its own. Holds no child and starts none: crew.c does, and local.c
 * for it. Time is an argument. */

#ifndef DEPLOY_REPLICA_H
#define DEPLOY_REPLICA_H

#include "deploy/plan.h"

#include <stdint.h>
#include <sys/types.h>

struct child;

enum {
    REPLICA_QUICK_MS = 10000, /* a death so soon after the start is a quick one */
    REPLICA_QUICK_DEATHS = 5, /* so many in a row, and the fleet is given up; */
    REPLICA_AGAIN_MS = 30000, /* a user's worker is started again for ever, this rarely */
    REPLICA_FAILED_MS = 1000, /* until the system is asked again for a process */
    REPLICA_WORDS = 256,
    REPLICA_CAUSE = 96
};

struct replica {
    void *owner; /* whom its end is told: the supervisor */
    enum plan_role role;
    int number;
    struct child *child;
    bool wanted;
    int64_t died_ms;              /* when `cause` was found */
    int64_t started_ms, again_ms; /* again_ms: when to start it next, 0: not due */
    int quick;                    /* deaths in a row soon after the start */
    long restarts;
    off_t log_from; /* where in its log this child's words begin */
    char cause[REPLICA_CAUSE],
        last[REPLICA_WORDS]; /* of its last death; its words, printable */
};

enum { REPLICAS = 2 + 2 * PLAN_MAX + PLAN_WORKERS * PLAN_WORKER_MAX };

struct replicas {
    struct replica *replica[REPLICAS]; /* owned by who called replica_add */
    int n;
};

/* A new one that is wanted. There is room: numbers keep to the plan's limits. */
struct replica *replica_add(struct replicas *replicas, void *owner, enum plan_role role,
                            int number);
struct replica *replica_find(const struct replicas *replicas, enum plan_role role, int number);
/* Those that are wanted. */
int replica_count(const struct replicas *replicas, enum plan_role role);
/* Is any of them there, wanted or not? */
bool replica_living(const struct replicas *replicas, enum plan_role role);
/* The signal, to all that are there. */
void replica_stop(const struct replicas *replicas, enum plan_role role, int signal);
/* For people, as JSON: as many as an answer holds; what is left out is counted in the last. */
char *replica_list(const struct replicas *replicas);

/* Before it is started: where its words will begin in `log` (NULL: it has none). */
void replica_begin(struct replica *replica, const char *log, int64_t now_ms);

struct replica_death {
    int status, signal; /* exit status, or signal */
    bool memory;        /* the kernel ran out of memory meanwhile */
    bool patient;       /* whatever the role, it is never given up */
};
/* It died: says so, with the last words in `log`; sets again_ms, cause and last. False: it has
 * died too often (that is said, too). */
bool replica_died(struct replica *replica, const char *log, const struct replica_death *death,
                  int64_t now_ms);
/* One entry of HB.metrics' children (docs/PROTOCOL.md). */
json_t *replica_json(const struct replica *replica, const char *name, int64_t now_ms);

/* The last line that says something in `log` behind byte `from`, as it is; "" without. */
void replica_words(char out[REPLICA_WORDS], const char *log, off_t from);

#endif
