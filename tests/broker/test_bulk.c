/* The bulk port with its sockets: whom it asks of several that offer the same. Real sockets on loopback; the
 * clock is real too, but for the silence, which is skipped by asking later. */

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "broker/bulk/bulk.h"
#include "broker/bulk/supply.h"
#include "proto/peer.h"

#include <string.h>
#include <zmq.h>

enum { ASKER, FIRST, OWN, ENDS };

struct bulk_end {
    struct peer *peer;
    struct id id;
    int asked, got, none;
    bool answers;
};

static void *context;
static struct bulk *bulk;
static struct bulk_end end[ENDS];
static int64_t ahead_ms; /* how far the clock was put forward */
static uint8_t image[100] = "what everybody wants";
static struct hash digest;
static struct artifact what = {.bytes = sizeof image, .kind = ARTIFACT_IMAGE, .name = "policy"};

static int64_t now(void)
{
    return clock_mono_ms() + ahead_ms;
}

static enum err on_wreq(void *self, const struct msg *msg, int64_t now_ms)
{
    struct bulk_end *e = self;
    const bool list = msg->wreq.kind == CHUNK_DIGEST_PIECES;
    struct msg answer = {.head.type = MSG_WCHUNK,
                         .wchunk = {.route = msg->wreq.route,
                                    .hash = msg->wreq.hash,
                                    .kind = msg->wreq.kind,
                                    .total = what.bytes,
                                    .data = list ? digest.byte : image,
                                    .bytes = list ? HASH_BYTES : sizeof image}};

    (void)now_ms;
    e->asked++;
    return e->answers ? peer_send(e->peer, &answer) : OK;
}

static enum err on_chunk(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)msg, (void)now_ms;
    ((struct bulk_end *)self)->got++;
    return OK;
}

static enum err on_none(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)msg, (void)now_ms;
    ((struct bulk_end *)self)->none++;
    return OK;
}

static void turn(void)
{
    for (int i = 0; i < ENDS; i++)
        if (end[i].peer) {
            assert_ok(peer_readable(end[i].peer, now()));
            assert_ok(peer_tick(end[i].peer, now()));
        }
    assert_ok(hub_readable(bulk_hub(bulk), now()));
    assert_ok(bulk_tick(bulk, now()));
    zmq_poll(NULL, 0, 1);
}

