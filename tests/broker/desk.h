/* desk: a broker with recorded answers: what it said to whom, as decoded messages.
 *
 * Members are numbered 0 .. DESK_MEMBERS-1, as the test likes. Time is desk->now_ms. */

#ifndef TESTS_BROKER_DESK_H
#define TESTS_BROKER_DESK_H

#include "tests/support/test.h"

#include "broker/broker.h"
#include "proto/codec.h"

enum {
    DESK_MEMBERS = 8,
    DESK_SAID = 512,
    DESK_LEARNER = 0,
    DESK_ACTOR = 1,
    DESK_REWARDER = 4,
    DESK_OWN = 7, /* at */
    DESK_STOP = 7,
    DESK_VOCABULARY = 4096
};

struct desk {
    struct broker *broker;
    struct broker_limits limits;
    int64_t now_ms;
    uint64_t epoch; /* of the last learner: in the head of what is said */
    struct member *member[DESK_MEMBERS];
    enum err answer[DESK_MEMBERS]; /* what sending to it gives */
    bool released[DESK_MEMBERS];
    uint32_t refused[DESK_MEMBERS];    /* code */
    const char *address[DESK_MEMBERS]; /* from which it says HELLO; NULL: "" */
    uint32_t strikes[DESK_MEMBERS];    /* given later than as something came */
    struct desk_said {
        uint32_t to;
        enum msg_type type;
        struct frames frames;
    } said[DESK_SAID];
    uint32_t n;
    struct arena *arena;
    struct msg msg; /* the one that desk_said gave last */
    struct frames stats;
    bool has_stats;
};

extern const struct id desk_run, desk_own; /* own: of the actor at DESK_OWN */
extern const struct scorer desk_rule, desk_text, desk_group, desk_pair, desk_tokens;

void desk_open(struct desk *desk);
void desk_close(struct desk *desk);
void desk_restart(struct desk *desk, uint64_t first_number);
/* Lets time pass in ticks of 100 ms. */
void desk_pass(struct desk *desk, int64_t ms);

/* The oldest message of this type to this member, which is taken off; NULL if there is none. */
const struct msg *desk_said(struct desk *desk, uint32_t to, enum msg_type type);
uint32_t desk_count(const struct desk *desk, uint32_t to, enum msg_type type);
void desk_forget(struct desk *desk); /* what was said so far */
const struct msg_stats *desk_stats(struct desk *desk);

/* HELLOs. A learner with n scorers; epoch and settled watermark as told. */
void desk_learner(struct desk *desk, uint64_t epoch, const struct scorer *scorer, uint32_t n);
void desk_actor(struct desk *desk, uint32_t at, const struct claim *claim, uint32_t claims);
void desk_rewarder(struct desk *desk, uint32_t at, uint32_t kind, const char *name);
void desk_other(struct desk *desk, uint32_t at, enum role role);
struct msg desk_hello(uint32_t at, enum role role);
void desk_say_hello(struct desk *desk, uint32_t at, const struct msg *msg);
void desk_gone(struct desk *desk, uint32_t at, bool died);

/* What they say. Returns what broker_take does. */
enum err desk_say(struct desk *desk, uint32_t from, struct msg *msg);
void desk_open_task(struct desk *desk, uint64_t id, uint32_t samples, uint64_t version);
void desk_credit(struct desk *desk, uint32_t at, uint32_t credit, uint64_t seen);
void desk_hb_lease(struct desk *desk, uint32_t at, uint64_t progress, uint64_t seen,
                   const uint64_t *lease, uint32_t leases);
void desk_learner_hb(struct desk *desk, uint64_t bytes, uint64_t seen, uint64_t watermark,
                     const struct range *range, uint32_t ranges);
/* An answer of 3 tokens; `kind` makes another one of it. Points to what the next call changes.
 */
struct rollout desk_answer(uint64_t task, uint32_t sample, uint8_t kind, uint64_t version);
enum err desk_bring(struct desk *desk, uint32_t from, const struct rollout *rollout);
enum err desk_rollout(struct desk *desk, uint32_t from, uint64_t task, uint32_t sample,
                      uint8_t kind, uint64_t version);
struct hash desk_hash(uint64_t task, uint32_t sample, uint8_t kind);
struct version desk_version(uint64_t number);
/* Answers a ticket with `value` for each of its rollouts but the last `less`. */
enum err desk_score(struct desk *desk, uint32_t from, const struct msg_ask *ask, float value,
                    uint32_t less);

#endif
