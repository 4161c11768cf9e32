/* bench_broker: what the broker's state machine does in a second of one core, codec included,
 * sockets not.
 *
 *     bench_broker [scenario]
 *
 *   flow    64 actors, 8 rewarders, a learner; tasks of 8 samples, 128 tokens each way, two
 *           scorers: samples a second from OPEN to SETTLED
 *   crowd   the same with 2000 actors
 *   failed  1000 actors without room beside 32768 waiting samples, one of which somebody
 *           failed: ticks a second
 *
 * Peers are as quick as can be: each says at once what it was asked for, through the codec,
 * both ways. Time is simulated. Medians of five. */

#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "proto/arena.h"
#include "proto/codec.h"
#include "proto/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    ROUNDS = 5,
    TOKENS = 128,
    SAMPLES = 8,
    WINDOW = 512, /* tasks open at once */
    TASKS = 4096,
    ASKS = 64,
    MEMBERS = 2100,
};

struct bench_lease {
    uint64_t lease, task;
    uint32_t first, count;
};

struct bench_peer {
    struct broker_member *member;
    enum role role;
    struct bench_lease *lease; /* A: in hand */
    uint32_t n_lease, room_lease;
    uint64_t seen, leased, progress;
};

struct bench {
    struct broker *broker;
    int64_t now_ms;
    struct bench_peer peer[MEMBERS];
    uint32_t n_peer;
    struct arena *in, *out; /* what the broker hears, what peers hear */
    struct msg_ask *ask;    /* tickets that are to be answered; copies */
    uint32_t n_ask;
    uint32_t asked[ASKS * 4];
    uint64_t opened, watermark, *done, arrived;
    bool stop;
    int32_t token[TOKENS];
    float logprob[TOKENS];
};

static struct bench *bench;

