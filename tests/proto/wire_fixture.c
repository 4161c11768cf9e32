#include "tests/proto/wire_fixture.h"

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/hub_gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SPEED = 8,     /* our clock runs eight times as fast as the wall's, */
    STRIDE_MS = 10 /* at most so far of the wall's for each word through libzmq's thread */
};

/* A machine that is busy keeps libzmq's thread from its work while the wall's clock runs on, and
 * then everybody here would seem silent. So a word goes round through that thread and the kernel,
 * and the clock moves when it is back: as fast as those whom it is to measure. */
static struct {
    void *end[2];
    bool by_the_wall;
    int64_t now_ms, wall_ms;
} pace;

static void pace_open(void *context)
{
    char at[128];
    size_t n = sizeof at;

    pace.by_the_wall = false;
    pace.wall_ms = clock_mono_ms();
    pace.now_ms = SPEED * pace.wall_ms;
    for (int i = 0; i < 2; i++)
        assert_non_null(pace.end[i] = zmq_socket(context, ZMQ_PAIR));
    assert_int_equal(0, zmq_bind(pace.end[0], "tcp://127.0.0.1:*"));
    assert_int_equal(0, zmq_getsockopt(pace.end[0], ZMQ_LAST_ENDPOINT, at, &n));
    assert_int_equal(0, zmq_connect(pace.end[1], at));
    assert_int_equal(1, zmq_send(pace.end[0], "", 1, 0));
}

static void pace_close(void)
{
    const int linger = 0;

    for (int i = 0; i < 2; i++) {
        zmq_setsockopt(pace.end[i], ZMQ_LINGER, &linger, sizeof linger);
        zmq_close(pace.end[i]);
    }
}

void wire_fixture_round(void)
{
    char word;

    for (int i = 0; i < 2; i++) { /* the one under way, and one that begins now */
        assert_int_equal(1, zmq_recv(pace.end[1], &word, 1, 0));
        assert_int_equal(1, zmq_send(pace.end[0], &word, 1, 0));
    }
}

int64_t wire_fixture_now(void)
{
    const int64_t wall_ms = clock_mono_ms(), passed_ms = wall_ms - pace.wall_ms;
    char word;

    if (pace.by_the_wall)
        return wall_ms;
    if (passed_ms > 0 && zmq_recv(pace.end[1], &word, 1, ZMQ_DONTWAIT) == 1) {
        pace.now_ms += SPEED * (passed_ms < STRIDE_MS ? passed_ms : STRIDE_MS);
        pace.wall_ms = wall_ms;
        assert_int_equal(1, zmq_send(pace.end[0], &word, 1, 0));
    }
    return pace.now_ms;
}

/* ---- the hub's side */

static void on_joined(void *self, struct hub_peer *peer, const struct msg_hello *hello,
                      uint32_t *code, const char **words)
{
    struct wire_fixture *const fixture = self;

    fixture->joined++;
    fixture->number = peer->number;
    if (hello->slots == 666) {
        *code = REFUSE_BUSY;
        *words = "another run is on";
    }
}

static void on_gone(void *self, struct hub_peer *peer, const char *why, int64_t now_ms)
{
    struct wire_fixture *const fixture = self;

    (void)peer;
    (void)now_ms;
    fixture->gone++;
    snprintf(fixture->why, sizeof fixture->why, "%s", why);
}

static enum err on_hello(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct wire_fixture *const fixture = self;
    struct msg welcome = {
        .head.type = MSG_WELCOME,
        .welcome = {.incarnation = 5, .run = true, .bulk = "tcp://0.0.0.0:77"}};

    (void)msg;
    (void)now_ms;
    fixture->hellos++;
    fixture->from = from;
    return hub_send(fixture->hub, from, &welcome) == ERR_RANGE ? ERR_RANGE : OK;
}

static enum err on_hb(void *self, struct hub_peer *from, const struct msg *msg, int64_t now_ms)
{
    struct wire_fixture *const fixture = self;

    (void)from;
    (void)now_ms;
    fixture->heard++;
    fixture->last_lease = msg->hb.lease_seen;
    return OK;
}

static enum err on_fail(void *self, struct hub_peer *from, const struct msg *msg,
                        int64_t now_ms)
{
    struct wire_fixture *const fixture = self;

    (void)from;
    (void)msg;
    (void)now_ms;
    fixture->fails++;
    return OK;
}

void wire_fixture_hub(struct wire_fixture *fixture, const char *endpoint,
                      const struct curve_keys *keys)
{
    const struct hub_conf conf = {
        .endpoint = endpoint,
        .listen_fd = -1,
        .keys = keys,
        .gate = fixture->gate,
        .peers_max = fixture->peers_max,
        .joined = on_joined,
        .gone = on_gone,
        .self = fixture,
    };
    const struct id run = {{1, 2, 3}};

    /* A port that was ours a moment ago is closed by libzmq's own thread: soon, not at once. */
    for (int i = 0; i < 400 && hub_open(&fixture->hub, fixture->context, &conf); i++)
        zmq_poll(NULL, 0, 5);
    assert_non_null(fixture->hub);
    hub_run(fixture->hub, &run, 7);
    hub_on(fixture->hub, ROLE_ACTOR, MSG_HELLO, on_hello, fixture);
    hub_on(fixture->hub, ROLE_ACTOR, MSG_HB, on_hb, fixture);
    hub_on(fixture->hub, ROLE_ACTOR, MSG_FAIL, on_fail, fixture);
}

