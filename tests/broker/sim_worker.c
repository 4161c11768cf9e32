#include "proto/digest.h"
#include "tests/broker/sim.h"
#include "tests/broker/sim_parts.h"

#include <string.h>

/* ---- actor */

static void say(struct sim *sim, struct sim_peer *peer, struct msg *msg)
{
    msg->head.run = (struct id){.byte = {peer->run_epoch ? 7 : 0}};
    msg->head.epoch = peer->run_epoch;
    sim_up(sim, peer, msg);
}

static struct sim_work *find_work(struct sim_peer *peer, uint64_t task, uint32_t sample)
{
    for (uint32_t i = 0; i < peer->works; i++)
        if (peer->work[i].task == task && peer->work[i].sample == sample)
            return &peer->work[i];
    return NULL;
}

static void drop_work(struct sim_peer *peer, struct sim_work *work)
{
    *work = peer->work[--peer->works];
}

static struct rollout as_rollout(const struct sim_work *work, float *logprob, struct span *span)
{
    for (uint32_t i = 0; i < work->tokens; i++)
        logprob[i] = -(float)work->token[i] / 1024;
    *span = (struct span){.version = work->version};
    return (struct rollout){.task = work->task,
                            .sample = work->sample,
                            .hash = work->hash,
                            .end = work->tokens < SIM_TOKENS ? ROLLOUT_STOP : ROLLOUT_LENGTH,
                            .token = (const int32_t *)work->token,
                            .logprob = logprob,
                            .n_token = work->tokens,
                            .span = span,
                            .n_span = 1,
                            .text = ""};
}

static void say_rollout(struct sim *sim, struct sim_peer *peer, const struct sim_work *work)
{
    float logprob[SIM_TOKENS];
    struct span span;
    struct msg msg = {.head.type = MSG_ROLLOUT};

    msg.rollout.lease = work->lease;
    msg.rollout.rollout = as_rollout(work, logprob, &span);
    say(sim, peer, &msg);
}

void sim_actor_hello(struct sim *sim, struct sim_peer *peer, struct msg *out)
{
    static struct claim claim[SIM_HOLD];

    (void)sim;
    for (uint32_t i = 0; i < peer->works; i++) {
        const struct sim_work *work = &peer->work[i];

        claim[i] = (struct claim){.task = work->task,
                                  .sample = work->sample,
                                  .state = work->done ? CLAIM_DONE : CLAIM_RUNNING,
                                  .hash = work->done ? work->hash : (struct hash){{0}}};
    }
    out->head.run = (struct id){.byte = {peer->run_epoch ? 7 : 0}};
    out->head.epoch = peer->run_epoch;
    out->hello.claim = claim;
    out->hello.n_claim = peer->works;
    out->hello.slots = peer->slots;
}

static uint32_t running(const struct sim_peer *peer)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < peer->works; i++)
        n += !peer->work[i].done;
    return n;
}

/* As many as it runs at once, and some that wait (actor/actor.c). */
static uint32_t most(const struct sim_peer *peer)
{
    return peer->slots + peer->slots / 2 + 1;
}

void sim_actor_hb(struct sim *sim, struct sim_peer *peer, struct msg_hb *out)
{
    static uint64_t lease[SIM_HOLD];
    static uint32_t unbegun[SIM_HOLD];
    static struct version image[SIM_TASKS];
    uint32_t n = 0;

    (void)sim;
    for (uint32_t i = 0; i < peer->works; i++) {
        const struct sim_work *work = &peer->work[i];
        uint32_t k = 0;

        if (work->done || !work->lease)
            continue;
        while (k < n && lease[k] != work->lease)
            k++;
        if (k == n) {
            lease[n] = work->lease;
            unbegun[n++] = 0;
        }
        unbegun[k] += work->left == work->tokens;
    }
    out->lease = lease;
    out->n_lease = n;
    out->unbegun = unbegun;
    out->n_unbegun = n;
    for (uint64_t v = 0; v < SIM_TASKS && out->n_image < 60; v++)
        if (peer->image[v])
            image[out->n_image++] = sim_version(v);
    out->image = image;
    out->credit = running(peer) < most(peer) ? most(peer) - running(peer) : 0;
    out->lease_seen = peer->seen;
}

static void take_settled(struct sim_peer *peer, const struct settled *settled)
{
    for (uint32_t i = peer->works; i-- > 0;) {
        const struct sim_work *work = &peer->work[i];
        bool is = work->task < settled->watermark;

        for (uint32_t k = 0; k < settled->n_range; k++)
            is |= settled->range[k].task == work->task &&
                  work->sample - settled->range[k].first < settled->range[k].count;
        if (is)
            drop_work(peer, &peer->work[i]);
    }
}

