/* How it works: a connection of the role `cli` to the broker, a loop that runs until the
 * answer comes, and nothing else: the order is sent once the broker has welcomed us, and the
 * first answer to our own request ends the loop. Before that a knock at the port tells apart,
 * in words, the ways in which there may be no broker. The broker hands orders to the
 * supervisor and its answers back; it does not know what they mean.
 *
 * A supervisor that is known to live, and is not connected, starts or looks for a broker that starts
 * again: an order that reached nobody is then sent again, for a person who has typed `down` goes
 * away. Without its process id nobody may ever come, and the broker's answer is told at once. */
#include "deploy/ask.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"
#include "proto/dial.h"
#include "proto/peer.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { AGAIN_MS = 300, LAST_MS = 1000 }; /* LAST: what is sent later is not answered in time */

struct asking {
    struct loop *loop;
    struct peer *peer;
    struct msg_admin admin;
    int64_t deadline_ms, again_ms;
    bool sent, answered, ok, lives; /* lives: there is a supervisor, connected or not */
    char *words, *result;
};

/* Answers to earlier requests of the same asker are not ours: the number says. */
static enum err on_answer(void *self, const struct msg *msg, int64_t now_ms)
{
    struct asking *a = self;

    if (msg->admin_ok.request != a->admin.request)
        return OK;
    if (msg->admin_ok.away && a->lives && now_ms < a->deadline_ms - LAST_MS) {
        a->sent = false;
        a->again_ms = now_ms + AGAIN_MS;
        return OK;
    }
    a->answered = true;
    a->ok = msg->admin_ok.ok;
    a->words = mem_text(msg->admin_ok.words);
    a->result = mem_text(msg->admin_ok.result);
    loop_stop(a->loop);
    return OK;
}

/* The broker's no (another version, no such role) ends the wait at once. */
static enum err on_refuse(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)self, (void)now_ms;
    return err_set(ERR_STATE, "the broker refuses: %s", msg->refuse.words);
}

/* Sends when it can, and gives up at the deadline with the likelier of two reasons. */
static enum err tick(void *self, int64_t now_ms)
{
    struct asking *a = self;
    struct msg msg = {.head.type = MSG_ADMIN};
    enum err err = peer_tick(a->peer, now_ms);

    if (!err && now_ms >= a->deadline_ms)
        return err_set(ERR_IO, "no answer: %s",
                       a->sent ? "the fleet has no supervisor, or it is busy"
                               : "is it the control port of a broker?");
    if (!err && !a->sent && now_ms >= a->again_ms && peer_welcome(a->peer)) {
        msg.admin = a->admin;
        a->sent = !peer_send(a->peer, &msg);
    }
    return err;
}

/* Until the answer, the refusal or the deadline: each ends the loop. */
static enum err converse(struct asking *a, void *context, const struct peer_conf *conf)
{
    enum err err = peer_open(&a->peer, context, conf, clock_mono_ms());

    if (err)
        return err;
    peer_on(a->peer, MSG_ADMIN_OK, on_answer, a);
    peer_on(a->peer, MSG_REFUSE, on_refuse, a);
    err = loop_socket(a->loop, peer_socket(a->peer), peer_readable, a->peer);
    if (!err)
        err = loop_every(a->loop, 50, tick, a);
    if (!err)
        err = loop_run(a->loop);
    loop_unsocket(a->loop, peer_socket(a->peer));
    return err;
}

/* Where a supervisor lives its broker may still be starting behind a port that listens already. */
enum { KNOCK_MS = 3000 };

enum err ask_fleet(struct endpoint *fleet, const struct ask_order *ask, char **words,
                   char **result)
{
    struct peer_conf conf = {.role = ROLE_OPERATOR,
                             .broker = fleet->control,
                             .keys = fleet->secure ? &fleet->keys : NULL,
                             .name = "drover"};
    struct asking a = {.deadline_ms = clock_mono_ms() + ask->timeout_ms,
                       .lives = fleet->pid > 0};
    void *context;
    enum err err = dial_knock(fleet->control, ZMQ_DEALER, fleet->secure ? &fleet->keys : NULL,
                              fleet->pid > 0 ? ask->timeout_ms / 2 : KNOCK_MS, NULL);

    *words = *result = NULL;
    if (!err)
        err = loop_new(&a.loop);
    if (err)
        return err;
    context = zmq_ctx_new();
    peer_random(&conf.id, &conf.incarnation);
    a.admin = (struct msg_admin){.request = conf.incarnation,
                                 .asker = conf.id,
                                 .order = ask->order,
                                 .host = ask->host ? ask->host : "",
                                 .role = ask->role,
                                 .count = ask->count,
                                 .arguments = ask->arguments ? ask->arguments : ""};
    if (!err)
        err = converse(&a, context, &conf);
    peer_close(a.peer);
    loop_free(a.loop);
    zmq_ctx_term(context);
    if (!err && !a.ok)
        err = err_set(ERR_STATE, "%s", a.words ? a.words : "no answer");
    if (err) {
        free(a.words);
        free(a.result);
        return err;
    }
    *words = a.words;
    *result = a.result;
    return OK;
}
