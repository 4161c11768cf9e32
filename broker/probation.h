/* probation: who let work lie gets little of it until it has brought some. Inside broker/ only.
 *
 * Whose lease ran out or was overdue, who was too slow by far while others stood idle, and who died
 * with work in hand twice without an answer in between, has one sample at a time from then on, and
 * with each answer twice as many. That, and how fast an actor is, outlives its connection: a member
 * that comes back under its id, or its name and address, goes on where it was. */

#ifndef BROKER_PROBATION_H
#define BROKER_PROBATION_H

#include "broker/members.h"

struct broker;

enum { PROBATION_MAX = 256 };

struct probation {
    struct probation_past { /* members that are gone */
        struct id id;
        char who[MEMBERS_WHO];
        int64_t gone_ms;
        int64_t trust;
        uint64_t expired, answers;
        uint32_t deaths;
        double pace_tokens, pace_ms;
    } * past; /* a ring: number i is at i % PROBATION_MAX */
    uint64_t n;
};
void probation_fini(struct probation *probation);

/* From now on, for a reason that people see; `expired` samples were taken from it for that. */
void probation_begin(struct broker_member *actor, uint64_t expired, const char *reason);
/* It brought an answer. */
void probation_answer(struct broker_member *actor, int64_t credit_max);
/* An actor comes, after its HELLO was read; is gone, before its work is given back. */
void probation_come(struct probation *probation, struct broker_member *actor, int64_t now_ms);
void probation_gone(struct probation *probation, struct broker_member *actor, bool died,
                    int64_t now_ms);

#endif
