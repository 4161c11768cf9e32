/* Events in a heap by time: a message that arrives, a host's tick, something that the test
 * ordered. A line out is busy as long as a message takes at its rate; the line in likewise; what
 * is sent to a host that reads nothing stays in its pipe. */

#include "tests/broker/hosts.h"

#include "base/mem.h"
#include "tests/broker/hosts_state.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIPE = 4 << 20, FIRST_WINDOW = 8 };

/* ---- events */

static bool before(const struct hosts_event *a, const struct hosts_event *b)
{
    return a->at_ms < b->at_ms || (a->at_ms <= b->at_ms && a->order < b->order);
}

static void push(struct hosts *h, struct hosts_event e)
{
    size_t i = h->n_event++;

    e.order = h->order++;
    if (h->n_event > h->room) {
        h->room = h->room ? 2 * h->room : 1024;
        h->heap = mem_grow(h->heap, h->room, sizeof *h->heap);
    }
    for (; i && before(&e, &h->heap[(i - 1) / 2]); i = (i - 1) / 2)
        h->heap[i] = h->heap[(i - 1) / 2];
    h->heap[i] = e;
}

static struct hosts_event pop(struct hosts *h)
{
    const struct hosts_event top = h->heap[0], last = h->heap[--h->n_event];
    size_t i = 0;

    for (;;) {
        size_t c = 2 * i + 1;
        if (c + 1 < h->n_event && before(&h->heap[c + 1], &h->heap[c]))
            c++;
        if (c >= h->n_event || !before(&h->heap[c], &last))
            break;
        h->heap[i] = h->heap[c];
        i = c;
    }
    h->heap[i] = last;
    return top;
}

void hosts_order(struct hosts *h, int kind, int host, int64_t at_ms)
{
    push(h, (struct hosts_event){.at_ms = (double)at_ms, .kind = kind, .to = host});
}

/* ---- lines */

static double take(double *free_ms, double from_ms, size_t bytes, double rate)
{
    const double start = *free_ms > from_ms ? *free_ms : from_ms;

    return *free_ms = start + (rate > 0 ? (double)bytes * 1e3 / rate : 0);
}

/* The same for the same seed: what a line or a process has of its machine in this second. */
double hosts_chance(const struct hosts *h, int host, int what)
{
    uint64_t x = (uint64_t)h->seed << 40 ^ (uint64_t)(h->now_ms / 1e3) << 16 ^
                 (uint64_t)(host + 1) << 4 ^ (uint64_t)what;

    for (int i = 0; i < 3; i++)
        x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    return (double)(x >> 11) / 9007199254740992.0;
}

/* From a third to three times of itself. */
static double noisy(const struct hosts *h, int host, int what, double rate)
{
    return h->seed ? rate * pow(9, hosts_chance(h, host, what) - .5) : rate;
}

void hosts_carry(struct hosts *h, int from, int to, const struct msg *msg)
{
    struct hosts_event e = {.kind = EV_MSG, .from = from, .to = to, .msg = *msg, .bytes = 200};
    struct hosts_one *b = to == HOSTS_BROKER ? NULL : &h->host[to];
    double sent, left;

    if (msg->head.type == MSG_WCHUNK)
        e.bytes += msg->wchunk.bytes;
    if (msg->head.type == MSG_WREQ && msg->wreq.n_have) {
        e.bits = mem_new(msg->wreq.n_have, 1);
        memcpy(e.bits, msg->wreq.have, msg->wreq.n_have);
        e.msg.wreq.have = e.bits;
    }
    sent = from == HOSTS_BROKER ? take(&h->broker_free, h->now_ms, e.bytes,
                                       noisy(h, HOSTS_BROKER, HOSTS_UP, h->broker_up))
                                : take(&h->host[from].up_free, h->now_ms, e.bytes,
                                       noisy(h, from, HOSTS_UP, h->host[from].up));
    left = sent;
    if (b) {
        /* What a slow sender has not sent yet does not keep the line. */
        left = take(&b->down_free, h->now_ms, e.bytes, noisy(h, to, HOSTS_DOWN, b->down));
        left = left > sent ? left : sent;
        if (from == HOSTS_BROKER)
            b->in_pipe += e.bytes;
    }
    e.life = h->life;
    e.at_ms = left + 1; /* and a millisecond on the way */
    push(h, e);
}

