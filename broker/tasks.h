/* tasks: the open tasks and the state of each of their samples; the space that bodies may take.
 *
 *   waiting -> leased -> scoring -> ready -> settled
 *      ^---------'  a body is here: ^ all its scores are in
 *
 * Besides: an answer may come unasked (waiting -> scoring); one that was false is made again
 * (scoring, ready -> waiting); every sample may be dropped, a drop taken back, and a sample
 * settled from any state: tasks_allowed has all of it, table.c which event may do what, and
 * tasks_move asserts both. Knows no peers and no time but what it is told.
 *
 * A task may be taken back and opened again, with another shape. What is kept about a sample
 * (in queues, tickets, leases) is therefore a tasks_name, and tasks_named alone leads back
 * from it: a name of an earlier opening leads nowhere. */

#ifndef BROKER_TASKS_H
#define BROKER_TASKS_H

#include "base/err.h"
#include "broker/origin.h"
#include "proto/noun.h"

#include <stddef.h>

enum sample_state {
    SAMPLE_WAITING, /* to be generated */
    SAMPLE_LEASED,
    SAMPLE_SCORING, /* its body is here, some score is not */
    SAMPLE_READY,
    SAMPLE_DROPPED, /* the learner is to settle the drop */
    SAMPLE_SETTLED,
    SAMPLE_STATES,
};

/* Moves as a set: one bit each. */
#define TASKS_MOVE(from, to) (UINT64_C(1) << (8 * (from) + (to)))
#define TASKS_ALL_MOVES UINT64_MAX

enum { TASKS_NO_LEASE = UINT32_MAX, TASKS_DROPS = DROP_POISON + 1 }; /* reasons, from 1 on */
enum ask {
    ASK_NONE,
    ASK_QUEUED,
    ASK_OUT,
    ASK_IN
}; /* not ready; queued; in a ticket; answered */

struct open_score {
    uint8_t ask;
    uint64_t ticket;
    uint32_t n_value;
    float *value;
    char *diagnostics;
    struct origin *by; /* who gave it */
};

enum { TASKS_HAD = 4 }; /* its holder, two copies, and who was too slow before them */
struct open_sample {
    uint8_t state, drop; /* drop_reason */
    bool queued, sent;   /* for the learner, on its present connection */
    uint32_t attempts;
    uint32_t lease;           /* slot in the lease table, or TASKS_NO_LEASE */
    struct id had[TASKS_HAD]; /* who had a lease for it, the last one first: theirs count */
    uint32_t missing;
    int64_t since_ms, not_before_ms;
    size_t space;         /* bytes reserved or taken; 0: none */
    struct rollout *body; /* while scoring or ready */
    struct origin *by;    /* who brought it */
    uint32_t keeper;      /* who keeps it as well (keepers.h); 0: nobody is known to */
    struct open_score *score;
    char *error;
    struct tries *tries; /* who failed it (blame.h); NULL: nobody */
    bool own;            /* only the learner's own actor may do it */
    uint8_t copies;      /* times that it was given to another while it was being decoded */
};

struct open_task {
    struct task *def;
    size_t bytes;
    uint64_t serial; /* of this opening: no other one has it */
    uint64_t epoch;  /* in which the learner opened it last */
    uint32_t open;   /* samples not settled */
    uint32_t waiting;
    uint32_t n_score;  /* of each sample */
    bool whole;        /* space is reserved for all samples at once: a scorer needs them all */
    size_t space_each; /* what one sample may take */
    struct open_sample *sample;
};

struct open_tasks {
    struct open_task **ring; /* task id is at id % capacity, for base <= id < base+capacity */
    size_t capacity;
    uint64_t base, end; /* no open task below base, none at or above end */
    uint64_t open_to;   /* every task below was opened in this epoch or is settled */
    uint64_t next;      /* no task below has a waiting sample */
    uint64_t serial;    /* the last one given */
    size_t bytes, bytes_max, space, space_max;
    uint64_t may;                  /* moves that the present event may make */
    uint64_t count[SAMPLE_STATES]; /* samples; SAMPLE_SETTLED: trained, since the start */
    uint64_t opened, dropped[TASKS_DROPS];
};

void tasks_init(struct open_tasks *tasks, size_t capacity, size_t bytes_max, size_t space_max);
void tasks_fini(struct open_tasks *tasks);
void tasks_reset(struct open_tasks *tasks); /* forgets tasks and counters */

struct open_task *tasks_find(const struct open_tasks *tasks, uint64_t id); /* or NULL */
struct open_sample *tasks_sample(const struct open_tasks *tasks, uint64_t id, uint32_t sample);

/* A sample of one opening of a task: what may be kept while the task comes and goes. */
struct tasks_name {
    uint64_t task, serial;
    uint32_t sample;
};
struct tasks_name tasks_name(const struct open_task *task, uint32_t sample);
/* The sample, and its task in `*task` (may be NULL); NULL if that opening is over. */
struct open_sample *tasks_named(const struct open_tasks *tasks, const struct tasks_name *name,
                                struct open_task **task);

/* Adds a task with all its samples waiting; `n_score` scores each are to come.
 * Errors: ERR_RANGE if it does not fit, ERR_NOMEM. */
enum err tasks_add(struct open_tasks *tasks, const struct task *def, uint32_t n_score,
                   int64_t now_ms) MUST_CHECK;
void tasks_remove(struct open_tasks *tasks, uint64_t id);

/* Is it ever a legal move? */
bool tasks_allowed(enum sample_state from, enum sample_state to);
const char *tasks_state_name(enum sample_state state); /* "waiting", ... */

/* Moves a sample; what the new state does not need is freed. */
void tasks_move(struct open_tasks *tasks, struct open_task *task, uint32_t sample,
                enum sample_state to, int64_t now_ms);
/* A dropped sample is wanted after all: it waits, as if it had never been dropped. */
void tasks_revive(struct open_tasks *tasks, struct open_task *task, uint32_t sample,
                  int64_t now_ms);
/* A sample with a body becomes one to be generated: body, scores and their writers go. */
void tasks_take_back(struct open_tasks *tasks, struct open_task *task, uint32_t sample,
                     int64_t now_ms);

/* Reserves space for a sample about to be generated or fetched (all of its task's, if `whole`).
 * False if there is none; true again and again for one that has it. */
bool tasks_reserve(struct open_tasks *tasks, struct open_task *task, uint32_t sample);

/* More than was reserved for a sample: `bytes` in all. False if there is no space for it. */
bool tasks_extend(struct open_tasks *tasks, struct open_sample *sample, size_t bytes);

/* opened = trained + open + dropped(reason) */
bool tasks_add_up(const struct open_tasks *tasks);

#endif
