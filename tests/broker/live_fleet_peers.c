/* The three peers of a fleet: what they say and how they take what they hear. */

#include "tests/broker/live_fleet.h"
#include "tests/support/test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proto/digest.h"

#include <stdlib.h>
#include <string.h>

static struct scorer the_scorer(void)
{
    struct scorer scorer = {.id = 1,
                            .name = "mine",
                            .kind = SCORER_WORKER,
                            .unit = UNIT_ROLLOUT,
                            .pure = true,
                            .spec = "{}"};

    scorer.hash = digest_scorer(&scorer);
    return scorer;
}

/* Asked to leave, each leaves at once: it holds nothing that is not settled. */
static enum err on_drain(void *self, const struct msg *msg, int64_t now_ms)
{
    struct msg bye = {.head.type = MSG_BYE, .bye.reason = "drained"};

    (void)msg, (void)now_ms;
    assert_ok(peer_send(self, &bye));
    return OK;
}

/* ---- the learner */

static struct settled settled_now(struct live_learner *l)
{
    uint32_t n = 0;

    for (uint64_t t = 0; t < LIVE_TASKS; t++)
        for (uint32_t s = 0; s < LIVE_SAMPLES; s++)
            if (l->settled[t][s])
                l->range[n++] = (struct range){.task = t, .first = s, .count = 1};
    return (struct settled){.epoch = l->epoch, .range = l->range, .n_range = n};
}

static void learner_hello(void *self, struct msg_hello *out)
{
    static struct scorer table[1];
    struct live_fleet *fleet = self;

    table[0] = the_scorer();
    fleet->learner.heard = 0; /* on this connection */
    out->settled = settled_now(&fleet->learner);
    out->newest = (struct version){1, fleet->image.hash};
    out->table = 1;
    out->scorer = table;
    out->n_scorer = 1;
    out->artifact = &fleet->image;
    out->n_artifact = 1;
    out->body_max = 4096;
}

static void learner_hb(void *self, struct msg_hb *out)
{
    struct live_fleet *fleet = self;

    out->settled = settled_now(&fleet->learner);
    out->newest = (struct version){1, fleet->image.hash};
    out->lease_seen = fleet->learner.heard;
    out->credit_bytes = 1 << 20;
    out->metrics = "{\"step\": 1}";
    out->step = 1;
}

static void open_tasks(struct live_fleet *fleet, uint64_t from)
{
    static const int32_t prompt[] = {1, 2, 3};

    for (uint64_t id = from; id < LIVE_TASKS; id++) {
        struct msg msg = {
            .head.type = MSG_OPEN,
            .open.task = {.id = id,
                          .seed = 5,
                          .samples = LIVE_SAMPLES,
                          .prompt = prompt,
                          .n_prompt = 3,
                          .decoding = {.temperature = 1, .top_p = 1, .max_new = 2},
                          .version = {1, fleet->image.hash},
                          .table = 1,
                          .meta = "{}"}};

        if (peer_send(fleet->learner.peer, &msg))
            return;
    }
}

static enum err learner_open_to(void *self, const struct msg *msg, int64_t now_ms)
{
    struct live_fleet *fleet = self;

    (void)now_ms;
    fleet->learner.open_to =
        msg->head.type == MSG_WELCOME ? msg->welcome.open_to : msg->hb.open_to;
    open_tasks(fleet, fleet->learner.open_to);
    return OK;
}

static enum err learner_sample(void *self, const struct msg *msg, int64_t now_ms)
{
    struct live_fleet *fleet = self;
    struct live_learner *l = &fleet->learner;
    const struct rollout *r = &msg->sample.rollout;
    struct msg out = {.head.type = MSG_SETTLED};