static enum err from_broker(void *self, void *link, struct msg *msg)
{
    struct hosts *h = self;
    struct hosts_one *to = link;

    if (!to->lives)
        return err_set(ERR_IO, "gone");
    if (to->in_pipe >= PIPE)
        return err_set(ERR_STATE, "full");
    if (msg->head.type == MSG_GUESTS) {
        to->guests = (int)msg->guests.n_key; /* at once: what is said after it comes after it */
        memcpy(to->guest, msg->guests.key, msg->guests.n_key * sizeof *to->guest);
    }
    if (msg->head.type == MSG_WCHUNK && msg->wchunk.kind == CHUNK_PIECES) {
        /* What it sends it may forget: on its way are the same bytes of the image's. */
        const uint8_t *same = h->image + (size_t)msg->wchunk.index * PIECE;
        h->bad += hash_same(&msg->wchunk.hash, &h->what.hash) &&
                  memcmp(msg->wchunk.data, same, msg->wchunk.bytes) != 0;
        msg->wchunk.data = same;
    }
    hosts_carry(h, HOSTS_BROKER, (int)(to - h->host), msg);
    return OK;
}

/* ---- life */

static void hello(struct hosts *h, int i)
{
    struct hosts_one *me = &h->host[i];
    char serve[40] = "", name[16];
    struct msg_hello msg = {.role = i == HOSTS_LEARNER ? ROLE_LEARNER : ROLE_ACTOR,
                            .peer = {{me->id}},
                            .host = name,
                            .serve = serve};
    struct depot_origin origin = {me, "10.0.0.1", {{me->id}}};

    snprintf(name, sizeof name, "host%d", i);
    if (me->serve)
        snprintf(serve, sizeof serve, "tcp://*:%d", i);
    me->in_pipe = 0;
    me->peer = depot_hello(h->depot, me->peer, &msg, &origin, (int64_t)h->now_ms);
    if (i == HOSTS_LEARNER)
        depot_learner(h->depot, &msg.peer, &origin.key);
    if (i == HOSTS_LEARNER || me->result.whole)
        hosts_child_offer(h, i);
    hosts_child_unask(h, me);
    me->from = me->next = HOSTS_BROKER;
}

static void start(struct hosts *h, int i)
{
    struct hosts_one *me = &h->host[i];

    me->lives = true;
    me->window = FIRST_WINDOW;
    me->heard_ms = me->second_ms = (int64_t)h->now_ms;
    hello(h, i);
    hosts_order(h, EV_TICK, i, (int64_t)h->now_ms + HOSTS_TICK_MS);
    me->pulls = i != HOSTS_LEARNER;
    hosts_child_ask(h, i);
}

static bool ask_pages(void *self, const struct artifact *what)
{
    struct hosts *h = self;

    assert_true(hash_same(&what->hash, &h->what.hash));
    h->lend = h->pages != NULL;
    return h->lend;
}

static void forget(struct hosts *h)
{
    const struct depot_sink sink = {.send = from_broker, .pages = ask_pages, .self = h};
    const struct depot_stats *s = h->depot ? depot_stats(h->depot) : NULL;

    if (s) {
        h->stats.from_learners += s->from_learners;
        h->stats.bytes += s->bytes;
    }
    depot_free(h->depot);
    h->life++;
    depot_new(&h->depot, &sink, h->cache);
    for (int i = 0; i < h->n; i++) {
        h->host[i].peer = NULL;
        if (h->host[i].lives)
            hello(h, i);
    }
}

static void arrive(struct hosts *h, struct hosts_event *e)
{
    struct hosts_one *to = e->to >= 0 ? &h->host[e->to] : NULL;

    /* What was sent by or to a broker that is no more is lost. */
    if ((!to || e->from == HOSTS_BROKER) && e->life != h->life)
        return;
    if (to && to->asleep_ms > h->now_ms) {
        struct hosts_event later = *e;
        later.at_ms = to->asleep_ms;
        push(h, later);
        e->bits = NULL;
        return;
    }
    if (to && e->from == HOSTS_BROKER && !to->stopped)
        to->in_pipe -= e->bytes;
    if (to)
        hosts_child_hear(h, e->to, e->from, &e->msg);
    else if (h->host[e->from].lives)
        h->strikes +=
            depot_take(h->depot, h->host[e->from].peer, &e->msg, (int64_t)h->now_ms) != OK;
}

