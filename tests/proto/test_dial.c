/* Why a connection does not come about: each cause is made for real and must be named. */

#include "tests/support/test.h"

#include "proto/dial.h"
#include "tests/proto/wire_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

/* Two sides that do not fit hang up on each other: which one is seen first is the kernel's. */
static bool is(enum dial_state state, enum dial_state want)
{
    return state == want || (want == DIAL_MISMATCH && state == DIAL_HUNG_UP);
}

/* Ends at `want`, hopeless or not. Resolving a name may take as long as this machine's resolver does. */
static void expect(enum dial_state want, bool hopeless, const char *endpoint,
                   const struct curve_keys *keys)
{
    const int handshake_ms = 500, linger = 0;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
    struct dial *dial;
    bool met = false;

    zmq_setsockopt(socket, ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    if (keys)
        assert_ok(curve_client(socket, keys));
    assert_ok(dial_open(&dial, context, socket, keys != NULL));
    assert_int_equal(dial_look(dial), DIAL_TRYING);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    for (int i = 0; i < 6000 && !met; i++) {
        zmq_poll(NULL, 0, 10);
        met = is(dial_look(dial), want) && dial_hopeless(dial) == hopeless;
    }
    if (!met)
        fail_msg("%s: state %d, not %d: %s", endpoint, (int)dial_look(dial), (int)want,
                 dial_words(dial));
    dial_close(dial);
    zmq_close(socket);
    zmq_ctx_term(context);
}

/* A listener that accepts and says nothing; its address into `out`. */
static int mute(char out[64])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    snprintf(out, 64, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

static void an_address_where_no_broker_is(void **state)
{
    char silent[64];
    const int fd = mute(silent);

    (void)state;
    expect(DIAL_NO_WORDS, false, silent, NULL);
    close(fd);
    expect(DIAL_NOBODY, false, silent, NULL);
    expect(DIAL_NO_NAME, false, "tcp://no.such.host.invalid:5555", NULL);
}

static void keys_that_do_not_fit(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct curve_keys fleet, other, stranger;
    char at[128];

    assert_ok(curve_new(&fleet));
    assert_ok(curve_new(&other));
    stranger = other;
    memcpy(stranger.server_key, fleet.public_key, CURVE_TEXT);
    assert_ok(curve_zap_open(&fixture->zap, fixture->context));
    assert_ok(curve_zap_allow(fixture->zap, fleet.public_key));
    assert_ok(curve_zap_self_test(fixture->zap, fixture->context, &fleet));
    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", &fleet);
    snprintf(at, sizeof at, "%s", hub_endpoint(fixture->hub));
    expect(DIAL_HUNG_UP, true, at, &other);
    expect(DIAL_MISMATCH, true, at, NULL);
}

static void a_plain_broker_and_a_key(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct curve_keys fleet;

    assert_ok(curve_new(&fleet));
    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    expect(DIAL_THERE, false, hub_endpoint(fixture->hub), NULL);
    assert_ok(dial_knock(hub_endpoint(fixture->hub), ZMQ_DEALER, NULL, 4000, NULL));
    assert_err(ERR_IO, dial_knock(hub_endpoint(fixture->hub), ZMQ_DEALER, &fleet, 4000, NULL));
    assert_non_null(strstr(err_text(), hub_endpoint(fixture->hub)));
    assert_err(ERR_RANGE, dial_knock("127.0.0.1:5555", ZMQ_DEALER, NULL, 4000, NULL));
}

/* Patience is for ever unless it is limited, short with who turns us away, and never ends once
 * a broker has answered. */
static void patience(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct curve_keys fleet, other;
    struct wire_end *lost, *friend, *stranger;
    char silent[64];
    const int64_t begun = wire_fixture_now();

    close(mute(silent));
    assert_ok(curve_new(&fleet));
    assert_ok(curve_new(&other));
    assert_ok(curve_zap_open(&fixture->zap, fixture->context));
    assert_ok(curve_zap_allow(fixture->zap, fleet.public_key));
    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", &fleet);
    lost = wire_fixture_dial(fixture, silent, NULL, (struct peer_conf){0});
    friend =
        wire_fixture_dial(fixture, hub_endpoint(fixture->hub), &fleet, (struct peer_conf){0});
    stranger =
        wire_fixture_dial(fixture, hub_endpoint(fixture->hub), &other, (struct peer_conf){0});
    assert_ok(peer_patience(lost->peer, 3000, begun));
    assert_ok(peer_patience(stranger->peer, 0, begun));
    WIRE_FIXTURE_UNTIL(fixture, friend->welcomes &&
                                    peer_patience(lost->peer, 3000, wire_fixture_now()) &&
                                    peer_patience(stranger->peer, 0, wire_fixture_now()));
    assert_true(wire_fixture_now() - begun >= PEER_REFUSED_MS);
    assert_ok(peer_patience(lost->peer, 0, wire_fixture_now()));
    assert_ok(peer_patience(lost->peer, 100000, wire_fixture_now()));
    assert_err(ERR_IO, peer_patience(lost->peer, 3000, wire_fixture_now()));
    assert_non_null(strstr(err_text(), "nobody listens there"));
    assert_err(ERR_IO, peer_patience(stranger->peer, 0, wire_fixture_now()));
    assert_non_null(strstr(err_text(), "not the broker that this key was made for"));
    hub_close(fixture->hub);
    fixture->hub = NULL;
    assert_ok(peer_patience(friend->peer, 1, wire_fixture_now() + 100000));
}

/* A handshake that ends at the key is all that one hears of a broker who does not let it in. */
static void who_is_not_let_in_is_counted(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct curve_keys fleet, other;
    struct wire_end *friend, *stranger;

    assert_ok(curve_new(&fleet));
    assert_ok(curve_new(&other));
    memcpy(other.server_key, fleet.public_key, CURVE_TEXT);
    assert_ok(curve_zap_open(&fixture->zap, fixture->context));
    assert_ok(curve_zap_allow(fixture->zap, fleet.public_key));
    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", &fleet);
    friend =
        wire_fixture_dial(fixture, hub_endpoint(fixture->hub), &fleet, (struct peer_conf){0});
    stranger =
        wire_fixture_dial(fixture, hub_endpoint(fixture->hub), &other, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, friend->welcomes && peer_stats(stranger->peer)->denied >= 2);
    assert_int_equal(peer_stats(friend->peer)->denied, 0);
    assert_ok(curve_zap_allow(fixture->zap, other.public_key));
    WIRE_FIXTURE_UNTIL(fixture, stranger->welcomes);
    assert_int_equal(peer_stats(stranger->peer)->denied, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_where_no_broker_is),
        cmocka_unit_test_setup_teardown(keys_that_do_not_fit, wire_fixture_open,
                                        wire_fixture_close),
        cmocka_unit_test_setup_teardown(a_plain_broker_and_a_key, wire_fixture_open,
                                        wire_fixture_close),
        cmocka_unit_test_setup_teardown(who_is_not_let_in_is_counted, wire_fixture_open,
                                        wire_fixture_close),
        cmocka_unit_test_setup_teardown(patience, wire_fixture_open, wire_fixture_close),
    };

    return cmocka_run_group_tests_name("proto/dial", tests, NULL, NULL);
}
