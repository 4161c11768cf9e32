#include "tests/proto/bed.h"

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPEED = 8 }; /* our clock runs eight times as fast as the wall's */

static int64_t skipped_ms;

int64_t bed_now(void)
{
    return SPEED * clock_mono_ms() + skipped_ms;
}

/* ---- the hub's side */

static void on_joined(void *self, struct hub_peer *peer, const struct msg_hello *hello,
                      uint32_t *code, const char **words)
{
    struct bed *const bed = self;

    bed->joined++;
    bed->number = peer->number;
    if (hello->slots == 666) {
        *code = REFUSE_BUSY;
        *words = "another run is on";
    }
}

static void on_gone(void *self, struct hub_peer *peer, const char *why, int64_t now_ms)
{
    struct bed *const bed = self;

    (void)peer;
    (void)now_ms;
    bed->gone++;
    snprintf(bed->why, sizeof bed->why, "%s", why);
}

static enum err on_hello(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct bed *const bed = self;
    struct msg welcome = {
        .head.type = MSG_WELCOME,
        .welcome = {.incarnation = 5, .run = true, .bulk = "tcp://0.0.0.0:77"}};

    (void)msg;
    (void)now_ms;
    bed->hellos++;
    bed->from = from;
    return hub_send(bed->hub, from, &welcome) == ERR_RANGE ? ERR_RANGE : OK;
}

static enum err on_hb(void *self, struct hub_peer *from, const struct msg *msg, int64_t now_ms)
{
    struct bed *const bed = self;

    (void)from;
    (void)now_ms;
    bed->heard++;
    bed->last_lease = msg->hb.lease_seen;
    return OK;
}

static enum err on_fail(void *self, struct hub_peer *from, const struct msg *msg,
                        int64_t now_ms)
{
    struct bed *const bed = self;

    (void)from;
    (void)msg;
    (void)now_ms;
    bed->fails++;
    return OK;
}

void bed_hub(struct bed *bed, const char *endpoint, const struct curve_keys *keys)
{
    const struct hub_conf conf = {
        .endpoint = endpoint,
        .listen_fd = -1,
        .keys = keys,
        .peers_max = bed->peers_max,
        .joined = on_joined,
        .gone = on_gone,
        .self = bed,
    };
    const struct id run = {{1, 2, 3}};

    /* A port that was ours a moment ago is closed by libzmq's own thread: soon, not at once. */
    for (int i = 0; i < 400 && hub_open(&bed->hub, bed->context, &conf); i++)
        zmq_poll(NULL, 0, 5);
    assert_non_null(bed->hub);
    hub_run(bed->hub, &run, 7);
    hub_on(bed->hub, ROLE_ACTOR, MSG_HELLO, on_hello, bed);
    hub_on(bed->hub, ROLE_ACTOR, MSG_HB, on_hb, bed);
    hub_on(bed->hub, ROLE_ACTOR, MSG_FAIL, on_fail, bed);
}

/* ---- a peer's side */

static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)now_ms;
    assert_int_equal(msg->welcome.incarnation, 5);
    ((struct end *)self)->welcomes++;
    snprintf(((struct end *)self)->bulk, sizeof((struct end *)self)->bulk, "%s",
             msg->welcome.bulk);
    return OK;
}

static enum err on_refuse(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)now_ms;
    ((struct end *)self)->refusals++;
    ((struct end *)self)->refusal = msg->refuse.code;
    return OK;
}

static enum err on_settled(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)msg;
    (void)now_ms;
    ((struct end *)self)->settled++;
    return OK;
}

static void fill_hb(void *self, struct msg_hb *hb)
{
    (void)self;
    hb->lease_seen = 41;
}

struct end *bed_dial(struct bed *bed, const char *endpoint, const struct curve_keys *keys,
                     struct peer_conf conf)
{
    struct end *const end = &bed->end[bed->ends++];

    conf.role = conf.role ? conf.role : ROLE_ACTOR;
    conf.broker = endpoint;
    conf.keys = keys;
    conf.name = "test";
    conf.hb = fill_hb;
    if (!conf.incarnation)
        peer_random(&conf.id, &conf.incarnation);
    assert_ok(peer_open(&end->peer, bed->context, &conf, bed_now()));
    peer_on(end->peer, MSG_WELCOME, on_welcome, end);
    peer_on(end->peer, MSG_REFUSE, on_refuse, end);
    peer_on(end->peer, MSG_SETTLED, on_settled, end);
    return end;
}

/* ---- time */

void bed_turn(struct bed *bed)
{
    zmq_pollitem_t item[BED_PEERS + 2] = {{NULL, -1, 0, 0}};
    int n = 0;

    if (bed->hub)
        item[n++] = (zmq_pollitem_t){hub_socket(bed->hub), 0, ZMQ_POLLIN, 0};
    if (bed->zap)
        item[n++] = (zmq_pollitem_t){curve_zap_socket(bed->zap), 0, ZMQ_POLLIN, 0};
    for (int i = 0; i < bed->ends; i++)
        if (bed->end[i].peer)
            item[n++] = (zmq_pollitem_t){peer_socket(bed->end[i].peer), 0, ZMQ_POLLIN, 0};
    zmq_poll(item, n, 5);
    if (bed->zap)
        assert_ok(curve_zap_readable(bed->zap, bed_now()));
    if (bed->hub) {
        assert_ok(hub_readable(bed->hub, bed_now()));
        assert_ok(hub_tick(bed->hub, bed_now()));
    }
    for (int i = 0; i < bed->ends; i++)
        if (bed->end[i].peer) {
            assert_ok(peer_readable(bed->end[i].peer, bed_now()));
            assert_ok(peer_tick(bed->end[i].peer, bed_now()));
        }
}

void bed_during(struct bed *bed, int ms)
{
    const int64_t end_ms = bed_now() + ms;

    while (bed_now() < end_ms)
        bed_turn(bed);
}

/* The same for long times, in which little happens. */
void bed_skip(struct bed *bed, int ms)
{
    const int64_t end_ms = bed_now() + ms;

    for (; bed_now() < end_ms; skipped_ms += 120)
        bed_turn(bed);
}

int bed_open(void **state)
{
    struct bed *const bed = mem_new(1, sizeof *bed);

    bed->context = zmq_ctx_new();
    *state = bed;
    return log_level("error") != OK;
}

int bed_close(void **state)
{
    struct bed *const bed = *state;

    for (int i = 0; i < bed->ends; i++)
        peer_close(bed->end[i].peer);
    while (bed->extras)
        zmq_close(bed->extra[--bed->extras]);
    hub_close(bed->hub);
    curve_zap_close(bed->zap);
    zmq_ctx_term(bed->context);
    free(bed);
    return 0;
}
