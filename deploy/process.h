/* place: a process that should be there, the child that is, and when it is started again.
 *
 * Time is an argument. */

#ifndef DEPLOY_PROCESS_H
#define DEPLOY_PROCESS_H

#include "deploy/launch.h"

#include <stdint.h>
#include <sys/types.h>

struct supervisor;

enum {
    PROCESS_MAX = 256,  /* actors, and rewarders, on one machine at most */
    PROCESS_A_CORE = 8, /* more a core, and more than PROCESS_FREE, must be meant */
    PROCESS_FREE = 16,
    PROCESS_QUICK_MS = 10000, /* a death so soon after the start is a quick one */
    PROCESS_QUICK_DEATHS = 5, /* so many in a row, and the fleet is given up; */
    PROCESS_AGAIN_MS =
        30000, /* a worker of the user's is started again for ever, this rarely */
    PROCESS_FAILED_MS = 1000, /* until the system is asked again for a process */
    PROCESS_WORDS = 256
};

struct process {
    struct supervisor *owner;
    enum launch_kind kind;
    int number;
    struct child *child;
    bool wanted;
    int64_t started_ms, again_ms; /* again_ms: when to start it next, 0: not due */
    int quick;                    /* deaths in a row soon after the start */
    long restarts;
    off_t log_from; /* where in its log this child's words begin */
};

enum { PROCESSES = 2 + 2 * PROCESS_MAX + SUPERVISE_WORKERS }; /* numbers are dense */

struct processes {
    struct process *process[PROCESSES]; /* owned by who called process_add */
    int n;
};

/* A new one that is wanted. There is room: its number is at most PROCESS_MAX. */
struct process *process_add(struct processes *places, struct supervisor *owner,
                            enum launch_kind kind, int number);
struct process *process_find(const struct processes *places, enum launch_kind kind, int number);
int process_count(const struct processes *places,
                  enum launch_kind kind); /* those that are wanted */
bool process_living(const struct processes *places, enum launch_kind kind);
void process_stop(const struct processes *places, enum launch_kind kind, int signal);
/* For people, as JSON: as many as an answer holds; what is left out is counted in the last. */
char *process_list(const struct processes *places);

/* Is that many (of `key`, "actors") what this machine should run? Errors: ERR_RANGE above
 * PROCESS_MAX, and without `force` above PROCESS_A_CORE a core. */
enum err process_check(const char *key, uint32_t n, bool force) MUST_CHECK;

/* Before it is started: where its words will begin in `log` (NULL: it has none). */
void process_begin(struct process *place, const char *log, int64_t now_ms);

/* It died: says so, with the last words in `log`; sets again_ms. False: it has died too often
 * (that is said, too). */
bool process_died(struct process *place, const char *log, int status, int signal,
                  int64_t now_ms);

/* The last line that says something in `log` behind byte `from`, printable; "" without. */
void process_words(char out[PROCESS_WORDS], const char *log, off_t from);

#endif
