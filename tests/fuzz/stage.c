/* The string is read byte by byte as it is needed, so that a change of one byte changes what
 * follows but little. After each message the broker's own books are audited (stage_check):
 * a wrong entry is found when it is made, not when it is used. */

#include "tests/fuzz/stage.h"

#include "base/mem.h"
#include "broker/state.h"
#include "proto/answer.h"
#include "proto/arena.h"
#include "tests/fuzz/mend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stage_seen stage_seen;

static const enum role cast[STAGE_PEERS] = {
    ROLE_LEARNER,  ROLE_ACTOR,    ROLE_ACTOR,      ROLE_REWARDER, ROLE_LEARNER, ROLE_ACTOR,
    ROLE_REWARDER, ROLE_REWARDER, ROLE_SUPERVISOR, ROLE_OPERATOR, ROLE_ACTOR,   ROLE_LEARNER};

bool stage_over(struct stage *s)
{
    return s->steps++ >= STAGE_STEPS;
}

uint32_t stage_byte(struct stage *s)
{
    if (s->at < s->end) {
        s->draw = s->draw * 0x5851f42d4c957f2du + *s->at + 1;
        return *s->at++;
    }
    s->draw = s->draw * 0x5851f42d4c957f2du + 0x14057b7ef767814fu; /* Knuth's */
    return (uint32_t)(s->draw >> 56);
}

uint32_t stage_draw(struct stage *s, uint32_t below)
{
    uint32_t word = stage_byte(s);

    if (below > 256)
        word = word << 8 | stage_byte(s);
    return below ? word % below : 0;
}

static void give_up(const char *what)
{
    fprintf(stderr, "stage: %s\n", what);
    abort();
}

/* ---- from the broker */

static void told_lease(struct stage_peer *peer, const struct msg_lease *in)
{
    peer->lease[peer->leases++ % STAGE_HELD] =
        (struct stage_lease){.lease = in->lease,
                             .task = in->task.id,
                             .first = in->first,
                             .count = in->count,
                             .version = in->task.version};
    if (in->lease > peer->seen)
        peer->seen = in->lease;
}

static void told_ask(struct stage_peer *peer, const struct msg_ask *in)
{
    struct stage_ask *ask = &peer->ask[peer->asks++ % STAGE_HELD];

    *ask = (struct stage_ask){.ticket = in->ticket, .scorer = in->scorer};
    for (; ask->items < in->n_item && ask->items < STAGE_ITEMS; ask->items++) {
        ask->rollout[ask->items] = in->item[ask->items].hash;
        ask->tokens[ask->items] = in->item[ask->items].n_token;
    }
    if (in->ticket > peer->seen)
        peer->seen = in->ticket;
}

/* An honest learner is given what can be an answer, and nothing else. */
static void check_answer(const struct rollout *rollout)
{
    const struct task task = stage_task(rollout->task);

    if (answer_check(&task, rollout, STAGE_VOCABULARY)) {
        fprintf(stderr, "stage: given to the learner: %s\n", err_text());
        abort();
    }
}

static void told(const struct stage *s, struct stage_peer *peer, const struct msg *msg)
{
    switch (msg->head.type) {
    case MSG_LEASE:
        told_lease(peer, &msg->lease);
        break;
    case MSG_ASK:
        told_ask(peer, &msg->ask);
        break;
    case MSG_WELCOME:
        peer->open_to = msg->welcome.open_to;
        peer->arrived = peer->seen = 0;
        break;
    case MSG_HB:
        peer->open_to = msg->hb.open_to;
        break;
    case MSG_SAMPLE:
        if (s->guarded && peer == &s->peer[0])
            check_answer(&msg->sample.rollout);
        peer->sample[peer->arrived++ % STAGE_HELD] = msg->sample.rollout.task;
        break;
    case MSG_DROPPED:
        if (s->guarded && peer == &s->peer[0])
            give_up("a sample of an honest run was dropped");
        peer->sample[peer->arrived++ % STAGE_HELD] = msg->dropped.task;
        break;
    default:
        break;
    }
}

static enum err on_send(void *self, void *link, enum msg_type type, struct frames *frames)
{
    struct stage_peer *peer = link;
    struct stage *s = self;
    struct msg msg;

