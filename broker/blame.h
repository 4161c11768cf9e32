/* blame: who failed which sample, and who may still try it. Inside broker/ only. */

#ifndef BROKER_BLAME_H
#define BROKER_BLAME_H

#include "broker/state.h"

enum { BLAME_WORKERS = 3 };
struct tries { /* of a sample: who failed it */
    uint32_t n_by, own;
    struct {
        struct id peer; /* zeros: out of the learner's journal */
        char who[MEMBERS_WHO], reason[MEMBERS_WORDS];
    } by[BLAME_WORKERS];
    char own_reason[MEMBERS_WORDS];
};

/* May this actor do this sample? */
bool blame_may(const struct broker *b, const struct broker_member *actor,
               const struct open_sample *sample);
/* An actor failed a sample that waits or is leased. */
void blame_actor(struct broker *b, struct open_task *task, uint32_t sample,
                 const struct broker_member *by, const char *reason, int64_t now_ms);
/* It died: what it worked on alone may be what killed it. */
void blame_died(struct broker *b, const struct broker_member *actor, int64_t now_ms);
/* An answer of it was found false, of a sample that is to be done. */
void blame_false(struct broker *b, struct open_sample *sample, const struct origin *by,
                 const char *reason);
/* A task is opened: whose answers to its samples were false before does not get them again. */
void blame_opened(struct broker *b, struct open_task *task, int64_t now_ms);
/* The learner's next life has another actor, and may have more memory: what none could do
 * before is tried again. */
void blame_renew(struct broker *b, struct open_task *task, uint32_t sample, int64_t now_ms);
/* Says each try to the learner again: of a sample, of all that are open. */
void blame_again(struct broker *b, const struct open_task *task, uint32_t sample);
void blame_all_again(struct broker *b);
/* FAIL of the learner: a try of before, which it has from its journal. */
enum err blame_on_fail(struct broker *b, struct broker_member *from, const struct msg *msg,
                       int64_t now);
/* Each tick: whose turn each sample is, anybody's or only the learner's own actor's. */
void blame_tick(struct broker *b, int64_t now_ms);

#endif
