/* state: everything a broker knows, and the verbs its parts share. Inside broker/ only. */

#ifndef BROKER_STATE_H
#define BROKER_STATE_H

#include "broker/breaker.h"
#include "broker/broker.h"
#include "broker/lease.h"
#include "broker/members.h"
#include "broker/settled.h"
#include "broker/suspects.h"
#include "broker/tasks.h"
#include "broker/ticket.h"

enum {
    STATE_SCORERS = 32,
    STATE_STALE = 17,
    STATE_VERSIONS = 64, /* whose hashes are kept */
    STATE_HB_MS = 1000,
    STATE_LATE = 20,
    STATE_WHO_MS = 200
};

struct run_state {          /* the one that is served */
    bool bound, done, left; /* left: its learner said BYE and none has come since */
    struct id id;
    uint64_t epoch;
    struct id process; /* whose start it is, and its incarnation */
    uint64_t process_start;
    struct broker_member *learner;                /* NULL while it is away */
    int64_t seen_ms;                              /* when it was last heard */
    struct version newest, known[STATE_VERSIONS]; /* known: number i at i % STATE_VERSIONS */
    uint64_t smallest_live, step, body_max;
    uint32_t vocabulary, table, scorers, artifacts;
    struct scorer *scorer;
    struct artifact *artifact;
    struct settled_samples settled;
    char *metrics;       /* JSON, or NULL */
    struct id own;       /* the learner's own actor; zeros: it has none */
    bool tried;          /* some sample was failed by somebody */
    uint32_t owned;      /* samples that only the learner's own actor may do, */
    char wants_own[512]; /* and why, of the first */
};

struct counters {
    uint64_t duplicates, disputed, expired, reissued, late, gaps, settled, bad_frames, refused;
    uint64_t stale[STATE_STALE];
    uint64_t settled_past[MEMBERS_RATES]; /* one a second */
    uint32_t pasts;
};

struct broker {
    struct broker_limits limits;
    struct broker_sink sink;
    uint64_t incarnation, first_number;
    char *bulk, *bulk_key;
    int64_t born_ms, lease_from_ms, hb_ms;
    int64_t
        token_us; /* what answers usually take, from lease to body, by max_new; 0: unknown */
    struct broker_member *first, *last; /* in order of arrival */
    struct broker_member *turn;         /* who got the last lease */
    struct run_state run;
    struct open_tasks tasks;
    struct leases leases;
    struct tickets tickets;
    struct fifo to_learner, ask[STATE_SCORERS];
    struct counters counters;
    struct breaker breaker[STATE_SCORERS];
    struct suspects suspects;
    bool draining, space_short;
};

/* broker.c: sends, with run and epoch in the head; on an error the member must say HELLO again.
 * False: not sent. */
bool broker_send(struct broker *b, struct broker_member *to, struct msg *msg);
/* Makes it say HELLO again; at most once in STATE_WHO_MS. */
void broker_who(struct broker *b, struct broker_member *to, int64_t now_ms);
void broker_heartbeats(struct broker *b, int64_t now_ms);

/* run.c: the learner's words. */
bool run_admit(struct broker *b, const struct broker_member *was, const struct msg *msg,
               enum refuse_code *code, const char **words, int64_t now_ms);
void run_bind(struct broker *b, struct broker_member *learner, const struct msg *msg,
              int64_t now_ms);
void run_forget_tasks(struct broker *b);
enum err run_on_open(struct broker *b, struct broker_member *from, const struct msg *msg,
                     int64_t now);
enum err run_on_cancel(struct broker *b, struct broker_member *from, const struct msg *msg,
                       int64_t now);
enum err run_on_settled(struct broker *b, struct broker_member *from, const struct msg *msg,
                        int64_t now);
enum err run_on_publish(struct broker *b, struct broker_member *from, const struct msg *msg,
                        int64_t now);
void run_on_hb(struct broker *b, struct broker_member *from, const struct msg *msg,
               int64_t now_ms);

/* handshake.c: what HELLO is answered. */
void handshake_send(struct broker *b, struct broker_member *to, const struct msg_hello *hello,
                    int64_t now_ms);
/* Claims on a task that has just been opened, or for which there was no space. */
void handshake_claims(struct broker *b, uint64_t task, int64_t now_ms);
void handshake_all_claims(struct broker *b, int64_t now_ms);

/* grant.c: leases. */
/* The task of a lease, with all of its samples; NULL if that opening is over. */
struct open_task *grant_of(const struct broker *b, const struct lease *lease);
void grant_work(struct broker *b, int64_t now_ms);
void grant_expire(struct broker *b, int64_t now_ms);
void grant_credit(struct broker *b, struct broker_member *actor);
/* Leases one sample to a member that has it already; false without space. */
bool grant_adopt(struct broker *b, struct broker_member *actor, struct open_task *task,
                 uint32_t sample, bool wanted, int64_t now_ms);
void grant_unsent(struct broker *b,
                  struct broker_member *actor); /* LEASEs for what was adopted */
void grant_release(struct broker *b, struct open_sample *sample,
                   const struct broker_member *by);
void grant_revoke(struct broker *b, const struct lease *lease); /* tells its holder */
bool grant_has_room(const struct broker *b, const struct broker_member *actor);
void grant_requeue(struct broker *b, struct lease *lease, int64_t now_ms);
void grant_requeue_all(struct broker *b, struct broker_member *actor, int64_t now_ms);
/* It is here, and others shall do its work: it hears REVOKE. */
void grant_take_all(struct broker *b, struct broker_member *actor, int64_t now_ms);
/* What a dead actor worked on alone may be what killed it. */
void grant_blame(struct broker *b, const struct broker_member *actor, int64_t now_ms);
void grant_rest(struct broker_member *actor, int64_t ms,
                int64_t now_ms); /* no work for so long */
void grant_on_hb(struct broker *b, struct broker_member *actor, const struct msg_hb *hb,
                 int64_t now_ms);

/* rollouts.c: what actors bring. */
enum err rollouts_on_rollout(struct broker *b, struct broker_member *from,
                             const struct msg *msg, int64_t now);
enum err rollouts_on_fail(struct broker *b, struct broker_member *from, const struct msg *msg,
                          int64_t now);
/* How long refused work rests. */
int64_t rollouts_rest_ms(const struct broker *b, uint32_t attempts);

/* scores.c: requests to rewarders and their answers. */
void scores_ready(struct broker *b, struct open_task *task, uint32_t sample, int64_t now_ms);
void scores_ask(struct broker *b, int64_t now_ms);
void scores_tick(struct broker *b, int64_t now_ms);
/* Asks again for what of a ticket has no answer. */
void scores_requeue(struct broker *b, const struct ticket *ticket);
void scores_credit(struct broker *b, struct broker_member *rewarder);
void scores_take_back(struct broker *b, struct broker_member *rewarder); /* all its tickets */
void scores_forget(struct broker *b);                                    /* all tickets */
void scores_blame(struct broker *b, const struct broker_member *rewarder, int64_t now_ms);

/* to_learner.c: to the learner. */
void to_learner_queue(struct broker *b, struct open_task *task, uint32_t sample);
void to_learner_again(struct broker *b); /* its connection is new: all unsettled once more */
void to_learner_send(struct broker *b, int64_t now_ms);

#endif