    (void)now_ms;
    l->heard++;
    assert_true(r->task < LIVE_TASKS && r->sample < LIVE_SAMPLES);
    assert_int_equal(r->token[1], r->task * 10 + r->sample);
    assert_int_equal(msg->sample.n_score, 1);
    assert_true(msg->sample.score[0].value[0] == (float)(r->task * 10 + r->sample));
    assert_true(hash_same(&msg->sample.score[0].rollout[0], &r->hash));
    l->got[r->task][r->sample]++;
    if (l->hold)
        return OK;
    l->settled[r->task][r->sample] = true;
    out.settled.settled = settled_now(l);
    assert_ok(peer_send(l->peer, &out));
    return OK;
}

static enum err learner_offer(void *self, const struct msg *msg, int64_t now_ms)
{
    struct live_fleet *fleet = self;
    struct msg out = {.head.type = MSG_OFFER};

    (void)msg, (void)now_ms;
    out.offer.artifact = blob_store_list(fleet->learner.store, &out.offer.n_artifact);
    return peer_send(fleet->learner.bulk, &out);
}

static enum err learner_asked(void *self, const struct msg *msg, int64_t now_ms)
{
    struct live_fleet *fleet = self;

    (void)now_ms;
    assert_true(msg->wreq.route != 0);
    return blob_store_ask(fleet->learner.store, &msg->wreq);
}

void live_learner(struct live_fleet *fleet)
{
    struct live_learner *l = &fleet->learner;
    struct peer_conf conf = {.role = ROLE_LEARNER,
                             .broker = fleet->control,
                             .keys = fleet->secure ? &fleet->keys[LIVE_LEARNER] : NULL,
                             .name = "learner",
                             .hello = learner_hello,
                             .hb = learner_hb,
                             .self = fleet};

    peer_random(&conf.id, &conf.incarnation);
    memset(l->run.byte, 7, sizeof l->run.byte);
    l->epoch++;
    blob_store_new(&l->store);
    assert_ok(blob_store_add(l->store, &fleet->image, fleet->weights, fleet->image.bytes, NULL,
                             NULL, NULL));
    assert_ok(peer_open(&l->peer, fleet->context, &conf, clock_mono_ms()));
    peer_run(l->peer, &l->run, l->epoch);
    peer_on(l->peer, MSG_WELCOME, learner_open_to, fleet);
    peer_on(l->peer, MSG_HB, learner_open_to, fleet);
    peer_on(l->peer, MSG_SAMPLE, learner_sample, fleet);
    peer_on(l->peer, MSG_DRAIN, on_drain, l->peer);
    conf.broker = fleet->bulk;
    conf.hello = NULL;
    conf.hb = NULL;
    assert_ok(peer_open(&l->bulk, fleet->context, &conf, clock_mono_ms()));
    peer_run(l->bulk, &l->run, l->epoch);
    peer_on(l->bulk, MSG_WELCOME, learner_offer, fleet);
    peer_on(l->bulk, MSG_WREQ, learner_asked, fleet);
}

/* ---- the actor */

static void actor_hello(void *self, struct msg_hello *out)
{
    struct live_fleet *fleet = self;

    out->claim = fleet->actor.claim;
    out->n_claim = fleet->actor.claims;
    out->slots = 2;
}

static void actor_hb(void *self, struct msg_hb *out)
{
    struct live_fleet *fleet = self;
    static struct version image;

    image = (struct version){1, fleet->image.hash};
    out->image = &image;
    out->n_image = fleet->actor.have_image;
    out->credit = fleet->actor.have_image ? 4 : 0;
    out->lease_seen = fleet->actor.seen;
    out->tokens = fleet->actor.bodies * 2;
    out->busy_ms = 10;
}

static void send_body(struct live_fleet *fleet, const struct claim *claim)
{
    const int32_t token[] = {4, (int32_t)(claim->task * 10 + claim->sample)};
    const float logprob[] = {-1, -2};
    const struct span span = {0, {1, fleet->image.hash}};
    struct msg msg = {.head.type = MSG_ROLLOUT,
                      .rollout.rollout = {.task = claim->task,
                                          .sample = claim->sample,
                                          .end = ROLLOUT_LENGTH,
                                          .token = token,
                                          .logprob = logprob,
                                          .n_token = 2,
                                          .span = &span,
                                          .n_span = 1,
                                          .text = ""}};

    msg.rollout.rollout.hash = digest_rollout(&msg.rollout.rollout);
    ((struct claim *)claim)->hash = msg.rollout.rollout.hash;
    if (!peer_send(fleet->actor.peer, &msg))
        fleet->actor.bodies++;
}