#define UNTIL(cond) \
    do { \
        const int64_t until_ = clock_mono_ms() + 10000; \
        while (!(cond) && clock_mono_ms() < until_) \
            turn(); \
        if (!(cond)) \
            fail_msg("not within 10 s: %s", #cond); \
    } while (0)

static void dial(int i, enum role role)
{
    struct peer_conf conf = {
        .role = role, .broker = hub_endpoint(bulk_hub(bulk)), .name = "test"};

    peer_random(&conf.id, &conf.incarnation);
    end[i].id = conf.id;
    assert_ok(peer_open(&end[i].peer, context, &conf, now()));
    peer_on(end[i].peer, MSG_WREQ, on_wreq, &end[i]);
    peer_on(end[i].peer, MSG_WCHUNK, on_chunk, &end[i]);
    peer_on(end[i].peer, MSG_WNONE, on_none, &end[i]);
    UNTIL(peer_welcome(end[i].peer));
}

static void offer(int i)
{
    struct msg msg = {.head.type = MSG_OFFER, .offer = {.artifact = &what, .n_artifact = 1}};

    assert_ok(peer_send(end[i].peer, &msg));
}

static void ask(void)
{
    struct msg msg = {.head.type = MSG_WREQ,
                      .wreq = {.hash = what.hash, .kind = CHUNK_BYTES, .count = 1}};

    assert_ok(peer_send(end[ASKER].peer, &msg));
}

static int open_all(void **state)
{
    const struct hub_conf conf = {.endpoint = "tcp://127.0.0.1:*", .listen_fd = -1};

    (void)state;
    memset(end, 0, sizeof end);
    ahead_ms = 0;
    context = zmq_ctx_new();
    digest = hash_chunk(image, sizeof image);
    what.hash = hash_join(&digest, 1);
    assert_ok(bulk_open(&bulk, context, &conf, 1, 1 << 20));
    dial(ASKER, ROLE_ACTOR);
    dial(OWN, ROLE_LEARNER);
    offer(OWN);
    for (int i = 0; i < 100; i++)
        turn();
    dial(FIRST, ROLE_LEARNER);
    end[FIRST].answers = end[OWN].answers = true;
    offer(FIRST); /* of two alike the one that came last is asked */
    for (int i = 0; i < 100; i++)
        turn();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    for (int i = 0; i < ENDS; i++)
        peer_close(end[i].peer);
    bulk_close(bulk);
    zmq_ctx_term(context);
    return 0;
}

static const struct hash no_key;

/* Digests and bytes, once each: what was asked for again is here. */
static void the_control_port_s_learner_is_asked_and_once(void **state)
{
    (void)state;
    bulk_learner(bulk, &end[OWN].id, &no_key);
    for (int i = 1; i <= 3; i++) {
        ask();
        UNTIL(end[ASKER].got == i);
    }
    assert_int_equal(end[OWN].asked, 2);
    assert_int_equal(end[FIRST].asked, 0);
}

/* The id of another is said quickly; its key is not. */
static void an_id_without_its_key_is_not_enough(void **state)
{
    static const struct hash key = {{1}};

    (void)state;
    bulk_learner(bulk, &end[OWN].id, &key);
    ask();
    UNTIL(end[ASKER].got == 1);
    assert_int_equal(end[FIRST].asked, 2);
    assert_int_equal(end[OWN].asked, 0);
}

static void one_that_is_silent_is_passed_over(void **state)
{
    (void)state;
    bulk_learner(bulk, &end[OWN].id, &no_key);
    end[OWN].answers = false;
    ask();
    UNTIL(end[OWN].asked == 1);
    ahead_ms += SUPPLY_SILENT_MS + 100;
    UNTIL(end[ASKER].got == 1);
    assert_int_equal(end[FIRST].asked, 2);
}

static void one_that_left_is_not_waited_for(void **state)
{
    const int64_t from = clock_mono_ms();

    (void)state;
    bulk_learner(bulk, &end[FIRST].id, &no_key);
    end[FIRST].answers = false;
    bulk_left(bulk, &end[FIRST].id, now());
    peer_close(end[FIRST].peer);
    end[FIRST].peer = NULL;
    ask();
    UNTIL(end[ASKER].got == 1);
    assert_int_equal(end[OWN].asked, 2);
    assert_true(clock_mono_ms() - from < 1000);
}

/* A learner that died without a word: the socket says so, and the next one is asked. */
static void one_whose_line_is_cut_is_not_waited_for(void **state)
{
    const int64_t from = clock_mono_ms();

    (void)state;
    bulk_learner(bulk, &end[FIRST].id, &no_key);
    peer_close(end[FIRST].peer);
    end[FIRST].peer = NULL;
    for (int i = 0; i < 100; i++)
        turn();
    ask();
    UNTIL(end[ASKER].got == 1);
    assert_true(clock_mono_ms() - from < 1500);
}

/* Nobody offers it: the asker hears so, after a second. */
static void what_nobody_offers_is_answered_too(void **state)
{
    (void)state;
    what.hash.byte[0] ^= 1;
    ask();
    UNTIL(end[ASKER].none == 1);
}

/* What is not what its name says reaches nobody, and its sender is not asked again. */
static void false_bytes_stop_here(void **state)
{
    (void)state;
    bulk_learner(bulk, &end[OWN].id, &no_key);
    image[5] ^= 1; /* of the answers of both */
    ask();
    UNTIL(bulk_stats(bulk)->chunks_false == 2);
    image[5] ^= 1;
    UNTIL(end[ASKER].none == 1);
    assert_int_equal(end[ASKER].got, 0);
    assert_int_equal(end[OWN].asked + end[FIRST].asked, 3);
}

#define FACT(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(the_control_port_s_learner_is_asked_and_once),
        FACT(an_id_without_its_key_is_not_enough),
        FACT(one_that_is_silent_is_passed_over),
        FACT(one_that_left_is_not_waited_for),
        FACT(one_whose_line_is_cut_is_not_waited_for),
        FACT(what_nobody_offers_is_answered_too),
        FACT(false_bytes_stop_here),
    };
    return cmocka_run_group_tests_name("broker/bulk", tests, NULL, NULL);
}
