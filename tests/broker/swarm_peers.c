/* What they say. An actor is as the real one in what the broker sees: it holds the version's
 * weights, lists its leases, has room for `slots` samples, says so once a second and when a
 * quarter of it came free, and brings answers of so many tokens after a while. The learner opens
 * one sample a task, at a rate or as fast as its window has room, and says SETTLED every few
 * milliseconds, as one that syncs its journal. */

#include "tests/broker/swarm.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proto/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MOST = 8192, PROMPT = 128 };

static const struct id run = {.byte = {9}};
static const struct version version = {1, {{9}}};
static int32_t token[TOKENS_MOST];
static float logprob[TOKENS_MOST];

/* ---- actors */

static uint32_t room(const struct swarm_actor *a)
{
    const uint32_t slots = (uint32_t)a->swarm->conf.slots;

    return a->busy < slots ? slots - a->busy : 0;
}

static void actor_hello(void *self, struct msg_hello *out)
{
    struct swarm_actor *a = self;

    a->n_held = a->busy = 0;
    out->image = &version;
    out->n_image = 1;
    out->slots = (uint32_t)a->swarm->conf.slots;
}

static void actor_hb(void *self, struct msg_hb *out)
{
    struct swarm_actor *a = self;

    for (uint32_t i = 0; i < a->n_held; i++)
        a->held_lease[i] = a->held[i].lease;
    out->lease = a->held_lease;
    out->n_lease = a->n_held;
    out->image = &version;
    out->n_image = 1;
    out->lease_seen = a->seen;
    out->credit = a->said = room(a);
    out->progress = (uint64_t)clock_mono_ms(); /* it decodes all the time */
}

static void begin(struct swarm_actor *a, uint64_t task, uint32_t sample, uint64_t lease,
                  int64_t now_ms)
{
    struct swarm *s = a->swarm;

    a->busy++;
    s->due[s->due_end++ % SWARM_RING] =
        (struct swarm_due){now_ms + s->conf.sleep_ms, a, task, lease, sample};
    if (s->measures && s->n_took < SWARM_TIMES)
        s->took_us[s->n_took++] =
            (uint32_t)((clock_mono_ns() - s->opened_ns[task % SWARM_RING]) / 1000);
}

static enum err on_lease(void *self, const struct msg *msg, int64_t now_ms)
{
    struct swarm_actor *a = self;
    const struct msg_lease *lease = &msg->lease;

    a->seen = lease->lease;
    if (a->n_held == SWARM_LEASES)
        swarm_die("more leases than credit");
    a->held[a->n_held++] = (struct swarm_held){lease->lease, lease->count};
    for (uint32_t i = 0; i < lease->count; i++)
        begin(a, lease->task.id, lease->first + i, lease->lease, now_ms);
    return OK;
}

/* The relay passes tasks on as they are. */
static enum err on_open(void *self, const struct msg *msg, int64_t now_ms)
{
    begin(self, msg->open.task.id, 0, 0, now_ms);
    return OK;
}

static enum err on_settled(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)msg, (void)now_ms;
    ((struct swarm_actor *)self)->swarm->settled_heard++;
    return OK;
}

static enum err on_hb(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)now_ms;
    ((struct swarm_actor *)self)->swarm->beats_heard++;
    ((struct swarm_actor *)self)->swarm->ranges_heard += msg->hb.settled.n_range;
    return OK;
}

static void forget_lease(struct swarm_actor *a, uint64_t lease)
{
    for (uint32_t i = 0; i < a->n_held; i++)
        if (a->held[i].lease == lease && --a->held[i].left == 0) {
            a->held[i] = a->held[--a->n_held];
            return;
        }
}

/* False: the pipe is full. */
static bool bring(struct swarm *s, const struct swarm_due *due, int64_t now_ms)
{
    const struct span span = {0, version};
    struct swarm_actor *a = due->by;
    struct msg msg = {.head.type = MSG_ROLLOUT, .rollout.lease = due->lease};
    struct rollout *r = &msg.rollout.rollout;

    token[0] = (int32_t)(3 + due->task % 1000);
    *r = (struct rollout){.task = due->task,
                          .sample = due->sample,
                          .end = ROLLOUT_LENGTH,
                          .token = token,
                          .logprob = logprob,
                          .n_token = (uint32_t)s->conf.tokens,
                          .span = &span,
                          .n_span = 1,
                          .text = ""};
    r->hash = digest_rollout(r);
    if (peer_send(a->peer, &msg))
        return false;
    forget_lease(a, due->lease);
    if (a->busy)
        a->busy--;
    if (room(a) >= a->said + (uint32_t)s->conf.slots / 4 + 1)
        peer_hb(a->peer, now_ms);
    swarm_read(a->peer);
    return true;
}