/* ---- a peer's side */

static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)now_ms;
    assert_int_equal(msg->welcome.incarnation, 5);
    ((struct wire_end *)self)->welcomes++;
    snprintf(((struct wire_end *)self)->bulk, sizeof((struct wire_end *)self)->bulk, "%s",
             msg->welcome.bulk);
    return OK;
}

static enum err on_refuse(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)now_ms;
    ((struct wire_end *)self)->refusals++;
    ((struct wire_end *)self)->refusal = msg->refuse.code;
    return OK;
}

static enum err on_settled(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)msg;
    (void)now_ms;
    ((struct wire_end *)self)->settled++;
    return OK;
}

static void fill_hb(void *self, struct msg_hb *hb)
{
    (void)self;
    hb->lease_seen = 41;
}

struct wire_end *wire_fixture_dial(struct wire_fixture *fixture, const char *endpoint,
                                   const struct curve_keys *keys, struct peer_conf conf)
{
    struct wire_end *const end = &fixture->end[fixture->ends++];

    conf.role = conf.role ? conf.role : ROLE_ACTOR;
    conf.broker = endpoint;
    conf.keys = keys;
    conf.name = "test";
    conf.hb = fill_hb;
    if (!conf.incarnation)
        peer_random(&conf.id, &conf.incarnation);
    assert_ok(peer_open(&end->peer, fixture->context, &conf, wire_fixture_now()));
    peer_on(end->peer, MSG_WELCOME, on_welcome, end);
    peer_on(end->peer, MSG_REFUSE, on_refuse, end);
    peer_on(end->peer, MSG_SETTLED, on_settled, end);
    return end;
}

/* ---- time */

void wire_fixture_turn(struct wire_fixture *fixture)
{
    zmq_pollitem_t item[WIRE_FIXTURE_PEERS + 2] = {{NULL, -1, 0, 0}};
    int n = 0;

    if (fixture->hub)
        item[n++] = (zmq_pollitem_t){hub_socket(fixture->hub), 0, ZMQ_POLLIN, 0};
    if (fixture->zap)
        item[n++] = (zmq_pollitem_t){curve_zap_socket(fixture->zap), 0, ZMQ_POLLIN, 0};
    for (int i = 0; i < fixture->ends; i++)
        if (fixture->end[i].peer)
            item[n++] = (zmq_pollitem_t){peer_socket(fixture->end[i].peer), 0, ZMQ_POLLIN, 0};
    zmq_poll(item, n, 5);
    if (fixture->zap)
        assert_ok(curve_zap_readable(fixture->zap, wire_fixture_now()));
    if (fixture->hub) {
        assert_ok(hub_readable(fixture->hub, wire_fixture_now()));
        assert_ok(hub_tick(fixture->hub, wire_fixture_now()));
    }
    for (int i = 0; i < fixture->ends; i++)
        if (fixture->end[i].peer) {
            assert_ok(peer_readable(fixture->end[i].peer, wire_fixture_now()));
            assert_ok(peer_tick(fixture->end[i].peer, wire_fixture_now()));
        }
}

void wire_fixture_during(struct wire_fixture *fixture, int ms)
{
    const int64_t end_ms = wire_fixture_now() + ms;

    while (wire_fixture_now() < end_ms)
        wire_fixture_turn(fixture);
}

/* The same for long times, in which little happens. */
void wire_fixture_skip(struct wire_fixture *fixture, int ms)
{
    const int64_t end_ms = wire_fixture_now() + ms;

    for (; wire_fixture_now() < end_ms; pace.now_ms += 120)
        wire_fixture_turn(fixture);
}

void wire_fixture_by_the_wall(void)
{
    pace.by_the_wall = true;
}

int wire_fixture_open(void **state)
{
    struct wire_fixture *const fixture = mem_new(1, sizeof *fixture);

    fixture->context = zmq_ctx_new();
    pace_open(fixture->context);
    *state = fixture;
    return log_level("error") != OK;
}

int wire_fixture_close(void **state)
{
    struct wire_fixture *const fixture = *state;

    for (int i = 0; i < fixture->ends; i++)
        peer_close(fixture->end[i].peer);
    while (fixture->extras)
        zmq_close(fixture->extra[--fixture->extras]);
    hub_close(fixture->hub);
    hub_gate_free(fixture->gate);
    curve_zap_close(fixture->zap);
    pace_close();
    zmq_ctx_term(fixture->context);
    free(fixture);
    return 0;
}