/* Of this process alone: others may be at work on the machine. */
static int64_t cpu_ns(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return (int64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000000 +
           (int64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_broker: %s\n", what);
    exit(1);
}

static const struct id run = {.byte = {1}};
static const struct scorer scorers[2] = {
    {.id = 0,
     .hash = {{1}},
     .name = "a",
     .kind = SCORER_RULE,
     .unit = UNIT_ROLLOUT,
     .pure = true,
     .needs_text = true,
     .spec = ""},
    {.id = 1,
     .hash = {{2}},
     .name = "b",
     .kind = SCORER_REFERENCE,
     .unit = UNIT_ROLLOUT,
     .pure = true,
     .per_token = true,
     .spec = ""},
};

/* ---- the road: each message goes through the codec, as between processes */

static struct msg heard; /* by the broker */

static void say(struct bench *b, struct bench_peer *from, struct msg *msg)
{
    struct frames frames;

    msg->head.run = run;
    msg->head.epoch = 1;
    frames_init(&frames);
    arena_reset(b->in);
    if (codec_encode(&frames, msg) || codec_decode(&heard, &frames, b->in))
        die(err_text());
    frames_fini(&frames);
    if (heard.head.type == MSG_HELLO)
        from->member = broker_hello(b->broker, from->member, from, &heard, b->now_ms);
    else if (broker_take(b->broker, from->member, &heard, b->now_ms))
        die(err_text());
}

/* What a peer does with it later is noted; a ticket's rollouts are copied. */
static void hear(struct bench *b, struct bench_peer *to, const struct msg *msg)
{
    if (msg->head.type == MSG_LEASE) {
        const struct msg_lease *l = &msg->lease;

        if (to->n_lease == to->room_lease) {
            to->room_lease = to->room_lease ? 2 * to->room_lease : 8;
            to->lease = mem_grow(to->lease, to->room_lease, sizeof *to->lease);
        }
        to->lease[to->n_lease++] =
            (struct bench_lease){l->lease, l->task.id, l->first, l->count};
        if (l->lease > to->seen)
            to->seen = l->lease;
    } else if (msg->head.type == MSG_ASK) {
        struct msg_ask *ask;
        struct msg_item *item = mem_new(msg->ask.n_item, sizeof *item);

        b->ask = mem_grow(b->ask, b->n_ask + 1, sizeof *b->ask);
        ask = &b->ask[b->n_ask];
        *ask = msg->ask;
        memcpy(item, msg->ask.item, msg->ask.n_item * sizeof *item);
        ask->item = item;
        ask->table = (uint32_t)(to - b->peer);
        b->n_ask++;
        if (msg->ask.ticket > to->seen)
            to->seen = msg->ask.ticket;
    } else if (msg->head.type == MSG_SAMPLE) {
        b->arrived++;
        b->done[msg->sample.rollout.task]++;
    }
}

static enum err on_send(void *self, void *link, enum msg_type type, struct frames *frames)
{
    struct bench *b = self;
    struct msg got;

    if (type != MSG_LEASE && type != MSG_ASK && type != MSG_SAMPLE)
        return OK;
    arena_reset(b->out);
    if (codec_decode(&got, frames, b->out))
        die(err_text());
    hear(b, link, &got);
    return OK;
}

static void on_refuse(void *self, void *link, enum refuse_code code, const char *words)
{
    (void)self, (void)link, (void)code;
    die(words);
}

static void on_release(void *self, void *link)
{
    (void)self, (void)link;
}

static void on_publish(void *self, struct msg *msg)
{
    (void)self, (void)msg;
}

/* ---- who is there */

static struct bench_peer *join(struct bench *b, enum role role)
{
    static const struct msg_ability offer[2] = {{SCORER_RULE, ""}, {SCORER_REFERENCE, ""}};
    struct bench_peer *p = &b->peer[b->n_peer];
    char name[32];
    struct msg msg = {.head.type = MSG_HELLO};

    snprintf(name, sizeof name, "host%u:1", b->n_peer);
    p->role = role;
    msg.hello = (struct msg_hello){.incarnation = 1,
                                   .role = role,
                                   .major_min = 1,
                                   .major_max = 1,
                                   .name = name,
                                   .build = "bench",
                                   .host = ""};
    memcpy(msg.hello.peer.byte, &b->n_peer, sizeof b->n_peer);
    msg.hello.peer.byte[8] = 1;
    b->n_peer++;
    if (role == ROLE_LEARNER) {
        msg.hello.newest = (struct version){0, {{9}}};
        msg.hello.table = 1;
        msg.hello.scorer = scorers;
        msg.hello.n_scorer = 2;
    } else if (role == ROLE_REWARDER) {
        msg.hello.offer = offer;
        msg.hello.n_offer = 2;
    }
    say(b, p, &msg);
    return p;
}

static void heartbeat(struct bench *b, struct bench_peer *p, uint32_t credit)
{
    static const struct version image = {0, {{9}}};
    uint64_t lease[64];
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.progress = ++p->progress,
                             .lease_seen = p->role == ROLE_LEARNER ? b->arrived : p->seen,
                             .credit = credit,
                             .note = "",
                             .metrics = ""}};

    if (p->role == ROLE_LEARNER) {
        msg.hb.credit_bytes = 64 << 20;
        msg.hb.newest = image;
        msg.hb.settled = (struct settled){.epoch = 1, .watermark = b->watermark};
    } else if (p->role == ROLE_ACTOR) {
        msg.hb.image = &image;
        msg.hb.n_image = 1;
        for (uint32_t i = 0; i < p->n_lease && i < 64; i++)
            lease[msg.hb.n_lease++] = p->lease[i].lease;
        msg.hb.lease = lease;
    }
    say(b, p, &msg);
}

