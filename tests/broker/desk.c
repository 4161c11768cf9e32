#include "tests/broker/desk.h"

#include "base/log.h"
#include "proto/arena.h"
#include "proto/digest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct id desk_run = {.byte = {1, 2, 3}};
const struct scorer desk_rule = {.id = 0,
                                 .hash = {{1}},
                                 .name = "rule",
                                 .kind = SCORER_RULE,
                                 .unit = UNIT_ROLLOUT,
                                 .pure = true,
                                 .spec = "{}",
                                 .timeout_ms = 2000};
const struct scorer desk_text = {.id = 1,
                                 .hash = {{2}},
                                 .name = "mine",
                                 .kind = SCORER_WORKER,
                                 .unit = UNIT_ROLLOUT,
                                 .needs_text = true,
                                 .spec = ""};
const struct scorer desk_group = {.id = 0,
                                  .hash = {{3}},
                                  .name = "group",
                                  .kind = SCORER_RULE,
                                  .unit = UNIT_GROUP,
                                  .spec = ""};
const struct scorer desk_pair = {
    .id = 0, .hash = {{4}}, .name = "pair", .kind = SCORER_RULE, .unit = UNIT_PAIR, .spec = ""};
const struct scorer desk_tokens = {.id = 0,
                                   .hash = {{5}},
                                   .name = "reference",
                                   .kind = SCORER_REFERENCE,
                                   .unit = UNIT_ROLLOUT,
                                   .per_token = true,
                                   .spec = ""};

static enum err on_send(void *self, void *link, struct msg *msg)
{
    struct desk *desk = self;
    const uint32_t to = (uint32_t)((struct member **)link - desk->member);
    struct desk_said *said = &desk->said[desk->n];

    if (desk->answer[to])
        return err_set(desk->answer[to], "as the test wants it");
    assert_true(desk->n < DESK_SAID);
    frames_init(&said->frames);
    assert_ok(codec_encode(&said->frames, msg));
    said->to = to;
    said->type = msg->head.type;
    desk->n++;
    return OK;
}

static void on_origin(void *self, void *link, struct writer *out)
{
    const struct desk *desk = self;
    const char *address = desk->address[(uint32_t)((struct member **)link - desk->member)];

    out->address = address ? address : "";
}

static void on_strike(void *self, void *link, const char *words)
{
    struct desk *desk = self;

    (void)words;
    desk->strikes[(uint32_t)((struct member **)link - desk->member)]++;
}

static void on_refuse(void *self, void *link, enum refuse_code code, const char *words)
{
    struct desk *desk = self;
    const uint32_t to = (uint32_t)((struct member **)link - desk->member);

    assert_true(words[0]);
    desk->refused[to] = code;
    desk_gone(desk, to, false);
}

static void on_release(void *self, void *link)
{
    struct desk *desk = self;
    const uint32_t to = (uint32_t)((struct member **)link - desk->member);

    desk->released[to] = true;
    desk_gone(desk, to, false);
}

static void on_publish(void *self, struct msg *msg)
{
    struct desk *desk = self;

    assert_int_equal(msg->head.type, MSG_STATS);
    frames_fini(&desk->stats);
    frames_init(&desk->stats);
    assert_ok(codec_encode(&desk->stats, msg));
}

void desk_restart(struct desk *desk, uint64_t first_number)
{
    const struct broker_sink sink = {.self = desk,
                                     .send = on_send,
                                     .refuse = on_refuse,
                                     .release = on_release,
                                     .origin = on_origin,
                                     .strike = on_strike,
                                     .publish = on_publish};
    const struct broker_birth birth = {.incarnation = 77 + first_number,
                                       .first_number = first_number,
                                       .bulk = "tcp://127.0.0.1:5556",
                                       .bulk_key = ""};

    broker_free(desk->broker);
    memset(desk->member, 0, sizeof desk->member);
    broker_new(&desk->broker, &desk->limits, &sink, &birth, desk->now_ms);
}

