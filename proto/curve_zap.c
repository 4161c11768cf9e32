/* The ZAP handler (zeromq RFC 27) and its self test; declared in curve.h.
 *
 * ZeroMQ asks at a socket of a fixed name, once a handshake, whether a client's key is welcome,
 * and waits for the answer; so the handler is one more socket of the loop. Where there is none
 * ZeroMQ lets everybody in: hence the self test at the start, with a key that is let in for it
 * and a stranger's. */

#include "proto/curve.h"

#include "base/mem.h"
#include "proto/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY = 32, KEYS_MAX = 4096, TURNS = 500, TURN_MS = 10 };

struct curve_zap {
    void *socket;
    uint8_t (*key)[KEY];
    int keys;
    curve_zap_fn *may; /* asked about keys that are not among them; NULL: nobody is */
    void *self;
    uint64_t refused;
};

enum err curve_zap_open(struct curve_zap **out, void *context)
{
    struct curve_zap *const zap = mem_new(1, sizeof *zap);
    const int zero = 0;

    *out = NULL;
    zap->socket = zmq_socket(context, ZMQ_REP);
    if (zap->socket)
        zmq_setsockopt(zap->socket, ZMQ_LINGER, &zero, sizeof zero);
    if (!zap->socket || zmq_bind(zap->socket, "inproc://zeromq.zap.01")) {
        const enum err err = err_set(ERR_IO, "ZAP handler: %s", zmq_strerror(errno));
        curve_zap_close(zap);
        return err;
    }
    *out = zap;
    return OK;
}

void curve_zap_close(struct curve_zap *zap)
{
    if (!zap)
        return;
    if (zap->socket)
        zmq_close(zap->socket);
    free(zap->key);
    free(zap);
}

static int find(const struct curve_zap *zap, const uint8_t key[KEY])
{
    for (int i = 0; i < zap->keys; i++)
        if (!memcmp(zap->key[i], key, KEY))
            return i;
    return -1;
}

enum err curve_zap_allow(struct curve_zap *zap, const char *public_key)
{
    uint8_t key[KEY];

    if (strlen(public_key) != CURVE_TEXT - 1 || !zmq_z85_decode(key, public_key))
        return err_set(ERR_PARSE, "'%.50s' is not a public key", public_key);
    if (find(zap, key) >= 0)
        return OK;
    if (zap->keys == KEYS_MAX)
        return err_set(ERR_RANGE, "more than %d keys", KEYS_MAX);
    zap->key = mem_grow(zap->key, (size_t)zap->keys + 1, sizeof *zap->key);
    memcpy(zap->key[zap->keys++], key, KEY);
    return OK;
}

void curve_zap_deny(struct curve_zap *zap, const char *public_key)
{
    uint8_t key[KEY];
    int at;

    if (strlen(public_key) != CURVE_TEXT - 1 || !zmq_z85_decode(key, public_key))
        return;
    at = find(zap, key);
    if (at >= 0)
        memcpy(zap->key[at], zap->key[--zap->keys], KEY);
}

void curve_zap_ask(struct curve_zap *zap, curve_zap_fn *may, void *self)
{
    zap->may = may;
    zap->self = self;
}

void *curve_zap_socket(const struct curve_zap *zap)
{
    return zap->socket;
}

uint64_t curve_zap_refused(const struct curve_zap *zap)
{
    return zap->refused;
}

/* A frame of its own, as each field of an answer is. */
static enum err put(struct frames *frames, const void *bytes, size_t n)
{
    uint8_t *to;
    const enum err err = frames_add(frames, n, &to);

    if (!err && n)
        memcpy(to, bytes, n);
    return err;
}

/* A key of the list is welcome in every domain; about others whoever decides is asked. */
static bool is_welcome(const struct curve_zap *zap, const struct frames *in)
{
    struct hash key;
    char domain[32] = "";

    memcpy(key.byte, frames_data(in, 6), KEY);
    if (find(zap, key.byte) >= 0)
        return true;
    if (!zap->may || frames_size(in, 2) >= sizeof domain)
        return false;
    memcpy(domain, frames_data(in, 2), frames_size(in, 2));
    return zap->may(zap->self, &key, domain);
}

/* Frames in: version, request, domain, address, routing id, mechanism, credentials.
 * Frames out: version, request, status, words, user id, metadata. */
static enum err answer(struct curve_zap *zap, const struct frames *in)
{
    static const char *const words[2] = {"stranger", "fleet"};
    const bool curve = in->n == 7 && frames_size(in, 5) == 5 &&
                       !memcmp(frames_data(in, 5), "CURVE", 5) && frames_size(in, 6) == KEY;
    const bool in_list = curve && is_welcome(zap, in);
    char user[CURVE_TEXT] = ""; /* the key: who reads the connection's messages sees it */
    struct frames out;
    enum err err;

