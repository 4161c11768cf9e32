#include "tests/broker/sim.h"

#include "base/rng.h"
#include "proto/arena.h"
#include "tests/broker/sim_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUIET_MS = 40000, PATIENCE_MS = 400000, LEARNER = 0, TWIN = 1, FIRST_ACTOR = 2 };

uint64_t sim_draw(struct sim *sim, uint64_t below)
{
    uint64_t x = (sim->seed + 1) * 0x9e3779b97f4a7c15u + ++sim->draws * 0xd1342543de82ef95u;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u; /* splitmix64 */
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return x % below;
}

bool sim_chance(struct sim *sim, uint32_t in_1000)
{
    return sim_draw(sim, 1000) < in_1000;
}

void sim_break(struct sim *sim, const char *what, uint64_t a, uint64_t b)
{
    if (sim->broken)
        return;
    snprintf(sim->words, sizeof sim->words, "%s (%llu, %llu) at %lld ms", what,
             (unsigned long long)a, (unsigned long long)b, (long long)sim->now_ms);
    sim->broken = sim->words;
}

static void start(struct sim *sim, uint32_t at, enum role role)
{
    struct sim_peer *peer = &sim->peer[at];
    const struct id id = peer->used && role != ROLE_LEARNER
                             ? peer->id
                             : (struct id){.byte = {(uint8_t)at, (uint8_t)sim_draw(sim, 256),
                                                    (uint8_t)sim_draw(sim, 256)}};

    sim_queue_clear(&peer->up);
    sim_queue_clear(&peer->down);
    *peer = (struct sim_peer){.used = true,
                              .alive = true,
                              .role = role,
                              .id = id,
                              .incarnation = sim_draw(sim, UINT64_MAX),
                              .connection = peer->connection + 1,
                              .connect_ms = sim->now_ms + (int64_t)sim_draw(sim, 300),
                              .heard_ms = sim->now_ms,
                              .slots = 1 + (uint32_t)sim_draw(sim, 6)};
    if (role == ROLE_LEARNER)
        peer->epoch = ++sim->epoch;
}

static void kill_peer(struct sim *sim, struct sim_peer *peer)
{
    if (!peer->alive)
        return;
    sim_cut(sim, peer, true);
    peer->alive = false;
    peer->start_ms = sim->now_ms + 100 + (int64_t)sim_draw(sim, 8000);
}

static void plan(struct sim *sim)
{
    sim->samples = 1 + (uint32_t)sim_draw(sim, SIM_SAMPLES);
    sim->batch = 1 + (uint32_t)sim_draw(sim, 6);
    sim->tasks = sim->batch * (1 + (uint32_t)sim_draw(sim, 40 / sim->batch));
    sim->lag = (uint32_t)sim_draw(sim, 3);
    sim->actors = 1 + (uint32_t)sim_draw(sim, 4);
    sim->rewarders = 1 + (uint32_t)sim_draw(sim, 3);
    sim->scorers = (uint32_t)sim_draw(sim, SIM_SCORERS + 1);
    sim->varied = sim_chance(sim, 700);
    sim->quiet_ms = 2000 + (int64_t)sim_draw(sim, QUIET_MS);
    for (uint32_t i = 0; i < sim->scorers; i++) {
        struct scorer *s = &sim->scorer[i];
        const uint64_t unit = sim_draw(sim, 6);

        *s = (struct scorer){.id = i, .name = "s", .spec = "", .pure = true};
        s->kind = i == 1 ? SCORER_WORKER : SCORER_RULE;
        s->unit = unit == 0 ? UNIT_GROUP : unit == 1 ? UNIT_PAIR : UNIT_ROLLOUT;
        s->per_token = i == 2;
        s->timeout_ms = 1500;
        s->hash = hash_chunk(&s->id, sizeof s->id);
    }
    sim->limits = broker_default;
    sim->limits.tasks = 8 + (uint32_t)sim_draw(sim, 60);
    sim->limits.leases = 256;
    sim->limits.tickets = 4 + (uint32_t)sim_draw(sim, 60);
    sim->limits.claims = 256;
    sim->limits.task_bytes = 24 * 1024 + sim_draw(sim, 100000);
    sim->limits.body_bytes = 11 * 1024 + sim_draw(sim, sim_chance(sim, 500) ? 8000 : 100000);
    sim->limits.lease_ms = 3000;
    sim->limits.ticket_ms = 3000;
}