void desk_open(struct desk *desk)
{
    memset(desk, 0, sizeof *desk);
    assert_ok(log_level("error"));
    desk->limits = broker_default;
    desk->now_ms = 1000000;
    desk->epoch = 1;
    arena_new(&desk->arena, CODEC_ARENA);
    frames_init(&desk->stats);
    desk_restart(desk, 1000);
}

void desk_close(struct desk *desk)
{
    desk_forget(desk);
    broker_free(desk->broker);
    arena_free(desk->arena);
    frames_fini(&desk->stats);
}

void desk_pass(struct desk *desk, int64_t ms)
{
    for (int64_t i = 0; i < ms; i += 100) {
        desk->now_ms += 100;
        broker_tick(desk->broker, desk->now_ms);
    }
}

const struct msg *desk_said(struct desk *desk, uint32_t to, enum msg_type type)
{
    for (uint32_t i = 0; i < desk->n; i++) {
        struct desk_said *said = &desk->said[i];

        if (said->to != to || said->type != type)
            continue;
        arena_reset(desk->arena);
        assert_ok(codec_decode(&desk->msg, &said->frames, desk->arena));
        frames_fini(&said->frames);
        memmove(said, said + 1, (--desk->n - i) * sizeof *said);
        return &desk->msg;
    }
    return NULL;
}

uint32_t desk_count(const struct desk *desk, uint32_t to, enum msg_type type)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < desk->n; i++)
        n += desk->said[i].to == to && desk->said[i].type == type;
    return n;
}

void desk_forget(struct desk *desk)
{
    while (desk->n)
        frames_fini(&desk->said[--desk->n].frames);
}

const struct msg_stats *desk_stats(struct desk *desk)
{
    broker_stats(desk->broker, desk->now_ms);
    arena_reset(desk->arena);
    assert_ok(codec_decode(&desk->msg, &desk->stats, desk->arena));
    return &desk->msg.stats;
}

const struct id desk_own = {.byte = {200}};

struct msg desk_hello(uint32_t at, enum role role)
{
    static const char *const name[DESK_MEMBERS] = {"desk-0", "desk-1", "desk-2", "desk-3",
                                                   "desk-4", "desk-5", "desk-6", "desk-7"};