    frames_init(&out);
    zap->refused += !in_list;
    if (in_list)
        zmq_z85_encode(user, frames_data(in, 6), KEY);
    err = put(&out, "1.0", 3);
    if (!err)
        err = in->n > 1 ? put(&out, frames_data(in, 1), frames_size(in, 1)) : put(&out, "", 0);
    if (!err)
        err = put(&out, in_list ? "200" : "400", 3);
    if (!err)
        err = put(&out, words[in_list], strlen(words[in_list]));
    if (!err)
        err = put(&out, user, strlen(user));
    if (!err)
        err = put(&out, "", 0);
    if (!err)
        err = wire_send(zap->socket, NULL, &out);
    frames_fini(&out);
    return err;
}

/* Some at a time: a storm of handshakes must not keep the loop from the fleet. */
enum err curve_zap_readable(void *self, int64_t now_ms)
{
    struct curve_zap *const zap = self;
    struct frames frames;
    bool got = true;
    enum err err = OK;

    (void)now_ms;
    for (int i = 0; !err && got && i < 64; i++) {
        err = wire_receive(zap->socket, NULL, &frames, NULL, &got);
        if (!err && got)
            err = answer(zap, &frames);
        frames_fini(&frames);
    }
    return err ? err_add("ZAP handler") : OK;
}

/* One end of the self test. */
static void *dial(void *context, const char *endpoint, const struct curve_keys *keys)
{
    void *const socket = zmq_socket(context, ZMQ_DEALER);
    const int zero = 0, one = 1;

    if (!socket)
        return NULL;
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_IMMEDIATE, &one, sizeof one);
    if (curve_client(socket, keys) || zmq_connect(socket, endpoint)) {
        zmq_close(socket);
        return NULL;
    }
    return socket;
}

/* Lets both knock until the friend was heard and the stranger was seen and sent away. */
static enum err knock(struct curve_zap *zap, void *server, void *friend, void *stranger)
{
    const uint64_t before = zap->refused;
    bool heard = false, refused = false;

    for (int turn = 0; turn < TURNS && !(heard && refused); turn++) {
        zmq_pollitem_t item[] = {{zap->socket, 0, ZMQ_POLLIN, 0}, {server, 0, ZMQ_POLLIN, 0}};
        char from[16], word[8];
        enum err err;
        zmq_send(friend, "friend", 6, ZMQ_DONTWAIT);
        zmq_send(stranger, "enemy", 5, ZMQ_DONTWAIT);
        zmq_poll(item, 2, TURN_MS);
        err = curve_zap_readable(zap, 0);
        if (err)
            return err;
        while (zmq_recv(server, from, sizeof from, ZMQ_DONTWAIT) >= 0) {
            if (zmq_recv(server, word, sizeof word, ZMQ_DONTWAIT) == 5)
                return err_set(ERR_STATE, "CURVE self test: a stranger's key was let in");
            heard = true;
        }
        refused = zap->refused > before;
    }
    if (!heard || !refused)
        return err_set(ERR_STATE, "CURVE self test: %s within 5 s",
                       heard ? "a stranger's key was not refused"
                             : "a key of the fleet's was not let in");
    return OK;
}

/* The friend's key is on the list for as long as the test lasts. */
static enum err test(struct curve_zap *zap, void *context, void *server, const char *endpoint,
                     const struct curve_keys *keys)
{
    struct curve_keys own, other;
    void *friend = NULL, *stranger = NULL;
    enum err err = curve_new(&own);

    if (!err)
        err = curve_new(&other);
    if (!err)
        err = curve_zap_allow(zap, own.public_key);
    if (err)
        return err;
    memcpy(own.server_key, keys->public_key, CURVE_TEXT);
    memcpy(other.server_key, keys->public_key, CURVE_TEXT);
    friend = dial(context, endpoint, &own);
    stranger = dial(context, endpoint, &other);
    err = friend && stranger ? knock(zap, server, friend, stranger)
                             : err_set(ERR_IO, "CURVE self test: %s", zmq_strerror(errno));
    if (friend)
        zmq_close(friend);
    if (stranger)
        zmq_close(stranger);
    curve_zap_deny(zap, own.public_key);
    curve_wipe(&own);
    return err;
}

enum err curve_zap_self_test(struct curve_zap *zap, void *context,
                             const struct curve_keys *keys)
{
    void *const server = zmq_socket(context, ZMQ_ROUTER);
    char endpoint[64];
    size_t n = sizeof endpoint;
    const int zero = 0;
    enum err err;

    if (!server)
        return err_set(ERR_IO, "CURVE self test: %s", zmq_strerror(errno));
    zmq_setsockopt(server, ZMQ_LINGER, &zero, sizeof zero);
    err = curve_server(server, keys, CURVE_FLEET);
    if (!err && (zmq_bind(server, "tcp://127.0.0.1:*") ||
                 zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint, &n)))
        err = err_set(ERR_IO, "CURVE self test: %s", zmq_strerror(errno));
    if (!err)
        err = test(zap, context, server, endpoint, keys);
    zmq_close(server);
    return err;
}
