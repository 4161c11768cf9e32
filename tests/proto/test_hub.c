/* hub and peer, over real sockets, and through a connection that misbehaves. */

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/arena.h"
#include "proto/curve.h"
#include "proto/hub.h"
#include "proto/peer.h"
#include "tests/proto/every.h"
#include "tests/support/proxied.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEERS = 3, SPEED = 8 }; /* our clock runs eight times as fast as the wall's */

struct end { /* a peer and what it heard */
    struct peer *peer;
    int welcomes, refusals, settled;
    uint32_t refusal;
};

struct bed {
    void *context;
    struct hub *hub;
    struct curve_zap *zap;
    struct end end[PEERS];
    int ends, joined, gone, hellos, heard, fails;
    char why[64];
    uint32_t number;
    uint64_t last_lease;
    struct hub_peer *from;
};

static int64_t skipped_ms;

static int64_t now(void)
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
    struct msg welcome = {.head.type = MSG_WELCOME, .welcome = {.incarnation = 5, .run = true}};

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

static void open_hub(struct bed *bed, const char *endpoint, const struct curve_keys *keys)
{
    const struct hub_conf conf = {
        .endpoint = endpoint,
        .listen_fd = -1,
        .keys = keys,
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

static void fill_busy(void *self, struct msg_hello *hello)
{
    (void)self;
    hello->slots = 666;
}

static struct end *dial(struct bed *bed, const char *endpoint, const struct curve_keys *keys,
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
    assert_ok(peer_open(&end->peer, bed->context, &conf, now()));
    peer_on(end->peer, MSG_WELCOME, on_welcome, end);
    peer_on(end->peer, MSG_REFUSE, on_refuse, end);
    peer_on(end->peer, MSG_SETTLED, on_settled, end);
    return end;
}

/* ---- time */

static void turn(struct bed *bed)
{
    zmq_pollitem_t item[PEERS + 2] = {{NULL, -1, 0, 0}};
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
        assert_ok(curve_zap_readable(bed->zap, now()));
    if (bed->hub) {
        assert_ok(hub_readable(bed->hub, now()));
        assert_ok(hub_tick(bed->hub, now()));
    }
    for (int i = 0; i < bed->ends; i++)
        if (bed->end[i].peer) {
            assert_ok(peer_readable(bed->end[i].peer, now()));
            assert_ok(peer_tick(bed->end[i].peer, now()));
        }
}

/* Turns until `cond`, at most 20 s by our clock; then the test fails. */
#define UNTIL(bed, cond) \
    do { \
        const int64_t end_ms_ = now() + 20000; \
        while (!(cond) && now() < end_ms_) \
            turn(bed); \
        if (!(cond)) \
            fail_msg("not within 20 s: %s", #cond); \
    } while (0)

static void during(struct bed *bed, int ms)
{
    const int64_t end_ms = now() + ms;

    while (now() < end_ms)
        turn(bed);
}

/* The same for long times, in which little happens. */
static void skip_time(struct bed *bed, int ms)
{
    const int64_t end_ms = now() + ms;

    for (; now() < end_ms; skipped_ms += 120)
        turn(bed);
}

static int open_bed(void **state)
{
    struct bed *const bed = mem_new(1, sizeof *bed);

    bed->context = zmq_ctx_new();
    *state = bed;
    return log_level("error") != OK;
}

static int close_bed(void **state)
{
    struct bed *const bed = *state;

    for (int i = 0; i < bed->ends; i++)
        peer_close(bed->end[i].peer);
    hub_close(bed->hub);
    curve_zap_close(bed->zap);
    zmq_ctx_term(bed->context);
    free(bed);
    return 0;
}

/* ---- facts */

static void a_connection_begins_with_hello_and_welcome(void **state)
{
    struct bed *const bed = *state;
    struct msg msg = every_message(MSG_FAIL);
    struct end *end;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    end = dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    assert_err(ERR_STATE, peer_send(end->peer, &msg));
    UNTIL(bed, end->welcomes == 1 && bed->heard >= 2);
    assert_int_equal(bed->hellos, 1);
    assert_int_equal(bed->last_lease, 41);
    assert_int_equal(peer_head(end->peer)->epoch, 7);
    assert_int_equal(peer_head(end->peer)->run.byte[2], 3);
    assert_ok(peer_send(end->peer, &msg));
    UNTIL(bed, bed->fails == 1);
    assert_int_equal(hub_stats(bed->hub)->who, 0);
    assert_int_equal(hub_stats(bed->hub)->bad, 0);
}

static void a_peer_that_connects_first_is_served_when_the_broker_comes(void **state)
{
    struct bed *const bed = *state;
    char endpoint[64];
    struct end *end;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    snprintf(endpoint, sizeof endpoint, "%s", hub_endpoint(bed->hub));
    hub_close(bed->hub);
    bed->hub = NULL;
    end = dial(bed, endpoint, NULL, (struct peer_conf){0});
    during(bed, 3000);
    open_hub(bed, endpoint, NULL);
    UNTIL(bed, end->welcomes == 1);
}

static void a_broker_that_forgot_asks_who(void **state)
{
    struct bed *const bed = *state;
    char endpoint[64];
    struct end *end;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    end = dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    UNTIL(bed, end->welcomes == 1);
    snprintf(endpoint, sizeof endpoint, "%s", hub_endpoint(bed->hub));
    hub_close(bed->hub);
    bed->hub = NULL;
    bed->heard = 0;
    open_hub(bed, endpoint, NULL);
    UNTIL(bed, end->welcomes == 2);
    assert_true(hub_stats(bed->hub)->who >= 1);
    assert_int_equal(bed->heard, 0); /* what came before HELLO was not processed */
    UNTIL(bed, bed->heard == 1);
}

static void a_cut_resynchronises(void **state)
{
    struct bed *const bed = *state;
    struct msg msg = every_message(MSG_SETTLED);
    struct proxied proxied;
    char endpoint[64];
    struct end *end;
    uint32_t number;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    proxied_open(&proxied, hub_endpoint(bed->hub));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", proxied.port);
    end = dial(bed, endpoint, NULL, (struct peer_conf){0});
    UNTIL(bed, end->welcomes == 1);
    number = bed->number;
    for (int cuts = 1; cuts <= 5; cuts++) {
        proxied_say(&proxied, "cut");
        UNTIL(bed, end->welcomes == 1 + cuts);
        assert_int_equal(bed->number, number); /* the same peer, on another connection */
        assert_ok(hub_send(bed->hub, bed->from, &msg));
        UNTIL(bed, end->settled == cuts);
    }
    assert_int_equal(bed->gone, 0);
    proxied_close(&proxied);
}

static void a_half_open_connection_is_left_by_both_ends(void **state)
{
    struct bed *const bed = *state;
    struct proxied proxied;
    char endpoint[64];
    struct end *end;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    proxied_open(&proxied, hub_endpoint(bed->hub));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", proxied.port);
    end = dial(bed, endpoint, NULL, (struct peer_conf){0});
    UNTIL(bed, end->welcomes == 1);
    proxied_say(&proxied, "hold");
    UNTIL(bed, bed->gone == 1 && peer_stats(end->peer)->reopened >= 1);
    assert_string_equal(bed->why, "silent");
    assert_false(peer_welcome(end->peer));
    proxied_say(&proxied, "pass");
    UNTIL(bed, end->welcomes == 2 && peer_welcome(end->peer));
    proxied_close(&proxied);
}

static void silence_of_ones_own_is_not_held_against_others(void **state)
{
    struct bed *const bed = *state;
    struct end *end;
    int64_t later;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    end = dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    UNTIL(bed, end->welcomes == 1 && bed->heard);
    later = now() + 60000; /* as after SIGSTOP and SIGCONT */
    assert_ok(hub_tick(bed->hub, later));
    assert_ok(peer_tick(end->peer, later));
    assert_int_equal(bed->gone, 0);
    assert_int_equal(peer_stats(end->peer)->reopened, 0);
    assert_ok(hub_tick(bed->hub, later + 2000));
    assert_ok(hub_tick(bed->hub, later + 4000));
    assert_ok(hub_tick(bed->hub, later + 6000));
    assert_int_equal(bed->gone, 1);
}

static void another_incarnation_replaces_the_first(void **state)
{
    struct bed *const bed = *state;
    struct peer_conf conf = {.id = {{7, 7}}, .incarnation = 1};
    struct end *a, *b;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    a = dial(bed, hub_endpoint(bed->hub), NULL, conf);
    UNTIL(bed, a->welcomes == 1);
    peer_close(a->peer);
    a->peer = NULL;
    conf.incarnation = 2;
    b = dial(bed, hub_endpoint(bed->hub), NULL, conf);
    UNTIL(bed, b->welcomes == 1);
    assert_int_equal(bed->gone, 1);
    assert_non_null(strstr(bed->why, "incarnation"));
    assert_null(hub_next(bed->hub, hub_next(bed->hub, NULL)));
}

static void a_refused_peer_hears_why_and_a_wrong_role_too(void **state)
{
    struct bed *const bed = *state;
    struct end *busy, *role;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    busy = dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){.hello = fill_busy});
    role = dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){.role = ROLE_LEARNER});
    UNTIL(bed, busy->refusals && role->refusals);
    assert_int_equal(busy->refusal, REFUSE_BUSY);
    assert_int_equal(role->refusal, REFUSE_ROLE);
    assert_null(hub_next(bed->hub, NULL));
    assert_int_equal(bed->hellos, 0);
}