    if (!peer->there)
        give_up("a message to a peer that is gone");
    if (peer->answer)
        return err_set(peer->answer, "as the string wants it");
    arena_reset(s->told);
    if (codec_decode(&msg, frames, s->told))
        give_up(err_text());
    stage_seen.sent++;
    stage_seen.told[peer->role][type]++;
    told(s, peer, &msg);
    return OK;
}

static void on_refuse(void *self, void *link, enum refuse_code code, const char *words)
{
    (void)code;
    if (!words[0])
        give_up("refused without a word");
    stage_gone(self, link, false);
}

static void on_release(void *self, void *link)
{
    stage_gone(self, link, false);
}

static void on_publish(void *self, struct msg *msg)
{
    struct frames frames;

    (void)self;
    frames_init(&frames);
    if (codec_encode(&frames, msg))
        give_up(err_text());
    frames_fini(&frames);
}

/* ---- the hub's part */

void stage_gone(struct stage *s, struct stage_peer *peer, bool died)
{
    struct broker_member *member = peer->member;

    peer->member = NULL;
    if (member)
        broker_gone(s->broker, member, died, s->now_ms);
    peer->there = false;
    peer->strikes = 0;
}

static void strike(struct stage *s, struct stage_peer *peer)
{
    stage_seen.struck++;
    if (++peer->strikes < STAGE_STRIKES || !peer->there)
        return;
    stage_gone(s, peer, true);
    peer->incarnation++; /* it comes back as somebody else */
    peer->id.byte[5]++;
}

static void hear_hello(struct stage *s, struct stage_peer *peer, const struct msg *msg)
{
    struct broker_member *member;

    if (peer->there &&
        (peer->said_incarnation != msg->hello.incarnation || peer->said != msg->hello.role))
        stage_gone(s, peer, true);
    if (msg->hello.role == ROLE_NONE || msg->hello.role >= ROLES ||
        (s->guarded && (msg->hello.role == ROLE_LEARNER) != (peer == &s->peer[0])))
        return;
    peer->there = true;
    peer->said = (enum role)msg->hello.role;
    peer->said_incarnation = msg->hello.incarnation;
    member = broker_hello(s->broker, peer->member, peer, msg, s->now_ms);
    if (member)
        peer->member = member;
    else if (peer->member || peer->there)
        give_up("refused, and still there");
}

static void hear(struct stage *s, struct stage_peer *peer, const struct msg *msg)
{
    const enum msg_type type = msg->head.type;

    stage_seen.decoded++;
    peer->heard = true;
    if (type == MSG_HELLO) {
        hear_hello(s, peer, msg);
        return;
    }
    if (!peer->there || !peer->member)
        return; /* WHO */
    if (!broker_hears(peer->said, type)) {
        strike(s, peer);
        return;
    }
    stage_seen.heard[peer->said][type]++;
    if (broker_take(s->broker, peer->member, msg, s->now_ms))
        strike(s, peer);
}

void stage_say(struct stage *s, struct stage_peer *from, struct msg *msg, uint32_t twists)
{
    struct codec_head head;
    struct frames frames;
    struct msg got;

    msg->head.run = s->run;
    if (!msg->head.epoch)
        msg->head.epoch = s->epoch;
    frames_init(&frames);
    if (codec_encode(&frames, msg) || codec_peek(&head, &frames)) {
        frames_fini(&frames);
        return; /* what cannot be said at all */
    }
    for (uint32_t i = 0; i < twists; i++) {
        const int part = 1 + (int)stage_draw(s, (uint32_t)frames.n - 1);
        const size_t size = frames_size(&frames, part);
        uint8_t *bytes = zmq_msg_data(&frames.part[part]);
        const size_t at = size ? stage_draw(s, 65536) % size : 0;

        if (size)
            bytes[at] = (uint8_t)(stage_byte(s) & 1 ? bytes[at] ^ 1u << stage_draw(s, 8)
                                                    : stage_byte(s));
    }
    if (twists)
        mend_head(&frames, &head);
    stage_seen.mended += twists > 0;
    stage_seen.messages++;
    if (codec_decode(&got, &frames, s->arena))
        strike(s, from);
    else
        hear(s, from, &got);
    frames_fini(&frames);
    arena_reset(s->arena);
    stage_check(s);
}

/* ---- time, and what must hold */