void swarm_actor(struct swarm *s, int i)
{
    struct swarm_actor *a = &s->actor[i];
    char name[32];
    struct peer_conf conf = {.role = ROLE_ACTOR,
                             .broker = s->endpoint,
                             .keys = &s->actor_key,
                             .name = name,
                             .hello = actor_hello,
                             .hb = actor_hb,
                             .self = a};

    snprintf(name, sizeof name, "actor-%d", i);
    a->swarm = s;
    peer_random(&conf.id, &conf.incarnation);
    swarm_must(peer_open(&a->peer, s->context, &conf, clock_mono_ms()));
    peer_on(a->peer, MSG_LEASE, on_lease, a);
    peer_on(a->peer, MSG_OPEN, on_open, a);
    peer_on(a->peer, MSG_SETTLED, on_settled, a);
    peer_on(a->peer, MSG_HB, on_hb, a);
}

/* ---- the learner */

static struct settled settled_now(struct swarm *s)
{
    uint32_t n = 0;

    while (s->watermark < s->opened && s->done[s->watermark % SWARM_RING])
        s->done[s->watermark++ % SWARM_RING] = 0;
    for (uint64_t id = s->watermark; id < s->opened; id++)
        if (s->done[id % SWARM_RING])
            s->range[n++] = (struct range){.task = id, .first = 0, .count = 1};
    return (struct settled){
        .epoch = 1, .watermark = s->watermark, .range = s->range, .n_range = n};
}

static void learner_hello(void *self, struct msg_hello *out)
{
    struct swarm *s = self;

    s->arrived = 0; /* on this connection */
    out->settled = settled_now(s);
    out->newest = version;
    out->table = 1;
    out->body_max = (uint64_t)16 * TOKENS_MOST;
}

static void learner_hb(void *self, struct msg_hb *out)
{
    struct swarm *s = self;

    out->settled = settled_now(s);
    out->newest = version;
    out->lease_seen = s->arrived;
    out->credit_bytes = 64 << 20;
    out->metrics = "{}";
}

static void open_tasks(struct swarm *s)
{
    while (s->opens && s->opened < s->watermark + SWARM_RING / 2 &&
           s->opened - s->settled_told < (uint64_t)s->conf.window &&
           (!s->conf.rate || s->owed >= 1000)) {
        struct msg msg = {
            .head.type = MSG_OPEN,
            .open.task = {
                .id = s->opened,
                .samples = 1,
                .prompt = token,
                .n_prompt = PROMPT,
                .decoding = {.temperature = 1, .top_p = 1, .max_new = (uint32_t)s->conf.tokens},
                .version = version,
                .table = 1,
                .prompt_text = "",
                .meta = "{}"}};

        s->opened_ns[s->opened % SWARM_RING] = clock_mono_ns();
        if (peer_send(s->learner, &msg))
            return;
        s->opened++;
        s->owed -= s->conf.rate ? 1000 : 0;
    }
}

static enum err on_answer(void *self, const struct msg *msg, int64_t now_ms)
{
    struct swarm *s = self;
    const struct rollout *r =
        msg->head.type == MSG_SAMPLE ? &msg->sample.rollout : &msg->rollout.rollout;

    (void)now_ms;
    s->arrived++;
    if (r->task < s->watermark || r->task >= s->opened || s->done[r->task % SWARM_RING])
        return OK;
    s->done[r->task % SWARM_RING] = 1;
    s->settled_told++; /* as far as its window is concerned */
    if (!s->conf.rate)
        open_tasks(s);
    return OK;
}

void swarm_learner(struct swarm *s)
{
    struct peer_conf conf = {.role = ROLE_LEARNER,
                             .broker = s->endpoint,
                             .keys = &s->learner_key,
                             .name = "learner",
                             .hello = learner_hello,
                             .hb = learner_hb,
                             .self = s};

    for (int i = 0; i < TOKENS_MOST; i++) {
        token[i] = 3 + i % 1000;
        logprob[i] = -1.5F;
    }
    peer_random(&conf.id, &conf.incarnation);
    swarm_must(peer_open(&s->learner, s->context, &conf, clock_mono_ms()));
    peer_run(s->learner, &run, 1);
    peer_on(s->learner, MSG_SAMPLE, on_answer, s);
    peer_on(s->learner, MSG_ROLLOUT, on_answer, s);
}

/* ---- time */

void swarm_turn(struct swarm *s, int64_t now_ms)
{
    static uint64_t said;
    struct msg msg = {.head.type = MSG_SETTLED};

    while (s->due_first < s->due_end && s->due[s->due_first % SWARM_RING].at_ms <= now_ms &&
           bring(s, &s->due[s->due_first % SWARM_RING], now_ms))
        s->due_first++;
    if (s->opens && s->last_ms)
        s->owed += (uint64_t)(now_ms - s->last_ms) * (uint64_t)s->conf.rate;
    s->last_ms = now_ms;
    open_tasks(s);
    if (s->settled_told == said || !peer_welcome(s->learner))
        return;
    msg.settled.settled = settled_now(s);
    if (!peer_send(s->learner, &msg))
        said = s->settled_told;
}