static void begin(struct bench *b, uint32_t actors, uint32_t rewarders)
{
    const struct broker_sink sink = {.self = b,
                                     .send = on_send,
                                     .refuse = on_refuse,
                                     .release = on_release,
                                     .publish = on_publish};
    const struct broker_birth birth = {
        .incarnation = 1, .first_number = 1024, .bulk = "tcp://127.0.0.1:1", .bulk_key = ""};

    memset(b, 0, sizeof *b);
    b->now_ms = 100000;
    arena_new(&b->in, CODEC_ARENA);
    arena_new(&b->out, CODEC_ARENA);
    b->done = mem_new(1 << 17, sizeof *b->done);
    for (uint32_t i = 0; i < TOKENS; i++) {
        b->token[i] = (int32_t)(3 + i % 50);
        b->logprob[i] = -.5f;
    }
    broker_new(&b->broker, &broker_default, &sink, &birth, b->now_ms);
    join(b, ROLE_LEARNER);
    for (uint32_t i = 0; i < actors; i++)
        join(b, ROLE_ACTOR);
    for (uint32_t i = 0; i < rewarders; i++)
        join(b, ROLE_REWARDER);
    b->now_ms += 2000;
    broker_tick(b->broker, b->now_ms);
}

static void end(struct bench *b)
{
    broker_free(b->broker);
    for (uint32_t i = 0; i < b->n_peer; i++)
        free(b->peer[i].lease);
    for (uint32_t i = 0; i < b->n_ask; i++)
        free((void *)(uintptr_t)b->ask[i].item);
    free(b->ask);
    free(b->done);
    arena_free(b->in);
    arena_free(b->out);
}

/* ---- what they do */

static void open_one(struct bench *b)
{
    const int32_t stop = 2;
    struct msg msg = {.head.type = MSG_OPEN};

    msg.open.task = (struct task){.id = b->opened++,
                                  .samples = SAMPLES,
                                  .prompt = b->token,
                                  .n_prompt = TOKENS,
                                  .decoding = {.temperature = 1,
                                               .top_p = 1,
                                               .max_new = TOKENS,
                                               .stop = &stop,
                                               .n_stop = 1},
                                  .version = {0, {{9}}},
                                  .table = 1,
                                  .prompt_text = "a prompt",
                                  .meta = "{}"};
    say(b, &b->peer[0], &msg);
}

static void settle(struct bench *b)
{
    struct msg msg = {.head.type = MSG_SETTLED};

    while (b->watermark < b->opened && b->done[b->watermark] == SAMPLES)
        b->watermark++;
    msg.settled.settled = (struct settled){.epoch = 1, .watermark = b->watermark};
    say(b, &b->peer[0], &msg);
}

static void bring(struct bench *b, struct bench_peer *p, uint64_t lease, uint64_t task,
                  uint32_t sample)
{
    const struct span span = {0, {0, {{9}}}};
    struct msg msg = {.head.type = MSG_ROLLOUT};
    struct rollout *r = &msg.rollout.rollout;

    msg.rollout.lease = lease;
    b->token[0] = (int32_t)(3 + task % 1000);
    b->token[1] = (int32_t)(3 + sample);
    *r = (struct rollout){.task = task,
                          .sample = sample,
                          .end = ROLLOUT_LENGTH,
                          .token = b->token,
                          .logprob = b->logprob,
                          .n_token = TOKENS,
                          .span = &span,
                          .n_span = 1,
                          .text = "an answer"};
    r->hash = digest_rollout(r);
    say(b, p, &msg);
}

static void work(struct bench *b, struct bench_peer *p)
{
    const uint32_t n = p->n_lease;
    struct bench_lease *lease = p->lease;

    p->lease = NULL;
    p->n_lease = p->room_lease = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t s = 0; s < lease[i].count; s++)
            bring(b, p, lease[i].lease, lease[i].task, lease[i].first + s);
    free(lease);
}

