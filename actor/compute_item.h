/* compute_item: what goes to the compute thread and comes back. An item owns all that it points to,
 * so that either thread may drop it. */

#ifndef ACTOR_COMPUTE_ITEM_H
#define ACTOR_COMPUTE_ITEM_H

#include "base/err.h"
#include "proto/limit.h"
#include "proto/noun.h"

struct draft_answers;
struct fetch_rebuild;
struct model_files;
struct sampling;
struct shared_memory;

enum item_kind {
    ITEM_CARD,    /* model files: another model altogether; drops everything */
    ITEM_IMAGE,   /* weights of `version` */
    ITEM_DROP,    /* images below `version.number` are not needed any more */
    ITEM_FORGET,  /* the image of `version` is not, for now: it may come again */
    ITEM_JOB,     /* samples first .. first+count-1 of a task */
    ITEM_CANCEL,  /* what is not done of a task's sample */
    ITEM_SHED,    /* one sample that has not begun, the last of its job: another does it */
    ITEM_REBUILD, /* in, and out again: an image to be made of another (rebuild.h) */
    ITEM_BEGUN,   /* out: samples first .. first+count-1 are in slots */
    ITEM_GOLDEN,  /* out: the image of `version` was taken, and what is computed with it */
    ITEM_DONE,    /* out: a rollout */
    ITEM_FAILED,  /* out: a job that cannot run, with words */
};

struct compute_item {
    enum item_kind kind;
    struct version version;
    struct model_files *files;   /* ITEM_CARD: moves to the thread, freed there */
    struct shared_memory *image; /* ITEM_IMAGE: moves too */
    uint64_t task, seed;
    uint32_t first, count;
    bool text;
    uint32_t begun; /* samples before `first` that are, or were, in slots */
    int *prompt;    /* owned by the item */
    int prompts;
    struct earlier earlier; /* owned, too */
    struct decoding decoding;
    int32_t stop[MAX_STOPS];
    char *stop_text[MAX_STOPS];    /* owned */
    struct fetch_rebuild *rebuild; /* ITEM_REBUILD: owned */
    uint32_t golden;               /* ITEM_GOLDEN: lm/model/golden.h */
    struct rollout *rollout;       /* ITEM_DONE: the taker's, inflight_rollout_free */
    char words[ERR_WORDS];
};
struct compute_item *compute_item(enum item_kind kind);
void compute_item_free(void *item);
/* Out of an ITEM_REBUILD: the taker's. */
struct fetch_rebuild *compute_item_rebuild(struct compute_item *item);
/* Samples first .. first+count-1 of a task as ITEM_JOB; copies what it needs. */
struct compute_item *compute_item_job(const struct task *task, uint32_t first, uint32_t count,
                                      bool text);
/* How a job's samples are drawn; stop texts stay the job's. */
struct sampling compute_item_sampling(const struct compute_item *job);
/* The job's earlier answers, which stay its own; none if they are not what a model of this vocabulary wrote,
 * and that is said once a process. Of one thread. */
struct draft_answers compute_item_earlier(const struct compute_item *job, int vocab);
/* Why a task cannot be decoded at all, in words; NULL if it can. */
const char *compute_item_unfit(const struct task *task);

#endif