void stage_pass(struct stage *s, int64_t ms)
{
    for (int64_t left = ms; left > 0; left -= 1000) {
        s->now_ms += left < 1000 ? left : 1000;
        broker_tick(s->broker, s->now_ms);
        if (left > 10000)
            left -= 5000, s->now_ms += 5000; /* it slept */
    }
    stage_check(s);
}

static void check_sample(const struct broker *b, const struct open_sample *at, uint32_t *leased)
{
    const struct lease *lease = at->lease == TASKS_NO_LEASE ? NULL : &b->leases.slot[at->lease];

    if ((at->state == SAMPLE_LEASED) != (lease != NULL) || (lease && !lease->number))
        give_up("a sample's place and its lease differ");
    if ((at->body != NULL) != (at->state == SAMPLE_SCORING || at->state == SAMPLE_READY))
        give_up("a body out of place");
    *leased += lease != NULL;
}

/* Not a fault: what the audit must have seen for the rest to mean something. */
static void count_stale(const struct broker *b)
{
    for (uint32_t i = 0; i < b->tickets.capacity; i++)
        for (uint32_t k = 0; b->tickets.slot[i].number && k < b->tickets.slot[i].n_item; k++) {
            const struct tasks_name *name = &b->tickets.slot[i].item[k];
            const struct open_task *task = tasks_find(&b->tasks, name->task);

            stage_seen.stale += task && task->serial != name->serial;
            stage_seen.beyond += task && name->sample >= task->def->samples;
        }
}

void stage_check(const struct stage *s)
{
    const struct broker *b = s->broker;
    uint32_t leased = 0, left = 0, leases = 0;

    if (broker_bytes(b) > s->limits.task_bytes + s->limits.body_bytes)
        give_up("bytes over the limit");
    if (!tasks_add_up(&b->tasks))
        give_up("samples do not add up");
    for (uint64_t id = b->tasks.base; id < b->tasks.end; id++) {
        const struct open_task *task = tasks_find(&b->tasks, id);

        for (uint32_t i = 0; task && i < task->def->samples; i++)
            check_sample(b, &task->sample[i], &leased);
    }
    for (uint32_t i = 0; i < b->leases.capacity; i++)
        if (b->leases.slot[i].number) {
            left += b->leases.slot[i].left;
            leases++;
        }
    if (leased != left || leases != b->leases.n)
        give_up("leases and leased samples differ");
    count_stale(b);
    if (b->outbox.unsendable) /* what the broker says must be sayable */
        give_up("a message that no message can be");
    if (b->to_learner.capacity > 4096)
        give_up("a queue that grows");
    for (int j = 0; j < MAX_SCORERS; j++)
        if (b->ask[j].capacity > 4096)
            give_up("a queue that grows");
}

/* ---- the whole */

void stage_open(struct stage *s, const uint8_t *bytes, size_t n)
{
    const struct broker_sink sink = {.self = s,
                                     .send = on_send,
                                     .refuse = on_refuse,
                                     .release = on_release,
                                     .publish = on_publish};
    const struct broker_birth birth = {.incarnation = 77,
                                       .first_number = 1000,
                                       .bulk = "tcp://127.0.0.1:5556",
                                       .bulk_key = ""};

    memset(s, 0, sizeof *s);
    s->at = bytes;
    s->end = bytes + n;
    s->now_ms = 1000000;
    s->run.byte[0] = 7;
    s->epoch = 1;
    s->table = 1;
    s->limits = broker_default;
    s->limits.tasks = 16;
    s->limits.leases = 32;
    s->limits.tickets = 16;
    s->limits.claims = 32;
    s->limits.credit_max = 64;
    s->limits.task_bytes = 64 << 10;
    s->limits.body_bytes = 256 << 10;
    arena_new(&s->arena, CODEC_ARENA);
    arena_new(&s->told, CODEC_ARENA);
    for (uint32_t i = 0; i < STAGE_PEERS; i++)
        s->peer[i] = (struct stage_peer){
            .role = cast[i], .id = {.byte = {(uint8_t)(i + 1)}}, .incarnation = 1};
    broker_new(&s->broker, &s->limits, &sink, &birth, s->now_ms);
    stage_seen.stages++;
}

void stage_close(struct stage *s)
{
    broker_free(s->broker);
    arena_free(s->arena);
    arena_free(s->told);
}
