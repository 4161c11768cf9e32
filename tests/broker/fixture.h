/* fixture: a broker with recorded answers: what it said to whom, as decoded messages.
 *
 * Members are numbered 0 .. FIXTURE_MEMBERS-1, as the test likes. Time is fixture->now_ms. */

#ifndef TESTS_BROKER_FIXTURE_H
#define TESTS_BROKER_FIXTURE_H

#include "tests/support/test.h"

#include "broker/broker.h"
#include "proto/codec.h"

enum {
    FIXTURE_MEMBERS = 8,
    FIXTURE_SAID = 512,
    FIXTURE_LEARNER = 0,
    FIXTURE_ACTOR = 1,
    FIXTURE_REWARDER = 4,
    FIXTURE_OWN = 7, /* at */
    FIXTURE_STOP = 7,
    FIXTURE_VOCABULARY = 4096
};

struct broker_fixture {
    struct broker *broker;
    struct broker_limits limits;
    int64_t now_ms;
    uint64_t epoch; /* of the last learner: in the head of what is said */
    struct broker_member *member[FIXTURE_MEMBERS];
    enum err answer[FIXTURE_MEMBERS]; /* what sending to it gives */
    bool released[FIXTURE_MEMBERS];
    uint32_t refused[FIXTURE_MEMBERS];    /* code */
    char words[FIXTURE_MEMBERS][1024];    /* and its words */
    const char *address[FIXTURE_MEMBERS]; /* from which it says HELLO; NULL: "" */
    struct hash key[FIXTURE_MEMBERS];     /* by which; zeros: none */
    uint32_t strikes[FIXTURE_MEMBERS];    /* given later than as something came */
    bool drops[FIXTURE_MEMBERS];          /* the hub drops it at a strike */
    struct earlier earlier;               /* of the tasks that are opened from now on */
    bool restarted;                       /* what the next broker is told of its birth */
    struct fixture_said {
        uint32_t to;
        enum msg_type type;
        struct frames frames;
    } said[FIXTURE_SAID];
    uint32_t n;
    struct arena *arena;
    struct msg msg; /* the one that fixture_said gave last */
    struct frames stats;
    bool has_stats;
};

extern const struct id fixture_run, fixture_own; /* own: of the actor at FIXTURE_OWN */
extern const struct scorer fixture_rule, fixture_text, fixture_group, fixture_pair,
    fixture_tokens;

void fixture_open(struct broker_fixture *fixture);
void fixture_close(struct broker_fixture *fixture);
void fixture_restart(struct broker_fixture *fixture, uint64_t first_number);
/* Lets time pass in ticks of 100 ms. */
void fixture_pass(struct broker_fixture *fixture, int64_t ms);

/* The oldest message of this type to this member, which is taken off; NULL if there is none. */
const struct msg *fixture_said(struct broker_fixture *fixture, uint32_t to, enum msg_type type);
uint32_t fixture_count(const struct broker_fixture *fixture, uint32_t to, enum msg_type type);
void fixture_forget(struct broker_fixture *fixture); /* what was said so far */
const struct msg_stats *fixture_stats(struct broker_fixture *fixture);

/* HELLOs. A learner with n scorers; epoch and settled watermark as told. */
void fixture_learner(struct broker_fixture *fixture, uint64_t epoch,
                     const struct scorer *scorer, uint32_t n);
void fixture_actor(struct broker_fixture *fixture, uint32_t at, const struct claim *claim,
                   uint32_t claims);
void fixture_rewarder(struct broker_fixture *fixture, uint32_t at, uint32_t kind,
                      const char *name);
void fixture_other(struct broker_fixture *fixture, uint32_t at, enum role role);
struct msg fixture_hello(uint32_t at, enum role role);
void fixture_say_hello(struct broker_fixture *fixture, uint32_t at, const struct msg *msg);
void fixture_gone(struct broker_fixture *fixture, uint32_t at, bool died);

/* What they say. Returns what broker_take does. */
enum err fixture_say(struct broker_fixture *fixture, uint32_t from, struct msg *msg);
void fixture_open_task(struct broker_fixture *fixture, uint64_t id, uint32_t samples,
                       uint64_t version);
void fixture_credit(struct broker_fixture *fixture, uint32_t at, uint32_t credit,
                    uint64_t seen);
/* The same of an actor that holds the weights of this version and no others. */
void fixture_credit_with(struct broker_fixture *fixture, uint32_t at, uint32_t credit,
                         uint64_t seen, uint64_t version);
void fixture_hb_lease(struct broker_fixture *fixture, uint32_t at, uint64_t progress,
                      uint64_t seen, const uint64_t *lease, uint32_t leases);
void fixture_learner_hb(struct broker_fixture *fixture, uint64_t bytes, uint64_t seen,
                        uint64_t watermark, const struct range *range, uint32_t ranges);
/* An answer of 3 tokens; `kind` makes another one of it. Points to what the next call changes.
 */
struct rollout fixture_answer(uint64_t task, uint32_t sample, uint8_t kind, uint64_t version);
enum err fixture_bring(struct broker_fixture *fixture, uint32_t from,
                       const struct rollout *rollout);
enum err fixture_rollout(struct broker_fixture *fixture, uint32_t from, uint64_t task,
                         uint32_t sample, uint8_t kind, uint64_t version);
struct hash fixture_hash(uint64_t task, uint32_t sample, uint8_t kind);
struct version fixture_version(uint64_t number);
/* Answers a ticket with `value` for each of its rollouts but the last `less`. */
enum err fixture_score(struct broker_fixture *fixture, uint32_t from, const struct msg_ask *ask,
                       float value, uint32_t less);

#endif
