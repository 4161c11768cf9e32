/* blame: who failed which sample, and who may still try it. Inside broker/ only. */

#ifndef BROKER_BLAME_H
#define BROKER_BLAME_H

#include "broker/members.h"

struct broker;
struct open_sample;
struct open_task;

enum { BLAME_WORKERS = 3 };
struct tries { /* of a sample: who failed it (blame.c) */
    uint32_t n, own;
    struct {
        struct id peer; /* zeros: out of the learner's journal */
        char who[2 * MEMBERS_NAME + 8], reason[MEMBERS_WORDS];
    } by[BLAME_WORKERS];
    char own_reason[MEMBERS_WORDS];
};

bool blame_is_own(const struct broker *b, const struct broker_member *member);
/* May this actor do this sample? */
bool blame_may(const struct broker *b, const struct broker_member *actor,
               const struct open_sample *sample);
/* An actor failed a sample that waits or is leased. */
void blame_actor(struct broker *b, struct open_task *task, uint32_t sample,
                 const struct broker_member *by, const char *reason, int64_t now_ms);
/* The same of an answer of it that was found false, of a sample that is to be done. */
void blame_false(struct broker *b, struct open_sample *sample, const struct origin *by,
                 const char *reason);
/* Whose turn it is: anybody's, or only the learner's own actor's. */
void blame_look(struct broker *b, const struct open_task *task, uint32_t sample,
                int64_t now_ms);
/* A try of before, which the learner has from its journal. */
enum err blame_on_fail(struct broker *b, struct broker_member *from, const struct msg *msg,
                       int64_t now);
/* The learner's next life has another actor, and may have more memory: what none could do
 * before is tried again. */
void blame_renew(struct broker *b, struct open_task *task, uint32_t sample, int64_t now_ms);
void blame_again(struct broker *b, const struct open_task *task, uint32_t sample);
void blame_scorer(struct broker *b, const struct scorer *scorer, const char *who,
                  const char *reason);
void blame_tick(struct broker *b, int64_t now_ms);

#endif