static void twenty_strikes_end_a_peer_and_no_other(void **state)
{
    struct bed *const bed = *state;
    struct msg wrong = every_message(MSG_SCORE); /* an actor sends no scores */
    struct end *good, *bad;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    good = dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    bad = dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    UNTIL(bed, good->welcomes == 1 && bad->welcomes == 1);
    for (int i = 0; i < HUB_STRIKES - 1; i++)
        assert_ok(peer_send(bad->peer, &wrong));
    UNTIL(bed, hub_stats(bed->hub)->bad == HUB_STRIKES - 1);
    assert_int_equal(bad->refusals, 0);
    assert_ok(peer_send(bad->peer, &wrong));
    UNTIL(bed, bad->refusals >= 1);
    assert_int_equal(bad->refusal, REFUSE_STRIKES);
    assert_int_equal(bed->gone, 1);
    skip_time(bed, 10000); /* it comes again, and is refused again */
    assert_true(bad->refusals >= 2);
    assert_int_equal(bad->welcomes, 1);
    assert_true(peer_welcome(good->peer));
    skip_time(bed, 60000); /* a minute later it may come back */
    assert_true(bad->welcomes >= 2);
}

static void garbage_is_a_strike_and_shuts_the_connection(void **state)
{
    struct bed *const bed = *state;
    void *raw;
    int sent = 0;
    const int zero = 0;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    raw = zmq_socket(bed->context, ZMQ_DEALER);
    zmq_setsockopt(raw, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_connect(raw, hub_endpoint(bed->hub)), 0);
    for (; sent < 40; sent++) { /* some of one frame, some of too many */
        for (int part = 0; sent % 2 && part < 20; part++)
            zmq_send(raw, "x", 1, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(raw, "nonsense", 8, ZMQ_DONTWAIT);
    }
    UNTIL(bed, hub_stats(bed->hub)->bad == HUB_STRIKES);
    during(bed, 2000);
    assert_int_equal(hub_stats(bed->hub)->refused, 1);
    zmq_close(raw);
}

static void a_peer_that_does_not_read_stops_nobody(void **state)
{
    struct bed *const bed = *state;
    struct msg large = every_message(MSG_WCHUNK), settled = every_message(MSG_SETTLED);
    struct hub_peer *stuck_peer, *good_peer;
    struct end *stuck, *good;
    uint8_t *bytes = mem_new(1 << 20, 1);
    int sent = 0;
    enum err err = OK;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    stuck = dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    UNTIL(bed, stuck->welcomes == 1);
    stuck_peer = bed->from;
    good = dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    UNTIL(bed, good->welcomes == 1);
    good_peer = bed->from;
    bed->ends = 0; /* nobody turns for them now */
    large.wchunk.kind = CHUNK_BYTES;
    large.wchunk.data = bytes;
    large.wchunk.bytes = 1 << 20;
    while (!err && sent < 2000) {
        err = hub_send(bed->hub, stuck_peer, &large);
        sent += !err;
    }
    assert_err(ERR_STATE, err);
    assert_in_range(sent, 1, 600); /* both pipes and the kernel's buffers */
    assert_ok(hub_send(bed->hub, good_peer, &settled));
    for (int i = 0; i < 200 && !good->settled; i++) {
        zmq_pollitem_t item = {peer_socket(good->peer), 0, ZMQ_POLLIN, 0};
        zmq_poll(&item, 1, 10);
        assert_ok(peer_readable(good->peer, now()));
    }
    assert_int_equal(good->settled, 1);
    bed->ends = 2;
    free(bytes);
}

static void flipped_bits_are_survived(void **state)
{
    struct bed *const bed = *state;
    struct msg msg = every_message(MSG_FAIL);
    struct proxied proxied;
    char endpoint[64];
    struct end *end;
    int before;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    proxied_open(&proxied, hub_endpoint(bed->hub));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", proxied.port);
    end = dial(bed, endpoint, NULL, (struct peer_conf){0});
    UNTIL(bed, end->welcomes == 1);
    proxied_say(&proxied, "flip 700");
    for (int i = 0; i < 60; i++) {
        if (peer_send(end->peer, &msg) == OK || i % 8 == 0)
            turn(bed);
        during(bed, 50);
    }
    proxied_say(&proxied, "flip 0");
    proxied_say(&proxied, "cut"); /* a stream whose framing broke may wait for ever */
    before = end->welcomes;
    skip_time(bed, 70000); /* a ban, if it was struck, ends */
    UNTIL(bed, peer_welcome(end->peer) && end->welcomes > before);
    proxied_close(&proxied);
}

static void keys_are_kept_in_files_for_the_owner_alone(void **state)
{
    struct curve_keys keys, got;
    char folder[] = "/tmp/drover-key-XXXXXX", path[64], command[192];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/fleet.key", folder);
    assert_ok(curve_new(&keys));
    assert_ok(curve_save(path, &keys));
    assert_err(ERR_IO, curve_save(path, &keys)); /* never over another key */
    assert_ok(curve_load(&got, path));
    assert_memory_equal(&got, &keys, sizeof keys);
    snprintf(command, sizeof command, "chmod 644 %s", path);
    assert_int_equal(system(command), 0);
    assert_err(ERR_STATE, curve_load(&got, path));
    snprintf(command, sizeof command, "chmod 600 %s; sed -i 's/secret-key = \"./&x/' %s", path,
             path);
    assert_int_equal(system(command), 0);
    assert_err(ERR_PARSE, curve_load(&got, path));
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void only_the_fleets_key_opens(void **state)
{
    struct bed *const bed = *state;
    struct curve_keys fleet, other;
    struct end *friend, *stranger, *plain;

    assert_ok(curve_new(&fleet));
    assert_ok(curve_new(&other));
    memcpy(other.server_key, fleet.public_key, CURVE_TEXT);
    assert_ok(curve_zap_open(&bed->zap, bed->context));
    assert_err(ERR_STATE, curve_self_test(bed->zap, bed->context, &fleet)); /* not let in yet */
    assert_ok(curve_zap_allow(bed->zap, fleet.public_key));
    assert_ok(curve_self_test(bed->zap, bed->context, &fleet));
    open_hub(bed, "tcp://127.0.0.1:*", &fleet);
    friend = dial(bed, hub_endpoint(bed->hub), &fleet, (struct peer_conf){0});
    stranger = dial(bed, hub_endpoint(bed->hub), &other, (struct peer_conf){0});
    plain = dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    UNTIL(bed, friend->welcomes == 1 && bed->heard >= 3);
    during(bed, 4000);
    assert_int_equal(stranger->welcomes + plain->welcomes, 0);
    assert_null(hub_next(bed->hub, hub_next(bed->hub, NULL))); /* one peer */
    assert_true(curve_zap_refused(bed->zap) >= 2);
}

static void a_public_address_needs_a_key(void **state)
{
    struct bed *const bed = *state;
    const struct hub_conf conf = {.endpoint = "tcp://0.0.0.0:*", .listen_fd = -1};

    assert_err(ERR_STATE, hub_open(&bed->hub, bed->context, &conf));
    assert_non_null(strstr(err_text(), "key"));
}

static void a_port_in_use_is_named(void **state)
{
    struct bed *const bed = *state;
    struct hub_conf conf = {.listen_fd = -1};
    struct hub *second;

    open_hub(bed, "tcp://127.0.0.1:*", NULL);
    conf.endpoint = hub_endpoint(bed->hub);
    assert_err(ERR_IO, hub_open(&second, bed->context, &conf));
    assert_non_null(strstr(err_text(), "in use"));
}

#define FACT(f) cmocka_unit_test_setup_teardown(f, open_bed, close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_connection_begins_with_hello_and_welcome),
        FACT(a_peer_that_connects_first_is_served_when_the_broker_comes),
        FACT(a_broker_that_forgot_asks_who),
        FACT(a_cut_resynchronises),
        FACT(a_half_open_connection_is_left_by_both_ends),
        FACT(silence_of_ones_own_is_not_held_against_others),
        FACT(another_incarnation_replaces_the_first),
        FACT(a_refused_peer_hears_why_and_a_wrong_role_too),
        FACT(twenty_strikes_end_a_peer_and_no_other),
        FACT(garbage_is_a_strike_and_shuts_the_connection),
        FACT(a_peer_that_does_not_read_stops_nobody),
        FACT(flipped_bits_are_survived),
        FACT(keys_are_kept_in_files_for_the_owner_alone),
        FACT(only_the_fleets_key_opens),
        FACT(a_public_address_needs_a_key),
        FACT(a_port_in_use_is_named),
    };

    return cmocka_run_group_tests_name("proto/hub", tests, NULL, NULL);
}
