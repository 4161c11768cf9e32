#include "tests/broker/fixture.h"

#include "base/log.h"
#include "broker/state.h"
#include "proto/arena.h"
#include "proto/digest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct id fixture_run = {.byte = {1, 2, 3}};
const struct scorer fixture_rule = {.id = 0,
                                    .hash = {{1}},
                                    .name = "rule",
                                    .kind = SCORER_RULE,
                                    .unit = UNIT_ROLLOUT,
                                    .pure = true,
                                    .spec = "{}",
                                    .timeout_ms = 2000};
const struct scorer fixture_text = {.id = 1,
                                    .hash = {{2}},
                                    .name = "mine",
                                    .kind = SCORER_WORKER,
                                    .unit = UNIT_ROLLOUT,
                                    .needs_text = true,
                                    .spec = ""};
const struct scorer fixture_group = {.id = 0,
                                     .hash = {{3}},
                                     .name = "group",
                                     .kind = SCORER_RULE,
                                     .unit = UNIT_GROUP,
                                     .spec = ""};
const struct scorer fixture_pair = {
    .id = 0, .hash = {{4}}, .name = "pair", .kind = SCORER_RULE, .unit = UNIT_PAIR, .spec = ""};
const struct scorer fixture_tokens = {.id = 0,
                                      .hash = {{5}},
                                      .name = "reference",
                                      .kind = SCORER_REFERENCE,
                                      .unit = UNIT_ROLLOUT,
                                      .per_token = true,
                                      .spec = ""};

static enum err on_send(void *self, void *link, enum msg_type type, struct frames *frames)
{
    struct broker_fixture *fixture = self;
    const uint32_t to = (uint32_t)((struct broker_member **)link - fixture->member);
    struct fixture_said *said = &fixture->said[fixture->n];

    assert_true(to < FIXTURE_MEMBERS); /* else: the link of nobody who is here */
    if (fixture->answer[to])
        return err_set(fixture->answer[to], "as the test wants it");
    assert_true(fixture->n < FIXTURE_SAID);
    assert_ok(frames_share(&said->frames, frames));
    said->to = to;
    said->type = type;
    fixture->n++;
    return OK;
}

static void on_origin(void *self, void *link, struct writer *out)
{
    const struct broker_fixture *fixture = self;
    const uint32_t from = (uint32_t)((struct broker_member **)link - fixture->member);

    out->address = fixture->address[from] ? fixture->address[from] : "";
    out->key = fixture->key[from];
}

static void on_strike(void *self, void *link, const char *words)
{
    struct broker_fixture *fixture = self;
    const uint32_t to = (uint32_t)((struct broker_member **)link - fixture->member);

    (void)words;
    fixture->strikes[to]++;
    if (fixture->drops[to])
        fixture_gone(fixture, to, false);
}

static void on_refuse(void *self, void *link, enum refuse_code code, const char *words)
{
    struct broker_fixture *fixture = self;
    const uint32_t to = (uint32_t)((struct broker_member **)link - fixture->member);

    assert_true(words[0]);
    fixture->refused[to] = code;
    snprintf(fixture->words[to], sizeof fixture->words[to], "%s", words);
    fixture_gone(fixture, to, false);
}

static void on_release(void *self, void *link)
{
    struct broker_fixture *fixture = self;
    const uint32_t to = (uint32_t)((struct broker_member **)link - fixture->member);

    fixture->released[to] = true;
    fixture_gone(fixture, to, false);
}

static void on_publish(void *self, struct msg *msg)
{
    struct broker_fixture *fixture = self;

    assert_int_equal(msg->head.type, MSG_STATS);
    frames_fini(&fixture->stats);
    frames_init(&fixture->stats);
    assert_ok(codec_encode(&fixture->stats, msg));
}

void fixture_restart(struct broker_fixture *fixture, uint64_t first_number)
{
    const struct broker_sink sink = {.self = fixture,
                                     .send = on_send,
                                     .refuse = on_refuse,
                                     .release = on_release,
                                     .origin = on_origin,
                                     .strike = on_strike,
                                     .publish = on_publish};
    const struct broker_birth birth = {.incarnation = 77 + first_number,
                                       .first_number = first_number,
                                       .restarted = fixture->restarted,
                                       .bulk = "tcp://127.0.0.1:5556",
                                       .bulk_key = ""};

    broker_free(fixture->broker);
    memset(fixture->member, 0, sizeof fixture->member);
    broker_new(&fixture->broker, &fixture->limits, &sink, &birth, fixture->now_ms);
}

void fixture_open(struct broker_fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    assert_ok(log_level("error"));
    fixture->limits = broker_default;
    fixture->now_ms = 1000000;
    fixture->epoch = 1;
    arena_new(&fixture->arena, CODEC_ARENA);
    frames_init(&fixture->stats);
    fixture_restart(fixture, 1000);
}

void fixture_close(struct broker_fixture *fixture)
{
    fixture_forget(fixture);
    broker_free(fixture->broker);
    arena_free(fixture->arena);
    frames_fini(&fixture->stats);
}