static struct claim *claim_of(struct live_fleet *fleet, uint64_t task, uint32_t sample)
{
    for (uint32_t i = 0; i < fleet->actor.claims; i++)
        if (fleet->actor.claim[i].task == task && fleet->actor.claim[i].sample == sample)
            return &fleet->actor.claim[i];
    return NULL;
}

static enum err actor_lease(void *self, const struct msg *msg, int64_t now_ms)
{
    struct live_fleet *fleet = self;
    const struct msg_lease *lease = &msg->lease;

    (void)now_ms;
    assert_true(fleet->actor.have_image);
    assert_true(lease->lease > fleet->actor.seen);
    fleet->actor.seen = lease->lease;
    for (uint32_t s = lease->first; s < lease->first + lease->count; s++) {
        struct claim *claim = claim_of(fleet, lease->task.id, s);

        if (!claim) {
            assert_true(fleet->actor.claims < LIVE_ALL);
            claim = &fleet->actor.claim[fleet->actor.claims++];
            *claim = (struct claim){.task = lease->task.id, .sample = s, .state = CLAIM_DONE};
            fleet->actor.made[lease->task.id][s]++;
        }
        send_body(fleet, claim);
    }
    return OK;
}

static enum err actor_want(void *self, const struct msg *msg, int64_t now_ms)
{
    struct live_fleet *fleet = self;

    (void)now_ms;
    for (uint32_t i = 0; i < msg->want.n_claim; i++)
        send_body(fleet, claim_of(fleet, msg->want.claim[i].task, msg->want.claim[i].sample));
    return OK;
}

static enum err actor_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct live_fleet *fleet = self;
    const struct msg_welcome *w = &msg->welcome;

    fleet->actor.welcomes++;
    fleet->actor.run = w->run;
    assert_string_equal(w->bulk, fleet->bulk);
    assert_ok(fetch_endpoint(fleet->actor.fetch, w->bulk, w->bulk_key, now_ms));
    for (uint32_t i = 0; i < w->n_artifact && !fleet->actor.have_image; i++)
        assert_ok(fetch_want(fleet->actor.fetch, &fleet->image));
    for (uint32_t i = 0; i < w->n_verdict; i++)
        if (w->verdict[i].state == CLAIM_WANT)
            send_body(fleet, claim_of(fleet, w->verdict[i].task, w->verdict[i].sample));
    return OK;
}

static enum err actor_hears(void *self, const struct msg *msg, int64_t now_ms)
{
    struct live_fleet *fleet = self;
    const struct settled *settled =
        msg->head.type == MSG_HB ? &msg->hb.settled : &msg->settled.settled;

    (void)now_ms;
    for (uint32_t i = 0; i < settled->n_range; i++)
        for (uint32_t s = 0; s < settled->range[i].count; s++)
            fleet->actor.settled[settled->range[i].task][settled->range[i].first + s] = true;
    return OK;
}

static enum err actor_got(void *self, const struct artifact *what, struct shared_memory *shared,
                          int64_t now_ms)
{
    struct live_fleet *fleet = self;

    (void)what;
    assert_int_equal(shared_memory_size(shared), fleet->image.bytes);
    assert_memory_equal(shared_memory_bytes(shared), fleet->weights, fleet->image.bytes);
    shared_memory_free(shared);
    fleet->actor.have_image = true;
    peer_hb(fleet->actor.peer, now_ms);
    return OK;
}

static enum err watch(void *self, void *socket)
{
    (void)self, (void)socket; /* this test asks every socket each time */
    return OK;
}