    return (struct msg){.head = {.type = MSG_HELLO, .run = desk_run, .epoch = 1},
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

void desk_say_hello(struct desk *desk, uint32_t at, const struct msg *msg)
{
    desk->refused[at] = 0;
    desk->member[at] =
        broker_hello(desk->broker, desk->member[at], &desk->member[at], msg, desk->now_ms);
}

void desk_learner(struct desk *desk, uint64_t epoch, const struct scorer *scorer, uint32_t n)
{
    struct msg msg = desk_hello(DESK_LEARNER, ROLE_LEARNER);

    desk->epoch = msg.head.epoch = msg.hello.settled.epoch = epoch;
    msg.hello.incarnation += epoch;
    msg.hello.newest = desk_version(0);
    msg.hello.table = 1;
    msg.hello.vocabulary = DESK_VOCABULARY;
    msg.hello.scorer = scorer;
    msg.hello.n_scorer = n;
    desk_say_hello(desk, DESK_LEARNER, &msg);
}

void desk_actor(struct desk *desk, uint32_t at, const struct claim *claim, uint32_t claims)
{
    struct msg msg = desk_hello(at, ROLE_ACTOR);

    msg.hello.claim = claim;
    msg.hello.n_claim = claims;
    desk_say_hello(desk, at, &msg);
}

void desk_rewarder(struct desk *desk, uint32_t at, uint32_t kind, const char *name)
{
    const struct msg_ability offer = {.kind = kind, .name = name};
    struct msg msg = desk_hello(at, ROLE_REWARDER);

    msg.hello.offer = &offer;
    msg.hello.n_offer = 1;
    desk_say_hello(desk, at, &msg);
    desk_credit(desk, at, 8, 0);
}

void desk_other(struct desk *desk, uint32_t at, enum role role)
{
    const struct msg msg = desk_hello(at, role);

    desk_say_hello(desk, at, &msg);
}

void desk_gone(struct desk *desk, uint32_t at, bool died)
{
    struct member *member = desk->member[at];

    desk->member[at] = NULL;
    if (member)
        broker_gone(desk->broker, member, died, desk->now_ms);
}

enum err desk_say(struct desk *desk, uint32_t from, struct msg *msg)
{
    msg->head.run = desk_run;
    if (!msg->head.epoch)
        msg->head.epoch = desk->epoch;
    return broker_take(desk->broker, desk->member[from], msg, desk->now_ms);
}

struct version desk_version(uint64_t number)
{
    return (struct version){.number = number, .hash = {{9, (uint8_t)number}}};
}

void desk_open_task(struct desk *desk, uint64_t id, uint32_t samples, uint64_t version)
{
    const int32_t prompt[2] = {1, (int32_t)id}, stop = DESK_STOP;
    struct msg msg = {.head.type = MSG_OPEN};

    msg.open.task = (struct task){
        .id = id,
        .samples = samples,
        .prompt = prompt,
        .n_prompt = 2,
        .decoding = {.temperature = 1, .top_p = 1, .max_new = 8, .stop = &stop, .n_stop = 1},
        .version = desk_version(version),
        .scorers = 1,
        .prompt_text = "a prompt",
        .meta = "{\"x\":1}"};
    assert_ok(desk_say(desk, DESK_LEARNER, &msg));
}

void desk_hb_lease(struct desk *desk, uint32_t at, uint64_t progress, uint64_t seen,
                   const uint64_t *lease, uint32_t leases)
{
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.progress = progress,
                             .lease_seen = seen,
                             .lease = lease,
                             .n_lease = leases,
                             .note = "",
                             .metrics = ""}};

    assert_ok(desk_say(desk, at, &msg));
}

void desk_credit(struct desk *desk, uint32_t at, uint32_t credit, uint64_t seen)
{
    const struct version image = desk_version(0);
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.credit = credit,
                             .lease_seen = seen,
                             .image = &image,
                             .n_image = 1,
                             .note = "",
                             .metrics = ""}};

    assert_ok(desk_say(desk, at, &msg));
}

void desk_learner_hb(struct desk *desk, uint64_t bytes, uint64_t seen, uint64_t watermark,
                     const struct range *range, uint32_t ranges)
{
    struct msg msg = {
        .head.type = MSG_HB,
        .hb = {
            .credit_bytes = bytes,
            .lease_seen = seen,
            .newest = desk_version(0),
            .settled = {.epoch = 1, .watermark = watermark, .range = range, .n_range = ranges},
            .note = "",
            .metrics = ""}};

    assert_ok(desk_say(desk, DESK_LEARNER, &msg));
}

struct rollout desk_answer(uint64_t task, uint32_t sample, uint8_t kind, uint64_t version)
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
    token[2] = DESK_STOP;
    logprob[2] = -(float)kind;
    span.version = desk_version(version);
    r.hash = digest_rollout(&r);
    return r;
}

struct hash desk_hash(uint64_t task, uint32_t sample, uint8_t kind)
{
    return desk_answer(task, sample, kind, 0).hash;
}

enum err desk_bring(struct desk *desk, uint32_t from, const struct rollout *rollout)
{
    struct msg msg = {.head.type = MSG_ROLLOUT, .rollout.rollout = *rollout};

    return desk_say(desk, from, &msg);
}

enum err desk_rollout(struct desk *desk, uint32_t from, uint64_t task, uint32_t sample,
                      uint8_t kind, uint64_t version)
{
    const struct rollout rollout = desk_answer(task, sample, kind, version);

    return desk_bring(desk, from, &rollout);
}

enum err desk_score(struct desk *desk, uint32_t from, const struct msg_ask *ask, float value,
                    uint32_t less)
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
    return desk_say(desk, from, &msg);
}
