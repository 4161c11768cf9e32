#include "base/mem.h"
#include "broker/state.h"
#include "proto/arena.h"
#include "tests/broker/sim.h"
#include "tests/broker/sim_parts.h"

#include <stdlib.h>
#include <string.h>

static void queue_add(struct sim_queue *q, struct frames *take)
{
    if (q->n == q->capacity) {
        struct frames *more;

        q->capacity = q->capacity ? 2 * q->capacity : 16;
        more = mem_new(q->capacity, sizeof *more);
        for (uint32_t i = 0; i < q->n; i++)
            more[i] = q->item[(q->first + i) % (q->capacity / 2)];
        free(q->item);
        q->item = more;
        q->first = 0;
    }
    q->item[(q->first + q->n++) % q->capacity] = *take;
}

static bool queue_take(struct sim_queue *q, struct frames *out)
{
    if (!q->n)
        return false;
    *out = q->item[q->first];
    q->first = (q->first + 1) % q->capacity;
    q->n--;
    return true;
}

static void queue_drop(struct sim_queue *q, uint32_t n)
{
    struct frames frames;

    while (n-- && queue_take(q, &frames))
        frames_fini(&frames);
}

void sim_queue_clear(struct sim_queue *q)
{
    queue_drop(q, q->n);
    free(q->item);
    memset(q, 0, sizeof *q);
}

static void encode_to(struct sim *sim, struct sim_queue *q, struct msg *msg)
{
    struct frames frames;

    frames_init(&frames);
    if (codec_encode(&frames, msg)) {
        sim_break(sim, err_text(), msg->head.type, 0);
        return;
    }
    queue_add(q, &frames);
}

void sim_up(struct sim *sim, struct sim_peer *peer, struct msg *msg)
{
    if (peer->connected)
        encode_to(sim, &peer->up, msg);
}

void sim_cut(struct sim *sim, struct sim_peer *peer, bool keep_some)
{
    queue_drop(&peer->down, peer->down.n);
    queue_drop(&peer->up, keep_some ? (uint32_t)sim_draw(sim, peer->up.n + 1) : peer->up.n);
    peer->connected = false;
    peer->half_open = sim_chance(sim, 500);
    peer->connection++;
    peer->connect_ms = sim->now_ms + SIM_STEP_MS + (int64_t)sim_draw(sim, 300);
}

/* ---- the hub, as hub.h says */

static enum err hub_send(void *self, void *link, enum msg_type type, struct frames *frames)
{
    struct sim *sim = self;
    struct sim_record *record = link;
    struct sim_peer *peer = &sim->peer[record->peer];

    struct frames copy;

    if (!record->used)
        sim_break(sim, "a message to a record that is gone", type, record->peer);
    if (record->connection != peer->connection || !peer->connected)
        return peer->half_open ? OK : ERR_IO;
    if (peer->down.n > 256)
        return ERR_STATE;
    if (frames_share(&copy, frames))
        sim_break(sim, err_text(), type, 0);
    else
        queue_add(&peer->down, &copy);
    return OK;
}

static void hub_gone(struct sim *sim, struct sim_record *record, bool died)
{
    struct broker_member *member = record->member;

    record->member = NULL;
    if (member)
        broker_gone(sim->broker, member, died, sim->now_ms);
    record->used = false;
}

static void hub_refuse(void *self, void *link, enum refuse_code code, const char *words)
{
    struct msg msg = {.head.type = MSG_REFUSE, .refuse = {.code = code, .words = words}};
    struct frames frames;
    struct sim *sim = self;

    frames_init(&frames);
    if (codec_encode(&frames, &msg))
        sim_break(sim, err_text(), code, 0);
    else
        (void)hub_send(self, link, MSG_REFUSE, &frames);
    frames_fini(&frames);
    hub_gone(sim, link, false);
}

static void hub_release(void *self, void *link)
{
    hub_gone(self, link, false);
}

static void hub_publish(void *self, struct msg *msg)
{
    struct sim *sim = self;
    const struct msg_stats *s = &msg->stats;
    uint64_t dropped = 0;

    if (msg->head.type != MSG_STATS)
        return;
    for (uint32_t i = 0; i < s->n_drop; i++)
        dropped += s->drop[i].count;
    if (s->opened != s->trained + s->waiting + s->leased + s->scoring + s->unsettled + dropped)
        sim_break(sim, "opened = trained + open + dropped", s->opened, s->trained);
    sim->stats_seen++;
    sim->last = *s;
}

void sim_broker_start(struct sim *sim)
{
    const struct broker_sink sink = {.self = sim,
                                     .send = hub_send,
                                     .refuse = hub_refuse,
                                     .release = hub_release,
                                     .publish = hub_publish};
    const struct broker_birth birth = {.incarnation = sim_draw(sim, UINT64_MAX),
                                       .first_number = sim->brokers++ << 32,
                                       .bulk = "tcp://127.0.0.1:5556",
                                       .bulk_key = ""};

    memset(sim->record, 0, sizeof sim->record);
    broker_new(&sim->broker, &sim->limits, &sink, &birth, sim->now_ms);
    for (int i = 0; i < SIM_PEERS; i++) {
        struct sim_peer *peer = &sim->peer[i];

        peer->half_open = false;
        peer->connect_ms = sim->now_ms + (int64_t)sim_draw(sim, 400);
    }
}

void sim_broker_count(struct sim *sim)
{
    if (!sim->broker)
        return;
    sim->copied += sim->broker->counters.copied;
    sim->moved += sim->broker->counters.moved;
}