static void unwatch(void *self, void *socket)
{
    (void)self, (void)socket;
}

void live_actor(struct live_fleet *fleet)
{
    struct live_actor *a = &fleet->actor;
    struct peer_conf conf = {.role = ROLE_ACTOR,
                             .broker = fleet->control,
                             .keys = fleet->secure ? &fleet->keys[LIVE_ACTOR] : NULL,
                             .name = "actor",
                             .hello = actor_hello,
                             .hb = actor_hb,
                             .self = fleet};
    struct fetch_conf fetch = {.context = fleet->context,
                               .role = ROLE_ACTOR,
                               .keys = conf.keys,
                               .name = "actor",
                               .watch = watch,
                               .unwatch = unwatch,
                               .got = actor_got,
                               .self = fleet};

    peer_random(&conf.id, &conf.incarnation);
    fetch.id = conf.id;
    fetch.incarnation = conf.incarnation;
    fetch_new(&a->fetch, &fetch);
    assert_ok(peer_open(&a->peer, fleet->context, &conf, clock_mono_ms()));
    peer_on(a->peer, MSG_WELCOME, actor_welcome, fleet);
    peer_on(a->peer, MSG_LEASE, actor_lease, fleet);
    peer_on(a->peer, MSG_WANT, actor_want, fleet);
    peer_on(a->peer, MSG_HB, actor_hears, fleet);
    peer_on(a->peer, MSG_SETTLED, actor_hears, fleet);
    peer_on(a->peer, MSG_DRAIN, on_drain, a->peer);
}

/* ---- the rewarder */

static void rewarder_hello(void *self, struct msg_hello *out)
{
    static const struct msg_ability mine = {SCORER_WORKER, "mine"};

    (void)self;
    out->offer = &mine;
    out->n_offer = 1;
    out->slots = 4;
}

static void rewarder_hb(void *self, struct msg_hb *out)
{
    struct live_fleet *fleet = self;

    out->credit = 8;
    out->lease_seen = fleet->rewarder.seen;
}

static enum err rewarder_ask(void *self, const struct msg *msg, int64_t now_ms)
{
    struct live_fleet *fleet = self;
    const struct msg_ask *ask = &msg->ask;
    struct hash rollout[8];
    uint32_t each[8];
    float value[8];
    struct msg out = {.head.type = MSG_SCORE,
                      .score = {.ticket = ask->ticket,
                                .score = {.scorer = ask->scorer,
                                          .rollout = rollout,
                                          .each = each,
                                          .n_rollout = ask->n_item,
                                          .value = value,
                                          .n_value = ask->n_item,
                                          .diagnostics = ""}}};

    (void)now_ms;
    assert_true(ask->n_item <= 4); /* its slots */
    fleet->rewarder.seen = ask->ticket;
    fleet->rewarder.asked += ask->n_item;
    for (uint32_t i = 0; i < ask->n_item; i++) {
        rollout[i] = ask->item[i].hash;
        each[i] = 1;
        value[i] = (float)ask->item[i].token[1];
    }
    assert_ok(peer_send(fleet->rewarder.peer, &out));
    return OK;
}

void live_rewarder(struct live_fleet *fleet)
{
    struct peer_conf conf = {.role = ROLE_REWARDER,
                             .broker = fleet->control,
                             .keys = fleet->secure ? &fleet->keys[LIVE_REWARDER] : NULL,
                             .name = "rewarder",
                             .hello = rewarder_hello,
                             .hb = rewarder_hb,
                             .self = fleet};

    peer_random(&conf.id, &conf.incarnation);
    assert_ok(peer_open(&fleet->rewarder.peer, fleet->context, &conf, clock_mono_ms()));
    peer_on(fleet->rewarder.peer, MSG_ASK, rewarder_ask, fleet);
    peer_on(fleet->rewarder.peer, MSG_DRAIN, on_drain, fleet->rewarder.peer);
}