static void happen(struct hosts *h, struct hosts_event *e)
{
    struct hosts_one *to = e->to >= 0 ? &h->host[e->to] : NULL;

    switch (e->kind) {
    case EV_MSG:
        arrive(h, e);
        break;
    case EV_TICK:
        if (to)
            hosts_child_tick(h, e->to);
        else {
            if (h->lend)
                depot_lend(h->depot, &h->what.hash, h->pages, (int64_t)h->now_ms);
            h->lend = false;
            depot_tick(h->depot, (int64_t)h->now_ms);
            hosts_order(h, EV_TICK, HOSTS_BROKER, (int64_t)h->now_ms + HOSTS_TICK_MS);
        }
        break;
    case EV_START:
        start(h, e->to);
        break;
    case EV_KILL:
        to->lives = false;
        depot_gone(h->depot, to->peer, (int64_t)h->now_ms);
        to->peer = NULL;
        break;
    case EV_STOP:
        to->stopped = true;
        break;
    case EV_FORGET:
        forget(h);
        break;
    }
    free(e->bits);
}

static void name_image(struct hosts *h, uint8_t seed)
{
    uint64_t x = seed;

    for (size_t i = 0; i < h->bytes; i += sizeof x) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        memcpy(h->image + i, &x, sizeof x);
        memcpy(h->wrong + i, &(uint64_t){~x}, sizeof x);
    }
    for (uint32_t i = 0; i < h->chunks; i++) {
        const size_t left = h->bytes - (size_t)i * HASH_CHUNK;
        h->digest[i] = hash_chunk(h->image + (size_t)i * HASH_CHUNK,
                                  left < HASH_CHUNK ? left : (size_t)HASH_CHUNK);
    }
    h->what = (struct artifact){.hash = hash_join(h->digest, h->chunks),
                                .bytes = h->bytes,
                                .kind = ARTIFACT_IMAGE,
                                .name = "v"};
    h->past[h->versions++ % 256] = h->what;
}

struct hosts *hosts_new(size_t bytes, size_t cache)
{
    struct hosts *h = mem_new(1, sizeof *h);

    h->bytes = bytes;
    h->cache = cache;
    h->chunks = (uint32_t)((bytes + HASH_CHUNK - 1) / HASH_CHUNK);
    h->pieces = (uint32_t)((bytes + PIECE - 1) / PIECE);
    h->image = mem_new(bytes, 1);
    h->wrong = mem_new(bytes, 1);
    h->digest = mem_new(h->chunks, sizeof *h->digest);
    name_image(h, 1);
    h->now_ms = 1000;
    forget(h);
    hosts_order(h, EV_TICK, HOSTS_BROKER, 1000);
    return h;
}

void hosts_free(struct hosts *h)
{
    depot_free(h->depot);
    shared_memory_free(h->pages);
    while (h->n_event) {
        struct hosts_event e = pop(h);
        free(e.bits);
    }
    for (int i = 0; i < h->n; i++) {
        free(h->host[i].piece);
        free(h->host[i].chunk);
        free(h->host[i].asked);
    }
    free(h->heap);
    free(h->image);
    free(h->wrong);
    free(h->digest);
    free(h);
}

int hosts_add(struct hosts *h, double up, double down, bool serve)
{
    struct hosts_one *me = &h->host[h->n];

    assert_true(h->n < HOSTS_MAX);
    *me = (struct hosts_one){.up = up,
                             .down = down,
                             .serve = serve,
                             .next = HOSTS_BROKER,
                             .id = (uint8_t)(h->n + 1)};
    me->piece = mem_new(h->pieces / 8 + 1, 1);
    me->chunk = mem_new(h->chunks / 8 + 1, 1);
    me->asked = mem_new(h->pieces + 1, 1);
    me->result.whole = h->n == HOSTS_LEARNER;
    return h->n++;
}

