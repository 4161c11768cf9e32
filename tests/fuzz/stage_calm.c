/* Nothing that a peer said may outlive it: when all of them have left, another run by honest
 * peers must come to its end, in seconds. And while they are there, lie, fail, and at last only
 * hold on to what they have, an honest learner with one honest actor and one honest rewarder
 * must still come to its end, with answers that are what was asked for. */

#include "proto/digest.h"
#include "tests/fuzz/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEARNER = 0,
    ACTOR = 1,
    REWARDER = 3,
    TASKS = 3,
    SAMPLES = 2,
    TURNS = 100,
    PATIENCE_S = 7200
};

struct calm {
    struct stage *stage;
    struct stage_peer *learner, *actor, *rewarder;
    uint32_t leases, asks; /* of those told, the ones that are done with */
};

static void say(struct calm *c, struct stage_peer *from, struct msg *msg)
{
    stage_say(c->stage, from, msg, 0);
}

static void hello(struct calm *c, struct stage_peer *peer)
{
    static const struct scorer rule = {.hash = {{77}},
                                       .name = "rule",
                                       .kind = SCORER_RULE,
                                       .unit = UNIT_ROLLOUT,
                                       .pure = true,
                                       .spec = "{}"};
    static const struct msg_ability offer = {SCORER_RULE, ""};
    const struct version newest = stage_version(0);
    struct msg msg = {.head.type = MSG_HELLO,
                      .hello = {.peer = peer->id,
                                .incarnation = peer->incarnation,
                                .role = peer->role,
                                .major_min = 1,
                                .major_max = 1,
                                .name = "honest",
                                .build = "",
                                .host = "",
                                .slots = 8}};

    if (peer->role == ROLE_LEARNER) {
        msg.hello.settled.epoch = 1;
        msg.hello.newest = newest;
        msg.hello.table = 1;
        msg.hello.vocabulary = STAGE_VOCABULARY;
        msg.hello.scorer = &rule;
        msg.hello.n_scorer = 1;
    } else if (peer->role == ROLE_ACTOR) {
        msg.hello.image = &newest;
        msg.hello.n_image = 1;
    } else {
        msg.hello.offer = &offer;
        msg.hello.n_offer = 1;
    }
    say(c, peer, &msg);
}

static void heartbeat(struct calm *c, struct stage_peer *peer)
{
    const struct version newest = stage_version(0);
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.progress = ++peer->progress,
                             .credit = 8,
                             .lease_seen = peer->seen,
                             .image = &newest,
                             .n_image = 1,
                             .note = "",
                             .wants_own = "",
                             .metrics = ""}};

    if (peer->role == ROLE_LEARNER) {
        msg.hb.lease_seen = peer->arrived;
        msg.hb.credit_bytes = 1 << 20;
        msg.hb.newest = newest;
        msg.hb.settled.epoch = 1;
    }
    say(c, peer, &msg);
}

struct task stage_task(uint64_t id)
{
    static const int32_t prompt = 5, stop = STAGE_STOP;

    return (struct task){.id = id,
                         .samples = SAMPLES,
                         .prompt = &prompt,
                         .n_prompt = 1,
                         .decoding = {.temperature = 1,
                                      .top_p = 1,
                                      .max_new = STAGE_TOKENS,
                                      .stop = &stop,
                                      .n_stop = 1},
                         .version = stage_version(0),
                         .table = 1,
                         .prompt_text = "",
                         .meta = ""};
}

static void open_tasks(struct calm *c)
{
    while (c->learner->open_to < TASKS) {
        struct msg msg = {.head.type = MSG_OPEN,
                          .open.task = stage_task(c->learner->open_to++)};

        say(c, c->learner, &msg);
    }
}

static void answer(struct calm *c)
{
    static const int32_t token = STAGE_STOP;
    static const float logprob = -1;
    static struct span span;

    span.version = stage_version(0);
    while (c->leases < c->actor->leases) {
        const struct stage_lease lease = c->actor->lease[c->leases++ % STAGE_HELD];

        for (uint32_t i = 0; i < lease.count; i++) {
            struct msg msg = {.head.type = MSG_ROLLOUT,
                              .rollout = {.lease = lease.lease,
                                          .rollout = {.task = lease.task,
                                                      .sample = lease.first + i,
                                                      .end = ROLLOUT_STOP,
                                                      .token = &token,
                                                      .logprob = &logprob,
                                                      .n_token = 1,
                                                      .span = &span,
                                                      .n_span = 1,
                                                      .text = ""}}};

            msg.rollout.rollout.hash = digest_rollout(&msg.rollout.rollout);
            say(c, c->actor, &msg);
        }
    }
}