void fixture_pass(struct broker_fixture *fixture, int64_t ms)
{
    for (int64_t i = 0; i < ms; i += 100) {
        fixture->now_ms += 100;
        broker_tick(fixture->broker, fixture->now_ms);
    }
}

const struct msg *fixture_said(struct broker_fixture *fixture, uint32_t to, enum msg_type type)
{
    for (uint32_t i = 0; i < fixture->n; i++) {
        struct fixture_said *said = &fixture->said[i];

        if (said->to != to || said->type != type)
            continue;
        arena_reset(fixture->arena);
        assert_ok(codec_decode(&fixture->msg, &said->frames, fixture->arena));
        frames_fini(&said->frames);
        memmove(said, said + 1, (--fixture->n - i) * sizeof *said);
        return &fixture->msg;
    }
    return NULL;
}

uint32_t fixture_count(const struct broker_fixture *fixture, uint32_t to, enum msg_type type)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < fixture->n; i++)
        n += fixture->said[i].to == to && fixture->said[i].type == type;
    return n;
}

void fixture_forget(struct broker_fixture *fixture)
{
    while (fixture->n)
        frames_fini(&fixture->said[--fixture->n].frames);
}

const struct msg_stats *fixture_stats(struct broker_fixture *fixture)
{
    broker_stats(fixture->broker, NULL, 0, fixture->now_ms);
    arena_reset(fixture->arena);
    assert_ok(codec_decode(&fixture->msg, &fixture->stats, fixture->arena));
    return &fixture->msg.stats;
}

const struct id fixture_own = {.byte = {200}};

struct msg fixture_hello(uint32_t at, enum role role)
{
    static const char *const name[FIXTURE_MEMBERS] = {"fixture-0", "fixture-1", "fixture-2",
                                                      "fixture-3", "fixture-4", "fixture-5",
                                                      "fixture-6", "fixture-7"};

    return (struct msg){.head = {.type = MSG_HELLO, .run = fixture_run, .epoch = 1},
                        .hello = {.peer = {.byte = {(uint8_t)(at + 1)}},
                                  .incarnation = 5,
                                  .role = role,
                                  .major_min = 1,
                                  .major_max = 1,
                                  .name = name[at],
                                  .build = "",
                                  .host = "",
                                  .slots = 8}};
}

void fixture_say_hello(struct broker_fixture *fixture, uint32_t at, const struct msg *msg)
{
    fixture->refused[at] = 0;
    fixture->member[at] = broker_hello(fixture->broker, fixture->member[at],
                                       &fixture->member[at], msg, fixture->now_ms);
}

void fixture_learner(struct broker_fixture *fixture, uint64_t epoch,
                     const struct scorer *scorer, uint32_t n)
{
    struct msg msg = fixture_hello(FIXTURE_LEARNER, ROLE_LEARNER);

    fixture->epoch = msg.head.epoch = msg.hello.settled.epoch = epoch;
    msg.hello.incarnation += epoch;
    msg.hello.newest = fixture_version(0);
    msg.hello.table = 1;
    msg.hello.vocabulary = FIXTURE_VOCABULARY;
    msg.hello.scorer = scorer;
    msg.hello.n_scorer = n;
    fixture_say_hello(fixture, FIXTURE_LEARNER, &msg);
}

void fixture_actor(struct broker_fixture *fixture, uint32_t at, const struct claim *claim,
                   uint32_t claims)
{
    struct msg msg = fixture_hello(at, ROLE_ACTOR);

    msg.hello.claim = claim;
    msg.hello.n_claim = claims;
    fixture_say_hello(fixture, at, &msg);
}

void fixture_rewarder(struct broker_fixture *fixture, uint32_t at, uint32_t kind,
                      const char *name)
{
    const struct msg_ability offer = {.kind = kind, .name = name};
    struct msg msg = fixture_hello(at, ROLE_REWARDER);

    msg.hello.offer = &offer;
    msg.hello.n_offer = 1;
    fixture_say_hello(fixture, at, &msg);
    fixture_credit(fixture, at, 8, 0);
}

void fixture_other(struct broker_fixture *fixture, uint32_t at, enum role role)
{
    const struct msg msg = fixture_hello(at, role);

    fixture_say_hello(fixture, at, &msg);
}

void fixture_gone(struct broker_fixture *fixture, uint32_t at, bool died)
{
    struct broker_member *member = fixture->member[at];

    fixture->member[at] = NULL;
    if (member)
        broker_gone(fixture->broker, member, died, fixture->now_ms);
}

enum err fixture_say(struct broker_fixture *fixture, uint32_t from, struct msg *msg)
{
    msg->head.run = fixture_run;
    if (!msg->head.epoch)
        msg->head.epoch = fixture->epoch;
    return broker_take(fixture->broker, fixture->member[from], msg, fixture->now_ms);
}

struct version fixture_version(uint64_t number)
{
    return (struct version){.number = number, .hash = {{9, (uint8_t)number}}};
}