static void fault_broker(struct sim *sim)
{
    if (sim->broker && (sim->faults & SIM_KILL_BROKER) && sim_chance(sim, 8))
        sim_broker_kill(sim);
}

static void fault_peer(struct sim *sim, struct sim_peer *peer)
{
    static const uint32_t kill_of[ROLES] = {
        [ROLE_LEARNER] = SIM_KILL_LEARNER,
        [ROLE_ACTOR] = SIM_KILL_ACTOR,
        [ROLE_REWARDER] = SIM_KILL_REWARDER,
    };

    if ((sim->faults & kill_of[peer->role]) && sim_chance(sim, 4))
        kill_peer(sim, peer);
    if ((sim->faults & SIM_CUT) && peer->connected && sim_chance(sim, 8))
        sim_cut(sim, peer, sim_chance(sim, 700));
    if ((sim->faults & SIM_STALL) && peer->role != ROLE_LEARNER && sim_chance(sim, 4))
        peer->stalled_to_ms = sim->now_ms + 1000 + (int64_t)sim_draw(sim, 6000);
    if ((sim->faults & SIM_FREEZE) && sim_chance(sim, 3)) {
        peer->frozen = true;
        peer->wake_ms = sim->now_ms + 500 + (int64_t)sim_draw(sim, 9000);
    }
}

/* Stops the learner; another start of the run takes its place; then the stopped one goes on. */
static void fault_twin(struct sim *sim)
{
    struct sim_peer *old = &sim->peer[LEARNER], *twin = &sim->peer[TWIN];

    if (!(sim->faults & SIM_TWIN) || twin->used || !old->alive || !sim_chance(sim, 4))
        return;
    sim_queue_clear(&twin->up);
    sim_queue_clear(&twin->down);
    *twin = *old;
    memset(&twin->up, 0, sizeof twin->up);
    memset(&twin->down, 0, sizeof twin->down);
    twin->connected = false; /* it finds its connection gone, and makes a new one */
    twin->connect_ms = sim->now_ms;
    twin->frozen = true;
    twin->wake_ms = sim->now_ms + (int64_t)sim_draw(sim, 9000);
    sim_cut(sim, old, false);
    old->alive = false;
    old->start_ms = sim->now_ms + 50;
}

static void say_hello(struct sim *sim, struct sim_peer *peer)
{
    static struct msg_ability offer[2] = {{SCORER_RULE, "s"}, {SCORER_WORKER, "s"}};
    struct msg msg = {.head.type = MSG_HELLO,
                      .hello = {.peer = peer->id,
                                .incarnation = peer->incarnation,
                                .role = peer->role,
                                .major_min = 1,
                                .major_max = 1,
                                .name = "sim",
                                .build = "",
                                .host = ""}};

    if (peer->role == ROLE_LEARNER)
        sim_learner_hello(sim, peer, &msg);
    if (peer->role == ROLE_ACTOR)
        sim_actor_hello(sim, peer, &msg);
    if (peer->role == ROLE_REWARDER) {
        msg.hello.offer = offer;
        msg.hello.n_offer = 2;
        msg.hello.slots = 8;
    }
    sim_up(sim, peer, &msg);
}

static void say_hb(struct sim *sim, struct sim_peer *peer)
{
    struct msg msg = {.head = {.type = MSG_HB, .run = {.byte = {7}}, .epoch = peer->run_epoch},
                      .hb = {.progress = peer->progress, .note = "", .metrics = ""}};

    if (peer->role == ROLE_LEARNER) {
        msg.head.epoch = peer->epoch;
        sim_learner_hb(sim, peer, &msg.hb);
    } else if (peer->role == ROLE_ACTOR) {
        sim_actor_hb(sim, peer, &msg.hb);
    } else {
        sim_rewarder_hb(sim, peer, &msg.hb);
    }
    sim_up(sim, peer, &msg);
}

static void step_peer(struct sim *sim, struct sim_peer *peer)
{
    if (peer->connected && (!peer->said_ms || sim->now_ms - peer->said_ms >= 1000)) {
        peer->said_ms = sim->now_ms;
        if (peer->welcome)
            say_hb(sim, peer);
        else
            say_hello(sim, peer);
    }
    if (sim->now_ms - peer->heard_ms >= 5000) {
        peer->heard_ms = sim->now_ms;
        peer->welcome = false;
        peer->said_ms = 0;
        sim_cut(sim, peer, false);
    }
    if (peer->role == ROLE_LEARNER)
        sim_learner_step(sim, peer);
    else if (peer->role == ROLE_ACTOR)
        sim_actor_step(sim, peer);
    else
        sim_rewarder_step(sim, peer);
}

