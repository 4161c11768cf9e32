#include "learner/fleet/serve.h"

#include "base/mem.h"
#include "net/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct serve {
    struct serve_conf conf;
    struct curve_keys keys; /* the fleet's, with the bulk port's public key as the server's */
    struct blob_store *store;
    struct peer *bulk;
    char *endpoint;
    bool offer; /* an OFFER is due */
};

void serve_new(struct serve **out, const struct serve_conf *conf)
{
    struct serve *s = mem_new(1, sizeof *s);

    s->conf = *conf;
    blob_store_new(&s->store);
    *out = s;
}

static void hang_up(struct serve *s)
{
    if (!s->bulk)
        return;
    loop_unsocket(s->conf.loop, peer_socket(s->bulk));
    peer_close(s->bulk);
    s->bulk = NULL;
}

void serve_free(struct serve *s)
{
    if (!s)
        return;
    hang_up(s);
    blob_store_free(s->store);
    curve_wipe(&s->keys);
    free(s->endpoint);
    free(s);
}

enum err serve_add(struct serve *s, const struct artifact *what, const void *bytes,
                   const struct hash *digest, void (*release)(void *), void *hint)
{
    s->offer = true;
    return blob_store_add(s->store, what, bytes, what->bytes, digest, release, hint);
}

void serve_remove(struct serve *s, const struct hash *hash)
{
    s->offer = true;
    blob_store_remove(s->store, hash);
}

const struct artifact *serve_list(const struct serve *s, uint32_t *n)
{
    return blob_store_list(s->store, n);
}

/* What is due, until the pipe is full. */
static enum err pump(struct serve *s)
{
    struct msg msg;
    enum err err = OK;

    if (!s->bulk || !peer_welcome(s->bulk))
        return OK;
    if (s->offer) {
        memset(&msg, 0, sizeof msg);
        msg.head.type = MSG_OFFER;
        msg.offer.artifact = blob_store_list(s->store, &msg.offer.artifacts);
        err = peer_send(s->bulk, &msg);
        s->offer = err != OK;
    }
    while (!err && blob_store_next(s->store, &msg)) {
        err = peer_send(s->bulk, &msg);
        if (!err)
            blob_store_sent(s->store);
    }
    return err == ERR_STATE ? OK : err; /* full, or cut: later */
}

static enum err on_wreq(void *self, const struct msg *msg, int64_t now_ms)
{
    struct serve *s = self;

    (void)now_ms;
    if (blob_store_ask(s->store, &msg->wreq))
        return OK; /* too many wait: the child asks again */
    return pump(s);
}

static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct serve *s = self;

    (void)msg, (void)now_ms;
    s->offer = true;
    return pump(s);
}

enum err serve_endpoint(struct serve *s, const char *bulk, const char *bulk_key, int64_t now_ms)
{
    struct peer_conf conf = s->conf.peer;
    enum err err;

    if (!*bulk || (s->bulk && !strcmp(s->endpoint, bulk)))
        return OK;
    hang_up(s);
    free(s->endpoint);
    s->endpoint = mem_text(bulk);
    conf.broker = s->endpoint;
    conf.hello = NULL;
    conf.hb = NULL;
    if (conf.keys) {
        s->keys = *conf.keys;
        if (*bulk_key)
            snprintf(s->keys.server_key, sizeof s->keys.server_key, "%s", bulk_key);
        conf.keys = &s->keys;
    }
    err = peer_open(&s->bulk, s->conf.context, &conf, now_ms);
    if (err)
        return err;
    peer_run(s->bulk, &s->conf.run, s->conf.epoch);
    peer_on(s->bulk, MSG_WREQ, on_wreq, s);
    peer_on(s->bulk, MSG_WELCOME, on_welcome, s);
    return loop_socket(s->conf.loop, peer_socket(s->bulk), peer_readable, s->bulk);
}

enum err serve_tick(struct serve *s, int64_t now_ms)
{
    enum err err = s->bulk ? peer_tick(s->bulk, now_ms) : OK;

    return err ? err : pump(s);
}