void fixture_open_task(struct broker_fixture *fixture, uint64_t id, uint32_t samples,
                       uint64_t version)
{
    const int32_t prompt[2] = {1, (int32_t)id}, stop = FIXTURE_STOP;
    struct msg msg = {.head.type = MSG_OPEN};

    msg.open.task = (struct task){
        .id = id,
        .samples = samples,
        .prompt = prompt,
        .n_prompt = 2,
        .decoding = {.temperature = 1, .top_p = 1, .max_new = 8, .stop = &stop, .n_stop = 1},
        .version = fixture_version(version),
        .table = 1,
        .prompt_text = "a prompt",
        .meta = "{\"x\":1}",
        .earlier = fixture->earlier};
    assert_ok(fixture_say(fixture, FIXTURE_LEARNER, &msg));
}

void fixture_hb_lease(struct broker_fixture *fixture, uint32_t at, uint64_t progress,
                      uint64_t seen, const uint64_t *lease, uint32_t leases)
{
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.progress = progress,
                             .lease_seen = seen,
                             .lease = lease,
                             .n_lease = leases,
                             .note = "",
                             .metrics = ""}};

    assert_ok(fixture_say(fixture, at, &msg));
}

void fixture_credit(struct broker_fixture *fixture, uint32_t at, uint32_t credit, uint64_t seen)
{
    fixture_credit_with(fixture, at, credit, seen, 0);
}

void fixture_credit_with(struct broker_fixture *fixture, uint32_t at, uint32_t credit,
                         uint64_t seen, uint64_t version)
{
    const struct version image = fixture_version(version);
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.credit = credit,
                             .lease_seen = seen,
                             .image = &image,
                             .n_image = 1,
                             .note = "",
                             .metrics = ""}};

    assert_ok(fixture_say(fixture, at, &msg));
}

void fixture_learner_hb(struct broker_fixture *fixture, uint64_t bytes, uint64_t seen,
                        uint64_t watermark, const struct range *range, uint32_t ranges)
{
    struct msg msg = {
        .head.type = MSG_HB,
        .hb = {
            .credit_bytes = bytes,
            .lease_seen = seen,
            .newest = fixture_version(0),
            .settled = {.epoch = 1, .watermark = watermark, .range = range, .n_range = ranges},
            .note = "",
            .metrics = ""}};

    assert_ok(fixture_say(fixture, FIXTURE_LEARNER, &msg));
}

struct rollout fixture_answer(uint64_t task, uint32_t sample, uint8_t kind, uint64_t version)
{
    static int32_t token[3];
    static float logprob[3];
    static struct span span;
    struct rollout r = {.task = task,
                        .sample = sample,
                        .end = ROLLOUT_STOP,
                        .token = token,
                        .logprob = logprob,
                        .n_token = 3,
                        .span = &span,
                        .n_span = 1,
                        .text = "an answer"};

    token[0] = 8 + (int32_t)task;
    token[1] = 8 + (int32_t)sample;
    token[2] = FIXTURE_STOP;
    logprob[2] = -(float)kind;
    span.version = fixture_version(version);
    r.hash = digest_rollout(&r);
    return r;
}

struct hash fixture_hash(uint64_t task, uint32_t sample, uint8_t kind)
{
    return fixture_answer(task, sample, kind, 0).hash;
}

enum err fixture_bring(struct broker_fixture *fixture, uint32_t from,
                       const struct rollout *rollout)
{
    struct msg msg = {.head.type = MSG_ROLLOUT, .rollout.rollout = *rollout};
    const uint64_t before = fixture->broker->counters.unasked;
    const enum err err = fixture_say(fixture, from, &msg);

    if (err || fixture->broker->counters.unasked == before)
        return err;
    /* It held no lease for it: what it has is a claim, and wanted at the next tick. */
    broker_tick(fixture->broker, fixture->now_ms);
    return fixture_say(fixture, from, &msg);
}

enum err fixture_rollout(struct broker_fixture *fixture, uint32_t from, uint64_t task,
                         uint32_t sample, uint8_t kind, uint64_t version)
{
    const struct rollout rollout = fixture_answer(task, sample, kind, version);

    return fixture_bring(fixture, from, &rollout);
}

enum err fixture_score(struct broker_fixture *fixture, uint32_t from, const struct msg_ask *ask,
                       float value, uint32_t less)
{
    struct hash rollout[16];
    uint32_t each[16];
    float values[16];
    struct msg msg = {.head.type = MSG_SCORE};

    for (uint32_t i = 0; i < ask->n_item; i++) {
        rollout[i] = ask->item[i].hash;
        each[i] = 1;
        values[i] = value;
    }
    msg.score = (struct msg_score){.ticket = ask->ticket,
                                   .score = {.scorer = ask->scorer,
                                             .rollout = rollout,
                                             .each = each,
                                             .n_rollout = ask->n_item - less,
                                             .value = values,
                                             .n_value = ask->n_item - less,
                                             .diagnostics = "{\"why\":1}"}};
    return fixture_say(fixture, from, &msg);
}