void sim_broker_kill(struct sim *sim)
{
    sim_broker_count(sim);
    for (int i = 0; i < SIM_PEERS; i++)
        if (sim->peer[i].connected)
            sim_cut(sim, &sim->peer[i], sim_chance(sim, 700));
    broker_free(sim->broker);
    sim->broker = NULL;
    sim->broker_ms = sim->now_ms + 100 + (int64_t)sim_draw(sim, 2000);
}

static struct sim_record *find_record(struct sim *sim, uint32_t peer)
{
    for (int i = 0; i < SIM_PEERS; i++)
        if (sim->record[i].used && sim->record[i].peer == peer)
            return &sim->record[i];
    return NULL;
}

static void hub_hello(struct sim *sim, uint32_t at, const struct msg *msg)
{
    struct sim_record *record = find_record(sim, at);
    struct broker_member *was, *member;

    if (record && record->incarnation != msg->hello.incarnation) {
        hub_gone(sim, record, true);
        record = NULL;
    }
    for (int i = 0; !record && i < SIM_PEERS; i++)
        if (!sim->record[i].used)
            record = &sim->record[i];
    was = record->used ? record->member : NULL;
    *record = (struct sim_record){.used = true,
                                  .peer = at,
                                  .connection = sim->peer[at].connection,
                                  .incarnation = msg->hello.incarnation,
                                  .heard_ms = sim->now_ms,
                                  .member = was};
    member = broker_hello(sim->broker, was, record, msg, sim->now_ms);
    if (member)
        record->member = member;
    else if (record->used && record->member)
        sim_break(sim, "refused, and still there", at, 0);
}

static void hub_hear(struct sim *sim, uint32_t at, const struct msg *msg)
{
    struct sim_peer *peer = &sim->peer[at];
    struct sim_record *record = find_record(sim, at);
    struct msg who = {.head.type = MSG_WHO};
    enum err err;

    if (msg->head.type == MSG_HELLO) {
        hub_hello(sim, at, msg);
        return;
    }
    if (!record || record->connection != peer->connection || !record->member) {
        encode_to(sim, &peer->down, &who);
        return;
    }
    record->heard_ms = sim->now_ms;
    if (!broker_hears(peer->role, msg->head.type))
        sim_break(sim, "the broker does not hear", msg->head.type, peer->role);
    err = broker_take(sim->broker, record->member, msg, sim->now_ms);
    if (err)
        sim_break(sim, err_text(), msg->head.type, at);
}

void sim_hub_step(struct sim *sim)
{
    if (!sim->broker) {
        if (sim->now_ms >= sim->broker_ms)
            sim_broker_start(sim);
        return;
    }
    for (int i = 0; i < SIM_PEERS; i++)
        if (sim->record[i].used && sim->now_ms - sim->record[i].heard_ms >= 5000)
            hub_gone(sim, &sim->record[i], true);
    if (sim->now_ms % 100 == 0)
        broker_tick(sim->broker, sim->now_ms);
    if (broker_bytes(sim->broker) > sim->limits.task_bytes + sim->limits.body_bytes)
        sim_break(sim, "bytes over the limit", broker_bytes(sim->broker), 0);
}

static void hear(struct sim *sim, struct sim_peer *peer, const struct msg *msg)
{
    peer->heard_ms = sim->now_ms;
    if (msg->head.type == MSG_WHO) {
        peer->welcome = false;
        peer->said_ms = 0;
        return;
    }
    if (msg->head.type == MSG_WELCOME) {
        peer->welcome = true;
        peer->said_ms = 0; /* a heartbeat at once: it has the credit */
    }
    if (msg->head.type != MSG_REFUSE && msg->head.run.byte[0]) /* as proto/peer.c does */
        peer->run_epoch = msg->head.epoch;
    if (peer->role == ROLE_LEARNER)
        sim_learner_hear(sim, peer, msg);
    else if (peer->role == ROLE_ACTOR)
        sim_actor_hear(sim, peer, msg);
    else
        sim_rewarder_hear(sim, peer, msg);
}

static void deliver(struct sim *sim, uint32_t at, bool up)
{
    struct sim_peer *peer = &sim->peer[at];
    struct frames frames;
    struct msg msg;

    if (!queue_take(up ? &peer->up : &peer->down, &frames))
        return;
    if (codec_decode(&msg, &frames, sim->arena))
        sim_break(sim, err_text(), at, up);
    else if (up)
        hub_hear(sim, at, &msg);
    else
        hear(sim, peer, &msg);
    frames_fini(&frames);
    arena_reset(sim->arena);
}

void sim_net_step(struct sim *sim)
{
    const uint32_t turn = (uint32_t)sim_draw(sim, SIM_PEERS);

    for (uint32_t i = 0; i < SIM_PEERS && !sim->broken; i++) {
        const uint32_t at = (i + turn) % SIM_PEERS;
        struct sim_peer *peer = &sim->peer[at];
        const uint64_t ups = sim_draw(sim, 12), downs = sim_draw(sim, 12);

        if (!peer->used || !sim->broker)
            continue;
        if (peer->alive && !peer->connected && sim->now_ms >= peer->connect_ms)
            peer->connected = true;
        if (!peer->connected)
            continue;
        for (uint64_t k = 0; k < ups && peer->connected; k++)
            deliver(sim, at, true);
        for (uint64_t k = 0; k < downs && peer->alive && !peer->frozen; k++)
            deliver(sim, at, false);
    }
}
