#include "learner/fleet/serve.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct serve {
    struct serve_conf conf;
    struct curve_keys keys; /* the fleet's, with the bulk port's public key as the server's */
    struct blob_store *store;
    struct handover *here; /* NULL: another process gives, or the system will not */
    struct peer *bulk;
    char *endpoint;
    bool offer; /* an OFFER is due */
};

static enum err someone_here(void *self, int64_t now_ms)
{
    return handover_readable(((struct serve *)self)->here, now_ms);
}

static enum err watch_fd(void *self, int fd)
{
    struct serve *s = self;

    return loop_fd(s->conf.loop, fd, someone_here, s);
}

static void unwatch_fd(void *self, int fd)
{
    loop_unfd(((struct serve *)self)->conf.loop, fd);
}

/* Without it everything goes over the wire. */
void serve_new(struct serve **out, const struct serve_conf *conf)
{
    struct serve *s = mem_new(1, sizeof *s);
    const struct handover_conf here = {conf->run, watch_fd, unwatch_fd, s};

    s->conf = *conf;
    blob_store_new(&s->store);
    if (handover_open(&s->here, &here))
        log_info("handover", "state=off reason=\"%s\"", err_text());
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
    handover_close(s->here);
    blob_store_free(s->store);
    curve_wipe(&s->keys);
    free(s->endpoint);
    free(s);
}

enum err serve_add(struct serve *s, const struct artifact *what, const void *bytes)
{
    s->offer = true;
    return blob_store_add(s->store, what, bytes, what->bytes, NULL, NULL, NULL);
}

static void release(void *shared)
{
    shared_memory_free(shared);
}

enum err serve_shared(struct serve *s, const struct artifact *what,
                      struct shared_memory *shared, const struct hash *digest)
{
    enum err err;

    s->offer = true;
    err =
        blob_store_add(s->store, what, shared_memory_bytes(shared), shared_memory_size(shared),
                       digest, release, shared_memory_share(shared));
    if (err)
        shared_memory_free(shared);
    else if (s->here)
        handover_put(s->here, &what->hash, shared);
    return err;
}

void serve_remove(struct serve *s, const struct hash *hash)
{
    s->offer = true;
    if (s->here)
        handover_remove(s->here, hash);
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
        msg.offer.artifact = blob_store_list(s->store, &msg.offer.n_artifact);
        err = peer_send(s->bulk, &msg);
        s->offer = err != OK;
    }
    while (!err && blob_store_next(s->store, &msg)) {
        err = peer_send(s->bulk, &msg);
        if (err == ERR_RANGE) { /* asked for what no message holds: its asker waits in vain */
            log_warn("no-answer", "reason=\"%s\"", err_text());
            err = OK;
        }
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

void serve_epoch(struct serve *s, uint64_t epoch)
{
    s->conf.epoch = epoch;
    if (s->bulk)
        peer_run(s->bulk, &s->conf.run, epoch);
}

enum err serve_tick(struct serve *s, int64_t now_ms)
{
    enum err err = s->bulk ? peer_tick(s->bulk, now_ms) : OK;

    return err ? err : pump(s);
}
