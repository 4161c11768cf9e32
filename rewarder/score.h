/* score: the rewarder's compute thread: owns the models and turns tickets into numbers.
 *
 * A ticket waits until its scorer's model is here. Every score is a pure function of the
 * rollout; how it is made is the scorer's kind's (reward/reward_kind.h). */

#ifndef REWARDER_SCORE_H
#define REWARDER_SCORE_H

#include "proto/limit.h"
#include "proto/msg.h"
#include "reward/batch.h"

#include <stdatomic.h>

struct model_files;
struct reward_kind;
struct shared_memory;
struct worker;

enum score_what {
    SCORE_MODEL,  /* in: a scorer's model is here */
    SCORE_TABLE,  /* in: only these scorers are of use from now on */
    SCORE_UNFIT,  /* both ways: a scorer whose model is no use, with words: its tickets fail */
    SCORE_TICKET, /* in: rollouts to score */
    SCORE_DONE,   /* out */
    SCORE_FAILED, /* out: with words */
};

enum { SCORE_SCORERS = MAX_SCORERS };

/* What passes between the loop and the thread; all memory is its own. */
struct score_work {
    enum score_what what;
    struct hash scorer;
    struct model_files *files;       /* SCORE_MODEL: what it is, */
    struct shared_memory *image;     /* and its weights */
    struct hash keep[SCORE_SCORERS]; /* SCORE_TABLE */
    uint32_t n_keep;
    uint64_t ticket;
    const struct reward_kind *kind; /* SCORE_TICKET: who scores, */
    char *spec;                     /* by what, */
    struct reward_batch batch;      /* what; SCORE_DONE: with its values */
    struct hash *rollout;           /* [batch.n_item] */
    char words[ERR_WORDS];
};
struct score_work *score_work(enum score_what what);
void score_work_free(void *work);
/* A ticket, copied. The scorer's kind is one that scores here. */
struct score_work *score_ticket(const struct msg_ask *ask, const struct scorer *scorer);

struct score_counters {
    atomic_ullong tokens, rollouts, busy_ns, idle_ns;
};

/* Owns models and waiting tickets; used by its thread alone, but for the counters. */
struct scoring;
void score_new(struct scoring **out);
void score_free(struct scoring *scoring);
const struct score_counters *score_counters(const struct scoring *scoring);
/* The thread, worker_conf.main: returns when the loop stops it, without an error: what goes wrong
 * with a ticket is that ticket's. */
enum err score_main(void *scoring, struct worker *worker) MUST_CHECK;

#endif