void hosts_publish(struct hosts *h)
{
    name_image(h, (uint8_t)(h->what.hash.byte[0] | 1));
    for (int i = 0; i < h->n; i++) {
        struct hosts_one *me = &h->host[i];
        memset(me->piece, 0, h->pieces / 8 + 1);
        memset(me->chunk, 0, h->chunks / 8 + 1);
        me->n_chunks = 0;
        me->n_wait = 0;
        me->from = me->next = HOSTS_BROKER;
        me->digests = false;
        hosts_child_unask(h, me);
        me->result = (struct hosts_result){.whole = i == HOSTS_LEARNER};
        if (i == HOSTS_LEARNER)
            hosts_child_offer(h, i);
        else if (me->lives)
            hosts_child_ask(h, i);
    }
}

/* ---- what the test orders */

void hosts_share(struct hosts *h, bool truly)
{
    assert_ok(shared_memory_new(&h->pages, h->bytes, "pages"));
    memcpy(shared_memory_bytes(h->pages), truly ? h->image : h->wrong, h->bytes);
    assert_ok(shared_memory_seal(h->pages));
}

void hosts_broker(struct hosts *h, double up)
{
    h->broker_up = up;
}

void hosts_noise(struct hosts *h, uint32_t seed)
{
    h->seed = seed;
}

void hosts_start(struct hosts *h, int host, int64_t at_ms)
{
    hosts_order(h, EV_START, host, at_ms);
}

void hosts_kill(struct hosts *h, int host, int64_t at_ms)
{
    hosts_order(h, EV_KILL, host, at_ms);
}

void hosts_stop(struct hosts *h, int host, int64_t at_ms)
{
    hosts_order(h, EV_STOP, host, at_ms);
}

void hosts_forget(struct hosts *h, int64_t at_ms)
{
    hosts_order(h, EV_FORGET, HOSTS_BROKER, at_ms);
}

void hosts_rate(struct hosts *h, int host, double up, double down)
{
    h->host[host].up = up;
    h->host[host].down = down;
}

void hosts_lie(struct hosts *h, int host)
{
    h->host[host].lies = true;
}

void hosts_undialled(struct hosts *h, int host)
{
    h->host[host].undialled = true;
}

void hosts_revoke(struct hosts *h, int host)
{
    const struct hash key = {{h->host[host].id}};

    depot_revoked(h->depot, &key, (int64_t)h->now_ms);
}

static bool step(struct hosts *h, double limit_ms)
{
    struct hosts_event e;

    if (!h->n_event || h->heap[0].at_ms > limit_ms)
        return false;
    e = pop(h);
    h->now_ms = e.at_ms;
    happen(h, &e);
    return true;
}

static bool all_whole(const struct hosts *h)
{
    for (int i = 1; i < h->n; i++)
        if (!h->host[i].result.whole && h->host[i].pulls && h->host[i].lives &&
            !h->host[i].stopped)
            return false;
    return true;
}

bool hosts_run(struct hosts *h, int64_t limit_ms)
{
    int started = 0;

    /* What the test ordered for later is waited for. */
    for (size_t i = 0; i < h->n_event; i++)
        started += h->heap[i].kind == EV_START;
    while (step(h, (double)limit_ms))
        if (--started < 0 && all_whole(h)) {
            bool ordered = false;
            for (size_t i = 0; i < h->n_event && !ordered; i++)
                ordered = h->heap[i].kind != EV_MSG && h->heap[i].kind != EV_TICK;
            if (!ordered)
                return true;
        }
    return all_whole(h);
}

void hosts_until(struct hosts *h, int64_t at_ms)
{
    while (step(h, (double)at_ms))
        ;
    h->now_ms = (double)at_ms;
}

int64_t hosts_now(const struct hosts *h)
{
    return (int64_t)h->now_ms;
}

const struct hosts_result *hosts_result(const struct hosts *h, int host)
{
    return &h->host[host].result;
}

const struct depot_stats *hosts_stats(const struct hosts *h)
{
    return depot_stats(h->depot);
}

uint64_t hosts_strikes(const struct hosts *h)
{
    return h->strikes;
}

uint64_t hosts_bad(const struct hosts *h)
{
    return h->bad;
}

int hosts_guests(const struct hosts *h, int host)
{
    return h->host[host].guests;
}