static void start_work(struct sim *sim, struct sim_peer *peer, const struct msg_lease *in,
                       uint32_t sample)
{
    struct sim_work *work = find_work(peer, in->task.id, sample);

    if (work) { /* it runs here, or is done: only the number is new */
        work->lease = in->lease;
        if (work->done)
            say_rollout(sim, peer, work);
        return;
    }
    if (peer->works == SIM_HOLD) {
        sim_break(sim, "an actor holds too much", in->task.id, sample);
        return;
    }
    if ((sim->faults & SIM_REFUSE) && sim_chance(sim, 20)) {
        struct msg msg = {.head.type = MSG_FAIL,
                          .fail = {.task = in->task.id,
                                   .sample = sample,
                                   .lease = in->lease,
                                   .reason = "simulated"}};
        say(sim, peer, &msg);
        return;
    }
    if (running(peer) >= most(peer))
        sim_break(sim, "more leases than credit", in->lease, sample);
    if (!peer->image[in->task.version.number])
        sim_break(sim, "leased without its weights", in->task.id, sample);
    if (in->task.version.number > sim->version)
        sim_break(sim, "leased before its version is out", in->task.id, sample);
    work = &peer->work[peer->works++];
    *work = (struct sim_work){.task = in->task.id,
                              .lease = in->lease,
                              .sample = sample,
                              .version = in->task.version,
                              .tokens = 1 + (uint32_t)sim_draw(sim, in->task.decoding.max_new)};
    work->left = work->tokens;
    sim->generated[work->task][work->sample]++;
}

/* The newest, and what open tasks name; a lease needs them to be here. */
static void take_named(struct sim_peer *peer, const struct version *newest,
                       const struct version *wanted, uint32_t n)
{
    peer->named[newest->number % SIM_TASKS] = true;
    for (uint32_t i = 0; i < n; i++)
        peer->named[wanted[i].number % SIM_TASKS] = true;
}

static void on_welcome(struct sim *sim, struct sim_peer *peer, const struct msg_welcome *in)
{
    peer->seen = 0;
    take_settled(peer, &in->settled);
    for (uint32_t i = 0; i < in->n_verdict; i++) {
        const struct claim *verdict = &in->verdict[i];
        struct sim_work *work = find_work(peer, verdict->task, verdict->sample);

        if (work && verdict->state == CLAIM_FREE)
            drop_work(peer, work);
        else if (work && verdict->state == CLAIM_WANT && work->done)
            say_rollout(sim, peer, work);
    }
}

static void on_revoke(struct sim *sim, struct sim_peer *peer, const struct msg_revoke *in)
{
    for (uint32_t k = 0; k < in->n_lease; k++)
        for (uint32_t i = peer->works; i-- > 0;) {
            struct sim_work *work = &peer->work[i];

            if (work->lease != in->lease[k] || work->done ||
                work->sample < (in->n_from ? in->from[k] : 0))
                continue;
            if (work->left == work->tokens) /* another begins it in its place */
                sim->generated[work->task][work->sample]--;
            else
                sim->late++;
            if (work->left == work->tokens || in->over)
                drop_work(peer, work);
        }
}

static void on_cancel(struct sim_peer *peer, uint64_t task)
{
    for (uint32_t i = peer->works; i-- > 0;)
        if (peer->work[i].task == task)
            drop_work(peer, &peer->work[i]);
}

void sim_actor_hear(struct sim *sim, struct sim_peer *peer, const struct msg *msg)
{
    struct sim_work *work;

    switch (msg->head.type) {
    case MSG_WELCOME:
        on_welcome(sim, peer, &msg->welcome);
        if (msg->welcome.run)
            take_named(peer, &msg->welcome.newest, msg->welcome.wanted, msg->welcome.n_wanted);
        break;
    case MSG_HB:
        take_settled(peer, &msg->hb.settled);
        take_named(peer, &msg->hb.newest, msg->hb.wanted, msg->hb.n_wanted);
        break;
    case MSG_PUBLISH:
        take_named(peer, &msg->publish.version, NULL, 0);
        break;
    case MSG_LEASE:
        if (msg->lease.lease > peer->seen)
            peer->seen = msg->lease.lease;
        for (uint32_t i = 0; i < msg->lease.count; i++)
            start_work(sim, peer, &msg->lease, msg->lease.first + i);
        break;
    case MSG_REVOKE:
        on_revoke(sim, peer, &msg->revoke);
        break;
    case MSG_WANT:
        for (uint32_t i = 0; i < msg->want.n_claim; i++) {
            work = find_work(peer, msg->want.claim[i].task, msg->want.claim[i].sample);
            if (work && work->done)
                say_rollout(sim, peer, work);
        }
        break;
    case MSG_CANCEL:
        for (uint32_t k = 0; k < msg->cancel.n_task; k++)
            on_cancel(peer, msg->cancel.task[k]);
        break;
    default:
        break;
    }
}

static bool has_image(struct sim *sim, struct sim_peer *peer, uint64_t version)
{
    if (peer->image[version])
        return true;
    if (!peer->image_ms[version])
        peer->image_ms[version] = sim->now_ms + 100 + (int64_t)sim_draw(sim, 800);
    peer->progress++; /* chunks */
    peer->image[version] = sim->now_ms >= peer->image_ms[version];
    return peer->image[version];
}

