/* score: the rewarder's compute thread: owns the models and turns tickets into numbers.
 *
 * A ticket waits until its scorer's model is here. Every score is a pure function of the
 * rollout. */

#ifndef REWARDER_SCORE_H
#define REWARDER_SCORE_H

#include "proto/msg.h"

#include <stdatomic.h>

struct model_files;
struct shared_memory;
struct worker;

enum work_kind {
    WORK_MODEL,  /* in: a scorer's model is here */
    WORK_TABLE,  /* in: only these scorers are of use from now on */
    WORK_UNFIT,  /* both ways: a scorer whose model is no use, with words: its tickets fail */
    WORK_TICKET, /* in: rollouts to score */
    WORK_SCORED, /* out */
    WORK_FAILED, /* out: with words */
};

enum { SCORE_SCORERS = 32 };

struct work_item { /* one rollout, copied out of the message */
    uint64_t task;
    uint32_t sample, end;
    struct hash hash;
    int *token; /* prompt, answer, tail */
    int prompt, answer, tail;
    char *prompt_text, *text, *meta;
};

struct work {
    enum work_kind kind;
    struct hash scorer;
    uint32_t scorer_kind; /* WORK_MODEL, WORK_TICKET */
    struct model_files *files;
    struct shared_memory *image;
    struct hash keep[SCORE_SCORERS]; /* WORK_TABLE */
    uint32_t keeps;
    uint64_t ticket;
    bool group; /* the items are one group: compared among themselves */
    float temperature;
    char *spec;
    struct work_item *item;
    uint32_t items;
    float *value; /* WORK_SCORED */
    uint32_t values;
    uint32_t *each;
    char words[ERR_WORDS];
};
struct work *score_work(enum work_kind kind);
void score_work_free(void *work);
/* A ticket, copied. */
struct work *score_ticket(const struct msg_ask *ask, const struct scorer *scorer);

struct score_counters {
    atomic_ullong tokens, rollouts, busy_ns, idle_ns;
};

struct scoring;
void score_new(struct scoring **out);
void score_free(struct scoring *scoring);
const struct score_counters *score_counters(const struct scoring *scoring);
enum err score_main(void *scoring, struct worker *worker) MUST_CHECK; /* worker_conf.main */

#endif
