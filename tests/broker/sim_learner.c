#include "proto/digest.h"
#include "tests/broker/sim.h"
#include "tests/broker/sim_parts.h"

#include <stdio.h>
#include <string.h>

/* A stopped learner that goes on beside its replacement has lost the lock of the run folder:
 * what it believes to be on disk is not. */
static bool is_owner(const struct sim *sim, const struct sim_peer *peer)
{
    return peer->epoch == sim->epoch;
}

static bool settled_here(const struct sim *sim, const struct sim_peer *peer, uint64_t t,
                         uint32_t s)
{
    return sim->journal[t][s] || (!is_owner(sim, peer) && peer->pending[t][s]);
}

static bool task_done(const struct sim *sim, uint64_t task)
{
    for (uint32_t s = 0; s < sim->samples; s++)
        if (!sim->journal[task][s])
            return false;
    return true;
}

bool sim_learner_done(const struct sim *sim)
{
    return sim->version * sim->batch >= sim->tasks;
}

struct version sim_version(uint64_t number)
{
    struct version version = {.number = number};

    version.hash = hash_chunk(&number, sizeof number);
    return version;
}

float sim_value(const struct hash *scorer, const struct hash *rollout)
{
    return (float)(scorer->byte[0] ^ rollout->byte[1]) / 256 + (float)rollout->byte[2];
}

static uint64_t wanted(const struct sim *sim, uint64_t task)
{
    const uint64_t iteration = task / sim->batch;

    return iteration > sim->lag ? iteration - sim->lag : 0;
}

static uint64_t smallest_live(const struct sim *sim)
{
    return sim->version > sim->lag ? sim->version - sim->lag : 0;
}

static struct settled fill_settled(const struct sim *sim, const struct sim_peer *peer,
                                   struct range *range)
{
    struct settled out = {.epoch = peer->epoch, .range = range};
    bool all = true;

    for (uint64_t t = 0; t < sim->tasks; t++) {
        bool whole = true;

        for (uint32_t s = 0; s < sim->samples; s++)
            whole &= settled_here(sim, peer, t, s);
        if (all && whole) {
            out.watermark = t + 1;
            continue;
        }
        all = false;
        for (uint32_t s = 0; s < sim->samples; s++)
            if (settled_here(sim, peer, t, s))
                range[out.n_range++] = (struct range){.task = t, .first = s, .count = 1};
    }
    return out;
}

void sim_learner_hello(struct sim *sim, struct sim_peer *peer, struct msg *out)
{
    static struct range range[SIM_TASKS * SIM_SAMPLES];

    out->head.run = (struct id){.byte = {7}};
    out->head.epoch = peer->epoch;
    out->hello.settled = fill_settled(sim, peer, range);
    out->hello.newest = sim_version(sim->version);
    out->hello.table = 1;
    out->hello.scorer = sim->scorer;
    out->hello.n_scorer = sim->scorers;
    out->hello.body_max = 4096;
}

void sim_learner_hb(struct sim *sim, struct sim_peer *peer, struct msg_hb *out)
{
    static struct range range[SIM_TASKS * SIM_SAMPLES];

    out->settled = fill_settled(sim, peer, range);
    out->newest = sim_version(sim->version);
    out->smallest_live = smallest_live(sim);
    out->step = sim->version;
    out->done = sim_learner_done(sim);
    out->lease_seen = peer->sampled;
    out->credit_bytes = 16384;
}

static void say(struct sim *sim, struct sim_peer *peer, struct msg *msg)
{
    msg->head.run = (struct id){.byte = {7}};
    msg->head.epoch = peer->epoch;
    sim_up(sim, peer, msg);
}

static void say_settled(struct sim *sim, struct sim_peer *peer)
{
    static struct range range[SIM_TASKS * SIM_SAMPLES];
    struct msg msg = {.head.type = MSG_SETTLED};

    msg.settled.settled = fill_settled(sim, peer, range);
    say(sim, peer, &msg);
}