static void finish(struct sim *sim, struct sim_peer *peer, struct sim_work *work)
{
    float logprob[SIM_TOKENS];
    struct span span;
    struct rollout rollout;

    for (uint32_t i = 0; i < work->tokens; i++)
        work->token[i] = (uint32_t)(sim->varied ? sim_draw(sim, 1024)
                                                : (work->task * 31 + work->sample + i) % 1024);
    if (work->tokens < SIM_TOKENS)
        work->token[work->tokens - 1] = SIM_STOP;
    rollout = as_rollout(work, logprob, &span);
    work->hash = digest_rollout(&rollout);
    work->done = true;
    if (peer->welcome)
        say_rollout(sim, peer, work);
    peer->said_ms = 0; /* a heartbeat: there is room again */
}

void sim_actor_step(struct sim *sim, struct sim_peer *peer)
{
    uint32_t runs = 0;

    if (sim->now_ms < peer->stalled_to_ms)
        return;
    for (uint64_t v = 0; v < SIM_TASKS; v++)
        if (peer->named[v] && !peer->image[v] && has_image(sim, peer, v))
            peer->said_ms = 0; /* a heartbeat: leases of it may come now */
    for (uint32_t i = 0; i < peer->works && runs < peer->slots; i++) {
        struct sim_work *work = &peer->work[i];

        runs += !work->done;
        if (work->done || !has_image(sim, peer, work->version.number) || sim_chance(sim, 300))
            continue;
        peer->progress++;
        if (--work->left == 0)
            finish(sim, peer, work);
    }
}

/* ---- rewarder */

void sim_rewarder_hb(struct sim *sim, struct sim_peer *peer, struct msg_hb *out)
{
    uint32_t held = 0;

    (void)sim;
    for (uint32_t i = 0; i < peer->jobs; i++)
        held += peer->job[i].items;
    out->credit = held < 16 ? 16 - held : 0;
    out->lease_seen = peer->seen;
}

static void on_ask(struct sim *sim, struct sim_peer *peer, const struct msg_ask *in)
{
    struct sim_job *job = &peer->job[peer->jobs];

    if (in->ticket > peer->seen)
        peer->seen = in->ticket;
    if (peer->jobs == 64 || in->n_item > SIM_SAMPLES * 8) {
        sim_break(sim, "a rewarder got more than it has room for", in->ticket, in->n_item);
        return;
    }
    if (sim_chance(sim, 5)) /* it forgets: nothing but the deadline tells */
        return;
    peer->jobs++;
    *job = (struct sim_job){.ticket = in->ticket,
                            .scorer = in->scorer,
                            .items = in->n_item,
                            .unit = in->unit != UNIT_ROLLOUT,
                            .due_ms = sim->now_ms + (int64_t)sim_draw(sim, 400)};
    for (uint32_t i = 0; i < in->n_item; i++) {
        job->rollout[i] = in->item[i].hash;
        job->tokens[i] = in->item[i].n_token;
        if (in->temperature != (in->item[i].task % 3 ? 1.f : .5f))
            sim_break(sim, "a ticket of another temperature", in->item[i].task, 0);
    }
}

void sim_rewarder_hear(struct sim *sim, struct sim_peer *peer, const struct msg *msg)
{
    if (msg->head.type == MSG_WELCOME)
        peer->seen = 0;
    if (msg->head.type == MSG_ASK)
        on_ask(sim, peer, &msg->ask);
}

static void answer(struct sim *sim, struct sim_peer *peer, const struct sim_job *job)
{
    static float value[SIM_SAMPLES * 8 * SIM_TOKENS];
    uint32_t each[SIM_SAMPLES * 8], n = 0, items = job->items;
    struct msg msg = {.head.type = MSG_SCORE};
    bool per_token = false;

    for (uint32_t j = 0; j < sim->scorers; j++)
        per_token |= sim->scorer[j].per_token && hash_same(&sim->scorer[j].hash, &job->scorer);
    if (items > 1 && !job->unit && sim_chance(sim, 50)) /* what it leaves out is asked again */
        items--;
    for (uint32_t i = 0; i < items; i++) {
        each[i] = per_token ? job->tokens[i] : 1;
        for (uint32_t k = 0; k < each[i]; k++)
            value[n++] = sim_value(&job->scorer, &job->rollout[i]);
    }
    msg.score.ticket = job->ticket;
    msg.score.score = (struct score){.scorer = job->scorer,
                                     .rollout = job->rollout,
                                     .each = each,
                                     .n_rollout = items,
                                     .value = value,
                                     .n_value = n,
                                     .diagnostics = ""};
    if ((sim->faults & SIM_REFUSE) && sim_chance(sim, 30))
        msg = (struct msg){
            .head.type = MSG_FAIL,
            .fail = {.ticket = job->ticket, .scorer = job->scorer, .reason = "simulated"}};
    say(sim, peer, &msg);
}

void sim_rewarder_step(struct sim *sim, struct sim_peer *peer)
{
    if (sim->now_ms < peer->stalled_to_ms)
        return;
    for (uint32_t i = 0; i < peer->jobs;) {
        if (!peer->welcome || sim->now_ms < peer->job[i].due_ms) {
            i++;
            continue;
        }
        answer(sim, peer, &peer->job[i]);
        peer->progress++;
        peer->job[i] = peer->job[--peer->jobs];
        peer->said_ms = 0;
    }
}