static void step_peers(struct sim *sim)
{
    for (uint32_t i = 0; i < SIM_PEERS; i++) {
        struct sim_peer *peer = &sim->peer[i];

        if (!peer->used)
            continue;
        if (i == TWIN && peer->fenced) {
            sim_cut(sim, peer, false);
            peer->used = false;
            continue;
        }
        if (!peer->alive && sim->now_ms >= peer->start_ms)
            start(sim, i, peer->role);
        if (peer->frozen && sim->now_ms >= peer->wake_ms)
            peer->frozen = false;
        if (peer->alive && !peer->frozen)
            step_peer(sim, peer);
    }
}

static bool all_clear(const struct sim *sim)
{
    for (uint32_t i = FIRST_ACTOR; i < SIM_PEERS; i++)
        if (sim->peer[i].used && sim->peer[i].role == ROLE_ACTOR && sim->peer[i].works)
            return false;
    return sim_learner_done(sim) && !sim->peer[TWIN].used && sim->broker &&
           sim->now_ms >= sim->quiet_ms;
}

static void check_end(struct sim *sim)
{
    uint64_t again = 0; /* without a fault only what the broker gave to another as well */

    if (!sim_learner_done(sim))
        sim_break(sim, "DEADLOCK: never trained", sim->version, sim->tasks / sim->batch);
    for (uint32_t t = 0; t < sim->tasks; t++)
        for (uint32_t s = 0; s < sim->samples; s++) {
            if (!sim->journal[t][s])
                sim_break(sim, "a sample is missing", t, s);
            if (sim->generated[t][s] > 1)
                sim->twice++;
            again += sim->generated[t][s] - 1;
        }
    sim_broker_count(sim);
    if (!sim->faults && again > sim->copied + sim->late)
        sim_break(sim, "generated twice without a fault", again, sim->copied + sim->late);
    for (uint32_t i = FIRST_ACTOR; i < SIM_PEERS; i++)
        if (sim->peer[i].used && sim->peer[i].works)
            sim_break(sim, "LEAK: an actor keeps settled work", i, sim->peer[i].works);
    if (sim->peer[TWIN].used)
        sim_break(sim, "a stopped learner was not refused", 0, 0);
}

static void step(struct sim *sim)
{
    const bool noisy = sim->now_ms < sim->quiet_ms && !sim_learner_done(sim);

    sim->now_ms += SIM_STEP_MS;
    if (noisy && sim->faults) {
        fault_broker(sim);
        fault_twin(sim);
        for (uint32_t i = 0; i < SIM_PEERS; i++)
            if (sim->peer[i].used && sim->peer[i].alive && i != TWIN)
                fault_peer(sim, &sim->peer[i]);
    }
    sim_hub_step(sim);
    step_peers(sim);
    sim_net_step(sim);
}

bool sim_run(struct sim *sim, uint64_t seed, uint32_t faults)
{
    memset(sim, 0, sizeof *sim);
    sim->seed = seed;
    sim->faults = faults;
    sim->now_ms = 1000;
    arena_new(&sim->arena, CODEC_ARENA);
    plan(sim);
    sim_broker_start(sim);
    start(sim, LEARNER, ROLE_LEARNER);
    for (uint32_t i = 0; i < sim->actors; i++)
        start(sim, FIRST_ACTOR + i, ROLE_ACTOR);
    for (uint32_t i = 0; i < sim->rewarders; i++)
        start(sim, FIRST_ACTOR + sim->actors + i, ROLE_REWARDER);
    while (!sim->broken && !all_clear(sim) && sim->now_ms < sim->quiet_ms + PATIENCE_MS)
        step(sim);
    if (!sim->broken)
        check_end(sim);
    return !sim->broken;
}

void sim_fini(struct sim *sim)
{
    for (int i = 0; i < SIM_PEERS; i++) {
        sim_queue_clear(&sim->peer[i].up);
        sim_queue_clear(&sim->peer[i].down);
    }
    broker_free(sim->broker);
    arena_free(sim->arena);
}