static void open_one(struct sim *sim, struct sim_peer *peer, uint64_t id)
{
    const int32_t prompt[3] = {1, 2, (int32_t)id}, stop = SIM_STOP;
    struct msg msg = {.head.type = MSG_OPEN};

    msg.open.task = (struct task){.id = id,
                                  .seed = sim->seed,
                                  .samples = sim->samples,
                                  .prompt = prompt,
                                  .n_prompt = 3,
                                  .decoding = {.temperature = id % 3 ? 1 : .5f,
                                               .top_p = 1,
                                               .max_new = SIM_TOKENS,
                                               .stop = &stop,
                                               .n_stop = 1},
                                  .version = sim_version(wanted(sim, id)),
                                  .table = 1,
                                  .prompt_text = "",
                                  .meta = "{}"};
    say(sim, peer, &msg);
}

static void check_scores(struct sim *sim, const struct msg_sample *in)
{
    const struct rollout *r = &in->rollout;

    if (in->n_score != sim->scorers)
        sim_break(sim, "a score is missing", r->task, in->n_score);
    for (uint32_t i = 0; i < in->n_score && i < sim->scorers; i++) {
        const struct score *score = &in->score[i];
        const float right = sim_value(&sim->scorer[i].hash, &r->hash);

        if (!hash_same(&score->scorer, &sim->scorer[i].hash) ||
            !hash_same(&score->rollout[0], &r->hash))
            sim_break(sim, "a score of something else", r->task, i);
        if (score->n_value != (sim->scorer[i].per_token ? r->n_token : 1))
            sim_break(sim, "a score of another length", r->task, score->n_value);
        for (uint32_t k = 0; k < score->n_value; k++)
            if (score->value[k] != right)
                sim_break(sim, "WRONG JOIN: a rollout with another's score", r->task,
                          r->sample);
    }
}

static void on_sample(struct sim *sim, struct sim_peer *peer, const struct msg_sample *in)
{
    const struct rollout *r = &in->rollout;
    const struct hash hash = digest_rollout(r);

    peer->sampled++;
    if (!is_owner(sim, peer)) {
        if (r->task < SIM_TASKS)
            peer->pending[r->task][r->sample] = true;
        return;
    }
    if (r->task >= sim->tasks || r->sample >= sim->samples ||
        r->task >= (sim->version + sim->lag + 1) * sim->batch) {
        sim_break(sim, "a sample that was never opened", r->task, r->sample);
        return;
    }
    if (!hash_same(&hash, &r->hash))
        sim_break(sim, "bytes that are not what their hash says", r->task, r->sample);
    check_scores(sim, in);
    if (r->n_span != 1 || r->span[0].version.number != wanted(sim, r->task))
        sim_break(sim, "written under another version", r->task, r->span[0].version.number);
    if (!sim->journal[r->task][r->sample] &&
        sim->version > r->span[0].version.number + sim->lag)
        sim_break(sim, "staler than the bound", r->task, r->span[0].version.number);
    if (sim->journal[r->task][r->sample] || peer->pending[r->task][r->sample])
        return;
    peer->pending[r->task][r->sample] = true;
    peer->pending_drop[r->task][r->sample] = false;
}

static void on_dropped(struct sim *sim, struct sim_peer *peer, const struct msg_dropped *in)
{
    peer->sampled++;
    if (in->task >= sim->tasks || !is_owner(sim, peer))
        return;
    if (!sim->cancelled[in->task])
        sim_break(sim, "dropped what nobody cancelled", in->task, in->sample);
    if (sim->journal[in->task][in->sample] || peer->pending[in->task][in->sample])
        return;
    peer->pending[in->task][in->sample] = peer->pending_drop[in->task][in->sample] = true;
}

void sim_learner_hear(struct sim *sim, struct sim_peer *peer, const struct msg *msg)
{
    switch (msg->head.type) {
    case MSG_WELCOME:
        peer->opened_to = msg->welcome.open_to;
        peer->opened_ms = sim->now_ms;
        peer->sampled = 0;
        break;
    case MSG_HB:
        if (msg->hb.open_to >= peer->opened_to)
            peer->opened_ms = sim->now_ms;
        else if (sim->now_ms - peer->opened_ms > 2000) { /* some did not fit */
            peer->opened_to = msg->hb.open_to;
            peer->opened_ms = sim->now_ms;
        }
        break;
    case MSG_REFUSE:
        if (is_owner(sim, peer))
            sim_break(sim, "the owner of the run is refused", msg->refuse.code, 0);
        peer->fenced = true;
        break;
    case MSG_SAMPLE:
        on_sample(sim, peer, &msg->sample);
        break;
    case MSG_DROPPED:
        on_dropped(sim, peer, &msg->dropped);
        break;
    default:
        break;
    }
}

