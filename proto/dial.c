/* libzmq tells what becomes of a connection by events on an inproc socket only. They are read
 * here after each tick, without waiting, and the last one that matters is kept in words:
 * nobody listens, the key is not accepted, the name is unknown. So a worker that waits can say
 * for what. */

#include "proto/dial.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proto/address.h"
#include "proto/curve.h"
#include "proto/wire.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum {
    EVENTS = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CONNECT_RETRIED |
             ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
             ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
             ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
    LOOK_MAX = 4096,  /* events in one look */
    HANGS = 5,        /* one after another: no accident */
    NOT_LET_IN = 400, /* ZAP's; 300 and 500 say that it could not be asked */
    HOPELESS_MS = 1000,
    SLICE_MS = 50,
};

struct dial {
    void *socket, *monitor;
    bool keyed;
    bool begun;                    /* an attempt got as far as a socket */
    int hangs;                     /* hang-ups in a row */
    uint64_t denied;               /* ends at this key since one came through */
    int fd;                        /* of the connection; -1: none */
    bool hung;                     /* one since dial_hung_up was asked */
    bool turned;                   /* events before the next attempt are of the last address */
    enum dial_state state, before; /* `before`: of the last address */
};

enum err dial_open(struct dial **out, void *context, void *socket, bool keyed)
{
    struct dial *dial = mem_new(1, sizeof *dial);
    const int linger = 0;
    char name[64];
    enum err err = OK;

    snprintf(name, sizeof name, "inproc://dial-%p", socket);
    dial->keyed = keyed;
    dial->fd = -1;
    if (!zmq_socket_monitor(socket, name, EVENTS))
        dial->socket = socket;
    dial->monitor = zmq_socket(context, ZMQ_PAIR);
    if (!dial->socket || !dial->monitor ||
        zmq_setsockopt(dial->monitor, ZMQ_LINGER, &linger, sizeof linger) ||
        zmq_connect(dial->monitor, name)) {
        err = err_set(ERR_IO, "socket monitor: %s", zmq_strerror(errno));
        dial_close(dial);
        dial = NULL;
    }
    *out = dial;
    return err;
}

void dial_close(struct dial *dial)
{
    if (!dial)
        return;
    if (dial->socket)
        zmq_socket_monitor(dial->socket, NULL, 0);
    if (dial->monitor)
        zmq_close(dial->monitor);
    free(dial);
}

static void hung_up(struct dial *dial, bool silent)
{
    dial->state = silent ? DIAL_NO_WORDS : DIAL_HUNG_UP;
    dial->hangs = silent ? 0 : dial->hangs + 1;
    dial->hung |= !silent;
}

/* What came before the first attempt at a new address was still of the last one, which libzmq
 * closes in its own time. */
static void attempted(struct dial *dial)
{
    dial->begun = true;
    if (dial->turned)
        dial->state = DIAL_TRYING;
    dial->turned = false;
}

/* What libzmq 4.3.4 says:
 *   a name that does not resolve   RETRIED, and nothing before it
 *   nobody listens                 DELAYED, CLOSED, RETRIED
 *   another server key             DELAYED, CONNECTED, NO_DETAIL (EPIPE), RETRIED
 *   a listener that says nothing   DELAYED, CONNECTED, after HANDSHAKE_IVL NO_DETAIL (EAGAIN)
 *   CURVE against plain            FAILED_PROTOCOL, and it does not try again by itself
 *   a key that ZAP refuses         FAILED_AUTH, likewise */
static void judge(struct dial *dial, int event, uint32_t value)
{
    dial->fd = event == ZMQ_EVENT_CONNECTED             ? (int)value
               : event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ? dial->fd
                                                        : -1;
    switch (event) {
    case ZMQ_EVENT_CONNECT_DELAYED:
    case ZMQ_EVENT_CONNECTED:
        attempted(dial);
        break;
    case ZMQ_EVENT_CLOSED:
        dial->state = DIAL_NOBODY;
        dial->hangs = 0;
        break;
    case ZMQ_EVENT_CONNECT_RETRIED:
        if (!dial->begun)
            dial->state = DIAL_NO_NAME;
        dial->begun = false;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        hung_up(dial, value == EAGAIN || value == ETIMEDOUT);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        dial->state =
            value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH ? DIAL_MISMATCH : DIAL_HUNG_UP;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        dial->state = DIAL_REFUSED;
        dial->denied += value == NOT_LET_IN;
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        dial->state = DIAL_THERE;
        dial->hangs = 0;
        dial->denied = 0;
        break;
    default: /* DISCONNECTED: also what follows a failed handshake */
        if (dial->state == DIAL_THERE)
            dial->state = DIAL_TRYING;
        break;
    }
}