static void answer(struct bench *b, const struct msg_ask *ask)
{
    static struct hash rollout[1024];
    static uint32_t each[1024];
    static float value[1024 * TOKENS];
    struct msg msg = {.head.type = MSG_SCORE};
    uint32_t n = 0;

    for (uint32_t i = 0; i < ask->n_item; i++) {
        rollout[i] = ask->item[i].hash;
        each[i] = hash_same(&ask->scorer, &scorers[1].hash) ? TOKENS : 1;
        n += each[i];
    }
    msg.score = (struct msg_score){.ticket = ask->ticket,
                                   .score = {.scorer = ask->scorer,
                                             .rollout = rollout,
                                             .each = each,
                                             .n_rollout = ask->n_item,
                                             .value = value,
                                             .n_value = n,
                                             .diagnostics = ""}};
    say(b, &b->peer[ask->table], &msg);
}

static void score(struct bench *b)
{
    struct msg_ask *ask = b->ask;
    const uint32_t n = b->n_ask;

    b->ask = NULL;
    b->n_ask = 0;
    for (uint32_t i = 0; i < n; i++) {
        answer(b, &ask[i]);
        free((void *)(uintptr_t)ask[i].item);
    }
    free(ask);
}

/* Samples a second. */
static double flow(uint32_t actors)
{
    const uint32_t credit = actors > 500 ? 4 : 24;
    int64_t start;
    double seconds;

    begin(bench, actors, 8);
    start = cpu_ns();
    while (bench->watermark < TASKS) {
        bench->now_ms += 20;
        while (bench->opened < TASKS && bench->opened < bench->watermark + WINDOW)
            open_one(bench);
        for (uint32_t i = 0; i < bench->n_peer; i++) {
            struct bench_peer *p = &bench->peer[i];

            if (p->role == ROLE_ACTOR)
                work(bench, p);
            heartbeat(bench, p, p->role == ROLE_ACTOR ? credit : 32);
        }
        score(bench);
        settle(bench);
        if (bench->now_ms % 100 == 0)
            broker_tick(bench->broker, bench->now_ms);
    }
    seconds = (double)(cpu_ns() - start) * 1e-9;
    end(bench);
    return TASKS * SAMPLES / seconds;
}

/* Ticks a second. */
static double failed(void)
{
    enum { TICKS = 50, TASKS_WAITING = 4096 };
    struct msg fail = {.head.type = MSG_FAIL, .fail = {.reason = "bench", .who = ""}};
    int64_t start;
    double seconds;

    begin(bench, 1000, 1);
    heartbeat(bench, &bench->peer[0], 0);
    open_one(bench);
    heartbeat(bench, &bench->peer[1], 1);
    if (!bench->peer[1].n_lease)
        die("no lease");
    fail.fail.lease = bench->peer[1].lease[0].lease;
    fail.fail.task = bench->peer[1].lease[0].task;
    fail.fail.sample = bench->peer[1].lease[0].first;
    bench->peer[1].n_lease = 0;
    say(bench, &bench->peer[1], &fail);
    while (bench->opened < TASKS_WAITING)
        open_one(bench);
    start = cpu_ns();
    for (int i = 0; i < TICKS; i++) {
        bench->now_ms += 1; /* heartbeats of the broker are not what is measured */
        broker_tick(bench->broker, bench->now_ms);
    }
    seconds = (double)(cpu_ns() - start) * 1e-9;
    end(bench);
    return TICKS / seconds;
}

static double one(const char *name)
{
    return !strcmp(name, "flow") ? flow(64) : !strcmp(name, "crowd") ? flow(2000) : failed();
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"flow", "crowd", "failed"};
    double all[ROUNDS];

    if (log_level("error"))
        return EXIT_FAILURE;
    bench = mem_new(1, sizeof *bench);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (argc > 1 && strcmp(argv[1], names[k]) != 0)
            continue;
        for (int i = 0; i < ROUNDS; i++)
            all[i] = one(names[k]);
        qsort(all, ROUNDS, sizeof *all, ascending);
        printf("%-6s %10.0f a second\n", names[k], all[ROUNDS / 2]);
        fflush(stdout);
    }
    free(bench);
    return EXIT_SUCCESS;
}