static bool whole_only(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->scorers; i++)
        if (sim->scorer[i].unit != UNIT_ROLLOUT)
            return true;
    return false;
}

static void sync_disk(struct sim *sim, struct sim_peer *peer)
{
    bool any = false;

    for (uint64_t t = 0; t < sim->tasks; t++) {
        bool all = true;

        for (uint32_t s = 0; s < sim->samples; s++)
            all &= sim->journal[t][s] || peer->pending[t][s];
        for (uint32_t s = 0; s < sim->samples && (all || !whole_only(sim)); s++) {
            if (!peer->pending[t][s])
                continue;
            if (sim->journal[t][s])
                sim_break(sim, "trained twice", t, s);
            sim->journal[t][s] = any = true;
            sim->dropped[t][s] = peer->pending_drop[t][s];
            peer->pending[t][s] = false;
        }
    }
    if (any && peer->welcome)
        say_settled(sim, peer);
}

static void cancel_some(struct sim *sim, struct sim_peer *peer)
{
    uint64_t id = sim_draw(sim, sim->tasks);
    struct msg msg = {.head.type = MSG_CANCEL,
                      .cancel = {.task = &id, .n_task = 1, .reason = "cancel"}};

    if (!(sim->faults & SIM_CANCEL) || !sim_chance(sim, 3) || id >= peer->opened_to)
        return;
    sim->cancelled[id] = true;
    say(sim, peer, &msg);
}

/* A cancel that got lost is said again while the task is open. */
static void cancel_again(struct sim *sim, struct sim_peer *peer)
{
    for (uint64_t id = 0; id < sim->tasks; id++) {
        struct msg msg = {.head.type = MSG_CANCEL,
                          .cancel = {.task = &id, .n_task = 1, .reason = "cancel"}};

        if (sim->cancelled[id] && !task_done(sim, id) && id < peer->opened_to &&
            sim_chance(sim, 50))
            say(sim, peer, &msg);
    }
}

static void train(struct sim *sim, struct sim_peer *peer)
{
    struct msg msg = {.head.type = MSG_PUBLISH};

    for (uint64_t t = sim->version * sim->batch; t < (sim->version + 1) * sim->batch; t++)
        if (t >= sim->tasks || !task_done(sim, t)) {
            peer->train_ms = 0;
            return;
        }
    if (!peer->train_ms)
        peer->train_ms = sim->now_ms + 50 + (int64_t)sim_draw(sim, 400);
    if (sim->now_ms < peer->train_ms)
        return;
    peer->train_ms = 0;
    sim->version++;
    msg.publish.version = sim_version(sim->version);
    msg.publish.kind = ARTIFACT_IMAGE;
    msg.publish.smallest_live = smallest_live(sim);
    if (peer->welcome)
        say(sim, peer, &msg);
}

void sim_learner_step(struct sim *sim, struct sim_peer *peer)
{
    if (!is_owner(sim, peer)) {
        if (peer->welcome)
            say_settled(sim, peer);
        return;
    }
    if (!peer->fsync_ms)
        peer->fsync_ms = sim->now_ms + (int64_t)sim_draw(sim, 150);
    if (sim->now_ms >= peer->fsync_ms) {
        peer->fsync_ms = 0;
        sync_disk(sim, peer);
    }
    if (!sim_learner_done(sim))
        train(sim, peer);
    if (!peer->welcome || !peer->connected)
        return;
    for (int k = 0; k < 4 && peer->opened_to < sim->tasks &&
                    peer->opened_to < (sim->version + sim->lag + 1) * sim->batch;
         k++)
        open_one(sim, peer, peer->opened_to++);
    cancel_some(sim, peer);
    cancel_again(sim, peer);
}