static void judge(struct calm *c)
{
    uint32_t each[STAGE_ITEMS];
    float value[STAGE_ITEMS];

    while (c->asks < c->rewarder->asks) {
        const struct stage_ask ask = c->rewarder->ask[c->asks++ % STAGE_HELD];
        struct msg msg = {.head.type = MSG_SCORE,
                          .score = {.ticket = ask.ticket,
                                    .score = {.scorer = ask.scorer,
                                              .rollout = ask.rollout,
                                              .each = each,
                                              .n_rollout = ask.items,
                                              .value = value,
                                              .n_value = ask.items,
                                              .diagnostics = ""}}};

        for (uint32_t i = 0; i < ask.items; i++) {
            each[i] = 1;
            value[i] = 2;
        }
        say(c, c->rewarder, &msg);
    }
}

static void all_leave(struct stage *s)
{
    for (uint32_t i = 0; i < STAGE_PEERS; i++) {
        struct stage_peer *peer = &s->peer[i];
        const enum role role = peer->role;

        peer->answer = OK;
        stage_gone(s, peer, true);
        *peer = (struct stage_peer){
            .role = role, .id = {.byte = {(uint8_t)i, 99}}, .incarnation = 99};
    }
    stage_pass(s, s->limits.hold_ms + 1000);
}

/* A start of a run is one process's: each has a run of its own. */
static struct calm begin(struct stage *s, uint8_t run)
{
    struct calm c = {.stage = s,
                     .learner = &s->peer[LEARNER],
                     .actor = &s->peer[ACTOR],
                     .rewarder = &s->peer[REWARDER]};

    s->run = (struct id){.byte = {run}};
    s->epoch = 1;
    s->guarded = true;
    hello(&c, c.learner);
    hello(&c, c.actor);
    hello(&c, c.rewarder);
    return c;
}

static bool done(const struct calm *c)
{
    return c->learner->arrived >= TASKS * SAMPLES;
}

static void turn(struct calm *c, int64_t ms)
{
    heartbeat(c, c->learner);
    heartbeat(c, c->actor);
    heartbeat(c, c->rewarder);
    open_tasks(c);
    stage_pass(c->stage, ms);
    answer(c);
    judge(c);
}

static void check_end(const struct calm *c, const char *when)
{
    if (done(c))
        return;
    fprintf(stderr,
            "stage: an honest run does not end %s: %llu of %d answers, %u leases, %u tickets\n",
            when, (unsigned long long)c->learner->arrived, TASKS * SAMPLES, c->actor->leases,
            c->rewarder->asks);
    abort();
}

void stage_calm(struct stage *s)
{
    struct calm c;

    all_leave(s);
    c = begin(s, 98);
    for (int i = 0; i < TURNS && !done(&c); i++)
        turn(&c, 100);
    check_end(&c, "after all others have left");
}

/* ---- among liars */

static bool is_liar(const struct stage *s, const struct stage_peer *peer)
{
    return peer != &s->peer[LEARNER] && peer != &s->peer[ACTOR] && peer != &s->peer[REWARDER] &&
           peer->role != ROLE_LEARNER;
}

/* It says that it goes on with all that it has, and has room for more. */
static void hoard(struct calm *c, struct stage_peer *peer)
{
    const struct version image = stage_version(0);
    uint64_t lease[STAGE_HELD];
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.progress = ++peer->progress,
                             .credit = 1000,
                             .lease_seen = peer->seen,
                             .lease = lease,
                             .image = &image,
                             .n_image = 1,
                             .note = "",
                             .wants_own = "",
                             .metrics = ""}};

    for (; msg.hb.n_lease < STAGE_HELD; msg.hb.n_lease++)
        lease[msg.hb.n_lease] = peer->lease[msg.hb.n_lease].lease;
    if (peer->member)
        say(c, peer, &msg);
    else
        stage_hello(c->stage, peer);
}

void stage_crowd(struct stage *s)
{
    struct calm c = begin(s, 99);

    while (!stage_over(s)) {
        struct stage_peer *peer = &s->peer[stage_draw(s, STAGE_PEERS)];

        if (!is_liar(s, peer))
            turn(&c, 100);
        else if (!peer->member)
            stage_hello(s, peer);
        else
            stage_line(s, peer);
    }
    for (int i = 0; i < PATIENCE_S && !done(&c); i++) {
        for (uint32_t k = 0; k < STAGE_PEERS; k++)
            if (is_liar(s, &s->peer[k]))
                hoard(&c, &s->peer[k]);
        turn(&c, 1000);
    }
    check_end(&c, "among liars");
}
