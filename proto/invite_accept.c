/* A use of a ticket, from the joiner's side: a connection with the ticket's key, HELLO, one
 * order ("admit") that carries the public part of a key made here, and its answer. The order is
 * repeated until it is answered: the same key again is the same use. Addresses are tried in
 * turn, each until the patience with it is over or it is seen to be hopeless. */

#include "proto/invite.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proto/peer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { AGAIN_MS = 2000, TURN_MS = 50 };

struct accepting {
    struct peer *peer;
    char *arguments;
    uint64_t request;
    int64_t asked_ms;
    bool answered, ok;
    char words[512];
    struct curve_keys *keys; /* that asks to come in */
};

/* An answer to an earlier process of the same ticket is not ours: the number says. */
static enum err on_answer(void *self, const struct msg *msg, int64_t now_ms)
{
    struct accepting *a = self;

    (void)now_ms;
    if (msg->admin_ok.request != a->request)
        return OK;
    a->answered = true;
    a->ok = msg->admin_ok.ok;
    snprintf(a->words, sizeof a->words, "%s", msg->admin_ok.words);
    invite_accept_answer(a->keys, msg->admin_ok.result);
    return OK;
}

/* BUSY and strikes pass: HELLO is said again. */
static enum err on_refuse(void *self, const struct msg *msg, int64_t now_ms)
{
    struct accepting *a = self;

    (void)now_ms;
    if (msg->refuse.code == REFUSE_BUSY || msg->refuse.code == REFUSE_STRIKES)
        return OK;
    a->answered = true;
    snprintf(a->words, sizeof a->words, "%s", msg->refuse.words);
    return OK;
}

/* Nothing goes out before WELCOME; a full pipe is one more turn of waiting. */
static enum err ask(struct accepting *a, int64_t now_ms)
{
    struct msg msg = {
        .head.type = MSG_ADMIN,
        .admin = {.request = a->request, .order = ADMIN_ADMIT, .arguments = a->arguments}};
    enum err err;

    if (!peer_welcome(a->peer) || (a->asked_ms && now_ms - a->asked_ms < AGAIN_MS))
        return OK;
    err = peer_send(a->peer, &msg);
    if (!err)
        a->asked_ms = now_ms;
    return err == ERR_STATE ? OK : err;
}

/* Until the answer, or the end of patience. */
static enum err converse(struct accepting *a, int64_t wait_ms)
{
    const int64_t from_ms = clock_mono_ms();
    enum err err = OK;

    while (!err && !a->answered) {
        zmq_pollitem_t item = {peer_socket(a->peer), 0, ZMQ_POLLIN, 0};
        const int64_t now_ms = clock_mono_ms();

        err = peer_readable(a->peer, now_ms);
        if (!err)
            err = peer_tick(a->peer, now_ms);
        if (!err)
            err = peer_patience(a->peer, wait_ms, now_ms);
        if (!err && peer_answered(a->peer) && !a->answered && now_ms - from_ms >= wait_ms)
            err = err_set(ERR_IO, "the broker is there, but nobody answers who may let in: is "
                                  "the fleet's supervisor gone?");
        if (!err)
            err = ask(a, now_ms);
        if (!err)
            zmq_poll(&item, 1, TURN_MS);
    }
    if (!err && !a->ok)
        err = err_set(ERR_STATE, "%s", a->words);
    return err;
}

/* One address. What it was asked is asked again at the next one: the same key, the same use. */
static enum err knock(struct accepting *a, void *context, const struct invite *invite,
                      const char *broker, const struct invite_guest *guest)
{
    struct peer_conf conf = {.role = invite->keys.role,
                             .broker = broker,
                             .keys = &invite->keys,
                             .name = guest->name,
                             .self = a};
    enum err err;

    peer_random(&conf.id, &conf.incarnation);
    a->request = conf.incarnation;
    a->asked_ms = 0;
    err = peer_open(&a->peer, context, &conf, clock_mono_ms());
    if (err)
        return err;
    peer_on(a->peer, MSG_ADMIN_OK, on_answer, a);
    peer_on(a->peer, MSG_REFUSE, on_refuse, a);
    err = converse(a, guest->wait_ms);
    peer_close(a->peer);
    return err;
}

char *invite_accept_ask(const struct curve_keys *keys, const struct invite_guest *guest)
{
    char host[CURVE_NAME] = "";
    json_t *tree;
    char *text;

    gethostname(host, sizeof host - 1);
    if (guest->host && *guest->host)
        snprintf(host, sizeof host, "%s", guest->host);
    tree = json_pack("{s:s,s:s,s:s}", "public_key", keys->public_key, "name",
                     *guest->name ? guest->name : host, "host", host);
    text = json_dumps(tree, JSON_COMPACT); /* NULL: a name that is no UTF-8 */
    json_decref(tree);
    return text ? text : mem_print("{\"public_key\":\"%s\"}", keys->public_key);
}

void invite_accept_answer(struct curve_keys *keys, const char *result)
{
    json_t *tree = json_loads(result, 0, NULL);
    const char *name = json_string_value(json_object_get(tree, "name"));

    snprintf(keys->name, sizeof keys->name, "%s", name ? name : "");
    json_decref(tree);
}

enum err invite_accept(struct curve_keys *keys, char broker[INVITE_ADDRESS],
                       const struct invite *invite, const struct invite_guest *guest)
{
    struct accepting a = {.keys = keys};
    void *context;
    enum err err = curve_new(keys);

    if (err)
        return err;
    memcpy(keys->server_key, invite->keys.server_key, CURVE_TEXT);
    memcpy(keys->next_key, invite->keys.next_key, CURVE_TEXT);
    keys->role = invite->keys.role;
    a.arguments = invite_accept_ask(keys, guest);
    context = zmq_ctx_new();
    err = ERR_STATE;
    for (int i = 0; i < invite->n_broker && err && !a.answered; i++) {
        snprintf(broker, INVITE_ADDRESS, "%s", invite->broker[i]);
        err = knock(&a, context, invite, broker, guest);
    }
    zmq_ctx_term(context);
    free(a.arguments);
    if (err)
        curve_wipe(keys);
    return err;
}