enum dial_state dial_look(struct dial *dial)
{
    for (int i = 0; i < LOOK_MAX; i++) {
        uint8_t event[6];
        uint16_t what;
        uint32_t value;
        char where[256];

        if (zmq_recv(dial->monitor, event, sizeof event, ZMQ_DONTWAIT) != (int)sizeof event ||
            zmq_recv(dial->monitor, where, sizeof where, ZMQ_DONTWAIT) < 0)
            break;
        memcpy(&what, event, sizeof what);
        memcpy(&value, event + sizeof what, sizeof value);
        judge(dial, what, value);
    }
    return dial->state;
}

void dial_turned(struct dial *dial)
{
    if (dial->state != DIAL_NO_NAME && dial->state != DIAL_TRYING)
        dial->before = dial->state;
    dial->state = DIAL_TRYING;
    dial->turned = true;
    dial->begun = false;
}

/* The one that says most. */
static enum dial_state known(const struct dial *dial)
{
    const bool says_little = dial->state == DIAL_NO_NAME || dial->state == DIAL_TRYING;

    return says_little && dial->before != DIAL_TRYING ? dial->before : dial->state;
}

bool dial_nobody(const struct dial *dial)
{
    return dial->state == DIAL_NOBODY || dial->state == DIAL_NO_NAME;
}

int64_t dial_bytes(const struct dial *dial)
{
    return dial->state == DIAL_THERE ? wire_bytes(dial->fd) : -1;
}

const char *dial_words(const struct dial *dial)
{
    switch (known(dial)) {
    case DIAL_NO_NAME:
        return "the host's name does not resolve";
    case DIAL_NOBODY:
        return "nobody listens there";
    case DIAL_NO_WORDS:
        return "who listens there does not speak as a broker does: is it the control port, "
               "or a broker that is stopped?";
    case DIAL_HUNG_UP:
        return dial->keyed ? "it hangs up: it is not the broker that this key was made for"
                           : "it hangs up: it wants a key (--key FILE), or is no broker";
    case DIAL_MISMATCH:
        return dial->keyed ? "it has no key, and this side has one"
                           : "it wants a key: key=FILE (a trainer: broker_key=FILE), one of "
                             "its own keys folder";
    case DIAL_REFUSED:
        return "it refuses this key: it is of another fleet or role, was revoked or has "
               "expired";
    case DIAL_THERE:
        return "it is there and gives no answer";
    default:
        return "no answer from there: is the host up, and may it be reached?";
    }
}

enum err dial_fault(const struct dial *dial, const char *endpoint)
{
    if (known(dial) == DIAL_MISMATCH && !dial->keyed)
        return err_set(
            ERR_IO,
            "the broker at %s wants a key: key=FILE (a trainer: broker_key=FILE), one "
            "of its own keys folder",
            endpoint);
    return err_set(ERR_IO, "no broker at %s: %s", endpoint, dial_words(dial));
}

bool dial_hung_up(struct dial *dial)
{
    const bool hung = dial->hung;

    dial->hung = false;
    return hung;
}

bool dial_hopeless(const struct dial *dial)
{
    const enum dial_state state = known(dial);

    return state == DIAL_MISMATCH || state == DIAL_REFUSED ||
           (state == DIAL_HUNG_UP && dial->hangs >= HANGS);
}

uint64_t dial_denied(const struct dial *dial)
{
    return dial->denied;
}

