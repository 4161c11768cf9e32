/* Two ways out for the same artifacts. Over the wire: a connection to the broker's bulk port, on
 * which the learner offers what it has and sends what is asked for, one chunk after another until
 * the pipe is full (pump), so that a slow one holds nobody up. Within the host: pages handed
 * over by descriptor, which cost nothing; where the system will not, the wire serves all. There
 * the learner is one of those who hold something, and gives if it came first; it pulls nothing.
 *
 * What is shared out is counted by the pages themselves: removing an artifact here takes it off
 * the offer, and whoever has it mapped keeps it. */

#include "learner/fleet/fleet_bulk.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fleet_bulk {
    struct fleet_bulk_conf conf;
    struct curve_keys keys; /* the fleet's, with the bulk port's public key as the server's */
    struct blob_store *store;
    struct pages *here;
    struct peer *bulk;
    char *endpoint;
    bool offer;           /* an OFFER is due */
    struct artifact *own; /* fleet_bulk_list's */
};

static enum err someone_here(void *self, int64_t now_ms)
{
    return pages_readable(((struct fleet_bulk *)self)->here, now_ms);
}

static enum err watch_fd(void *self, int fd)
{
    struct fleet_bulk *s = self;

    return loop_fd(s->conf.loop, fd, someone_here, s);
}

static void unwatch_fd(void *self, int fd)
{
    loop_unfd(((struct fleet_bulk *)self)->conf.loop, fd);
}

/* The learner lacks nothing. */
static enum err nothing(void *self, const struct hash *hash, struct shared_memory *shared,
                        int64_t now_ms)
{
    (void)self, (void)hash, (void)now_ms;
    shared_memory_free(shared);
    return OK;
}

void fleet_bulk_new(struct fleet_bulk **out, const struct fleet_bulk_conf *conf)
{
    struct fleet_bulk *s = mem_new(1, sizeof *s);
    const struct pages_conf here = {
        .watch = watch_fd, .unwatch = unwatch_fd, .answer = nothing, .self = s};

    s->conf = *conf;
    blob_store_new(&s->store);
    pages_new(&s->here, &here);
    pages_run(s->here, &conf->run);
    *out = s;
}

/* The loop must not watch a socket that is closed. */
static void hang_up(struct fleet_bulk *s)
{
    if (!s->bulk)
        return;
    loop_unsocket(s->conf.loop, peer_socket(s->bulk));
    peer_close(s->bulk);
    s->bulk = NULL;
}

void fleet_bulk_free(struct fleet_bulk *s)
{
    if (!s)
        return;
    hang_up(s);
    pages_free(s->here);
    blob_store_free(s->store);
    curve_wipe(&s->keys);
    free(s->endpoint);
    free(s->own);
    free(s);
}

enum err fleet_bulk_add(struct fleet_bulk *s, const struct artifact *what, const void *bytes)
{
    s->offer = true;
    return blob_store_add(s->store, what, bytes, what->bytes, NULL, NULL, NULL);
}

void fleet_bulk_here(struct fleet_bulk *s, const struct artifact *what,
                     struct shared_memory *shared)
{
    pages_put(s->here, what, shared);
}

static void release(void *shared)
{
    shared_memory_free(shared);
}

enum err fleet_bulk_shared(struct fleet_bulk *s, const struct artifact *what,
                           struct shared_memory *shared, const struct hash *digest)
{
    enum err err;

    s->offer = true;
    err =
        blob_store_add(s->store, what, shared_memory_bytes(shared), shared_memory_size(shared),
                       digest, release, shared_memory_share(shared));
    if (err)
        shared_memory_free(shared);
    else
        pages_put(s->here, what, shared);
    return err;
}

void fleet_bulk_remove(struct fleet_bulk *s, const struct hash *hash)
{
    s->offer = true;
    pages_remove(s->here, hash);
    blob_store_remove(s->store, hash);
}

/* Not what leads from one image to another: that is nothing that a run consists of, and comes and
 * goes; older workers would not know its kinds. */
const struct artifact *fleet_bulk_list(struct fleet_bulk *s, uint32_t *n)
{
    uint32_t all;
    const struct artifact *const list = blob_store_list(s->store, &all);

    s->own = mem_grow(s->own, all + 1, sizeof *s->own);
    *n = 0;
    for (uint32_t i = 0; i < all; i++)
        if (list[i].kind <= ARTIFACT_FILE)
            s->own[(*n)++] = list[i];
    return s->own;
}

/* What is due, until the pipe is full. */
static enum err pump(struct fleet_bulk *s)
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

/* Too many wait: nobody asks again for what is on its way, so it is told that nothing is. */
static enum err refuse(struct fleet_bulk *s, const struct msg_wreq *ask)
{
    struct msg msg = {
        .head.type = MSG_WNONE,
        .wnone = {.route = ask->route, .hash = ask->hash, .reason = "too many requests wait"}};
    const enum err err = peer_send(s->bulk, &msg);

    return err == ERR_STATE ? OK : err; /* a full pipe: the asker's own patience is left */
}

static enum err on_wreq(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet_bulk *s = self;

    (void)now_ms;
    if (msg->wreq.kind == CHUNK_WAYS)
        return s->conf.ways(s->conf.self, &msg->wreq);
    /* in the order in which they were asked for */
    if (blob_store_ask(s->store, &msg->wreq))
        return refuse(s, &msg->wreq);
    return pump(s);
}

static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet_bulk *s = self;

    (void)msg, (void)now_ms;
    blob_store_clear(s->store); /* of another connection: whoever lacks it asks again */
    s->offer = true;
    return pump(s);
}

enum err fleet_bulk_endpoint(struct fleet_bulk *s, const char *bulk, const char *bulk_key,
                             int64_t now_ms)
{
    struct peer_conf conf = s->conf.peer;
    enum err err;

    if (!*bulk || (s->bulk && !strcmp(s->endpoint, bulk)))
        return OK;
    hang_up(s);
    free(s->endpoint);
    s->endpoint = mem_text(bulk);
    conf.broker = s->endpoint;
    conf.hello = NULL; /* the run is told on the control connection; here it only gives */
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

/* In the head of whatever is sent from here on, as on the control connection. */
void fleet_bulk_epoch(struct fleet_bulk *s, uint64_t epoch)
{
    s->conf.epoch = epoch;
    if (s->bulk)
        peer_run(s->bulk, &s->conf.run, epoch);
}

enum err fleet_bulk_tick(struct fleet_bulk *s, int64_t now_ms)
{
    enum err err = pages_tick(s->here, now_ms);

    if (!err && s->bulk)
        err = peer_tick(s->bulk, now_ms);
    return err ? err : pump(s);
}