static enum err configure(void *socket, const struct curve_keys *keys)
{
    static const int list[][2] = {
        {ZMQ_LINGER, 0}, {ZMQ_RECONNECT_IVL, 100}, {ZMQ_HANDSHAKE_IVL, 2000}};

    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (zmq_setsockopt(socket, list[i][0], &list[i][1], sizeof list[i][1]))
            return err_set(ERR_IO, "socket option %d: %s", list[i][0], zmq_strerror(errno));
    return keys ? curve_client(socket, keys) : OK;
}

/* True: there. */
static bool await(struct dial *dial, const struct address_list *at, long wait_ms)
{
    long hopeless_ms = 0;

    for (long ms = 0; ms < wait_ms && hopeless_ms < HOPELESS_MS; ms += SLICE_MS) {
        zmq_poll(NULL, 0, SLICE_MS / 5); /* the first look is soon */
        for (int i = 0; i < 4 && dial_look(dial) != DIAL_THERE; i++)
            zmq_poll(NULL, 0, SLICE_MS / 5);
        if (dial->state == DIAL_THERE)
            return true;
        if (address_due(at, dial_nobody(dial), at->since_ms + ms))
            return false;
        hopeless_ms = dial_hopeless(dial) ? hopeless_ms + SLICE_MS : 0;
    }
    return false;
}

/* At the one in turn; what is known at the end into *state. */
static enum err knock_one(const struct address_list *at, int type,
                          const struct curve_keys *keys, long wait_ms, enum dial_state *state)
{
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, type);
    struct dial *dial = NULL;
    enum err err =
        socket ? configure(socket, keys) : err_set(ERR_IO, "socket: %s", zmq_strerror(errno));

    if (!err)
        err = dial_open(&dial, context, socket, keys != NULL);
    if (!err)
        err = address_connect(at, socket);
    if (!err && !await(dial, at, wait_ms))
        err = dial_fault(dial, address_now(at));
    *state = dial ? dial->state : DIAL_TRYING;
    dial_close(dial);
    if (socket)
        zmq_close(socket);
    zmq_ctx_term(context);
    return err;
}

static bool turned_away(enum dial_state state)
{
    return state == DIAL_HUNG_UP || state == DIAL_MISMATCH || state == DIAL_REFUSED;
}

/* Of what several say, the one that says more than "no such name". */
static void keep(char words[ERR_WORDS], enum dial_state state)
{
    if (!*words || (state != DIAL_NO_NAME && state != DIAL_TRYING))
        snprintf(words, ERR_WORDS, "%s", err_text());
}

/* Each in turn until one is there, or the time is over, or all were asked and one turned us away. */
static enum err knock(struct address_list *at, int type, const struct curve_keys *keys,
                      long wait_ms)
{
    const int64_t end_ms = clock_mono_ms() + wait_ms;
    char words[ERR_WORDS] = "";
    bool hopeless = false;
    enum err err = ERR_IO;

    for (int tries = 0; err == ERR_IO && (!tries || at->n > 1); tries++) {
        const int64_t left_ms = end_ms - clock_mono_ms();
        enum dial_state state;

        if (tries && (left_ms <= 0 || (hopeless && tries >= at->n)))
            break;
        err = knock_one(at, type, keys, (long)left_ms, &state);
        hopeless |= turned_away(state);
        if (err) {
            keep(words, state);
            address_turn(at, 0);
        }
    }
    return err ? err_set(err, "%s", words) : OK;
}

enum err dial_knock(const char *endpoint, int type, struct curve_keys *keys, long wait_ms,
                    struct address_list *found)
{
    struct address_list at;
    char first[CURVE_TEXT];
    enum err err = address_read(&at, endpoint, 0);

    if (!err)
        err = knock(&at, type, keys, wait_ms);
    if (err == ERR_IO && keys && *keys->next_key) {
        /* Perhaps its next generation counts already. */
        memcpy(first, keys->server_key, CURVE_TEXT);
        memcpy(keys->server_key, keys->next_key, CURVE_TEXT);
        memcpy(keys->next_key, first, CURVE_TEXT);
        err = knock(&at, type, keys, wait_ms);
    }
    if (!err && found) {
        *found = at;
        found->place[0] = at.place[at.now];
        found->n = 1;
        found->now = 0;
    }
    return err;
}
