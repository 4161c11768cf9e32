/* What is wanted here (a pull each), and what is here for others: both stand in one store, so that
 * what has come of a pull is given on while the rest still comes. Requests of others come by two
 * ways: by the broker, over the connection to its bulk port, and from guests (serving.c). From
 * whom a pull takes its pieces is fetch_source.c's. */

#include "proto/fetch_wire.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/fetch_state.h"
#include "proto/serving.h"

#include <stdlib.h>
#include <string.h>

void fetch_wire_new(struct fetch_wire **out, const struct fetch_wire_conf *conf)
{
    struct fetch_wire *const wire = mem_new(1, sizeof *wire);

    wire->conf = *conf;
    for (int i = 0; i < FETCH_SOURCES; i++)
        wire->source[i].wire = wire;
    blob_store_new(&wire->store);
    blob_asks_new(&wire->asks, SERVING_ASKS);
    *out = wire;
}

static void drop(struct fetch_wire *wire, struct fetch_pull *pull)
{
    if (!pull->blob)
        return;
    blob_store_remove(wire->store, &blob_pull_what(pull->blob)->hash);
    blob_pull_free(pull->blob);
    free(pull->failed);
    memset(pull, 0, sizeof *pull);
}

void fetch_wire_free(struct fetch_wire *wire)
{
    if (!wire)
        return;
    serving_close(wire->serving);
    for (int i = 0; i < FETCH_SOURCES; i++)
        fetch_source_close(&wire->source[i]);
    for (int i = 0; i < FETCH_WIRE_PULLS; i++)
        drop(wire, &wire->pull[i]);
    blob_asks_free(wire->asks);
    blob_store_free(wire->store);
    free(wire);
}

/* ---- what we have for others */

static bool said(struct fetch_wire *wire, struct msg *msg)
{
    return !peer_send(wire->source[FETCH_BROKER].peer, msg);
}

static bool say_none(struct fetch_wire *wire, const struct hash *hash, uint64_t route,
                     const char *reason)
{
    struct msg msg = {.head.type = MSG_WNONE, .wnone = {route, *hash, reason}};

    return said(wire, &msg);
}

/* What the broker is to know, or has asked for, until the pipe is full. */
void fetch_wire_pump(struct fetch_wire *wire)
{
    struct peer *const bulk = wire->source[FETCH_BROKER].peer;
    struct msg msg;

    if (wire->serving)
        serving_pump(wire->serving);
    if (!bulk || !peer_welcome(bulk))
        return;
    for (int i = 0; i < FETCH_WIRE_PULLS; i++) {
        struct fetch_pull *const pull = &wire->pull[i];
        if (!pull->failed || !pull->blob ||
            !say_none(wire, &blob_pull_what(pull->blob)->hash, 0, pull->failed))
            continue;
        free(pull->failed);
        pull->failed = NULL;
    }
    if (wire->offer && wire->conf.peer.role != ROLE_FOLLOWER) {
        memset(&msg, 0, sizeof msg);
        msg.head.type = MSG_OFFER;
        msg.offer.artifact = blob_store_list(wire->store, &msg.offer.n_artifact);
        wire->offer = !said(wire, &msg);
    }
    while (blob_asks_next(wire->asks, wire->store, &msg) && said(wire, &msg))
        blob_asks_sent(wire->asks);
}

static enum err on_wreq(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch_wire *const wire = self;

    (void)now_ms;
    if (blob_asks_add(wire->asks, &msg->wreq) &&
        !say_none(wire, &msg->wreq.hash, msg->wreq.route, "too many requests wait here"))
        log_debug("no-answer", "reason=\"%s\"", err_text());
    fetch_wire_pump(wire);
    return OK;
}

enum err fetch_wire_say(struct fetch_wire *wire, struct msg *msg)
{
    struct peer *const bulk = wire->source[FETCH_BROKER].peer;

    return bulk && peer_welcome(bulk) ? peer_send(bulk, msg)
                                      : err_set(ERR_STATE, "no connection to the bulk port");
}

static enum err on_offer(void *self, const struct msg *msg, int64_t now_ms)
{
    const struct fetch_wire *const wire = self;

    (void)now_ms;
    wire->conf.offered(wire->conf.self, &msg->offer);
    return OK;
}

static enum err on_guests(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch_wire *const wire = self;

    if (wire->serving)
        serving_guests(wire->serving, msg->guests.key, msg->guests.n_key, now_ms);
    return OK;
}

enum err fetch_wire_endpoint(struct fetch_wire *wire, const char *bulk, const char *bulk_key,
                             int64_t now_ms)
{
    const enum err err = fetch_source_endpoint(wire, bulk, bulk_key, now_ms);
    struct peer *const peer = wire->source[FETCH_BROKER].peer;

    if (err || !peer)
        return err;
    peer_on(peer, MSG_WREQ, on_wreq, wire);
    peer_on(peer, MSG_GUESTS, on_guests, wire);
    peer_on(peer, MSG_OFFER, on_offer, wire);
    return OK;
}

enum err fetch_wire_serve(struct fetch_wire *wire, const char *endpoint)
{
    const struct serving_conf conf = {.context = wire->conf.context,
                                      .endpoint = endpoint,
                                      .keys = wire->conf.peer.keys,
                                      .store = wire->store,
                                      .watch = wire->conf.watch,
                                      .unwatch = wire->conf.unwatch,
                                      .self = wire->conf.self};

    return serving_open(&wire->serving, &conf);
}

/* ---- time */

enum err fetch_wire_tick(struct fetch_wire *wire, int64_t now_ms)
{
    enum err err = wire->serving ? serving_tick(wire->serving, now_ms) : OK;

    if (!err)
        err = fetch_source_tick(wire, now_ms);
    if (!err)
        fetch_wire_pump(wire);
    return err;
}

enum err fetch_wire_readable(struct fetch_wire *wire, int64_t now_ms)
{
    enum err err = wire->serving ? serving_readable(wire->serving, now_ms) : OK;

    for (int i = 0; i < FETCH_SOURCES && !err; i++)
        if (wire->source[i].peer)
            err = peer_readable(wire->source[i].peer, now_ms);
    return err;
}

/* ---- what is wanted, what is here */

enum err fetch_wire_want(struct fetch_wire *wire, const struct artifact *what)
{
    struct fetch_pull *pull = NULL;
    enum err err;

    if (fetch_source_pull(wire, &what->hash))
        return OK;
    for (int i = 0; i < FETCH_WIRE_PULLS && !pull; i++)
        if (!wire->pull[i].blob)
            pull = &wire->pull[i];
    if (!pull)
        return err_set(ERR_RANGE, "%d artifacts are on their way already", FETCH_WIRE_PULLS);
    err = blob_pull_new(&pull->blob, what);
    if (err)
        return err;
    pull->age = ++wire->ages;
    pull->from = FETCH_BROKER;
    pull->before = pull->next = FETCH_NOBODY;
    blob_store_pull(wire->store, pull->blob);
    return OK;
}

void fetch_wire_drop(struct fetch_wire *wire, const struct hash *hash)
{
    struct fetch_pull *const pull = fetch_source_pull(wire, hash);

    if (pull)
        drop(wire, pull);
}

struct hash *fetch_wire_end(struct fetch_wire *wire, const struct hash *hash)
{
    struct fetch_pull *const pull = fetch_source_pull(wire, hash);
    const struct hash *const from = pull ? blob_pull_digest(pull->blob) : NULL;
    const size_t chunks = pull ? blob_chunks(blob_pull_what(pull->blob)->bytes) : 0;
    struct hash *const digest = from ? mem_new(chunks + 1, sizeof *digest) : NULL;

    if (digest)
        memcpy(digest, from, chunks * sizeof *digest);
    fetch_wire_drop(wire, hash);
    return digest;
}

struct blob_pull *fetch_wire_pull(const struct fetch_wire *wire, const struct hash *hash)
{
    const struct fetch_pull *const pull = fetch_source_pull(wire, hash);

    return pull ? pull->blob : NULL;
}

const char *fetch_wire_from(const struct fetch_wire *wire, const struct hash *hash)
{
    const struct fetch_pull *const pull = fetch_source_pull(wire, hash);
    const char *const endpoint = pull ? wire->source[pull->from].endpoint : NULL;

    return endpoint ? endpoint : "";
}

static void release(void *shared)
{
    shared_memory_free(shared);
}

enum err fetch_wire_put(struct fetch_wire *wire, const struct artifact *what,
                        struct shared_memory *shared, const struct hash *digest)
{
    uint32_t n;
    enum err err;

    blob_store_list(wire->store, &n);
    if (fetch_wire_holds(wire, &what->hash))
        return OK;
    if (n >= FETCH_WIRE_OFFERED)
        return err_set(ERR_RANGE, "%d artifacts are offered already", FETCH_WIRE_OFFERED);
    err = blob_store_add(wire->store, what, shared_memory_bytes(shared),
                         shared_memory_size(shared), digest, release,
                         shared_memory_share(shared));
    if (err)
        shared_memory_free(shared);
    else
        wire->offer = true;
    return err;
}

void fetch_wire_let_go(struct fetch_wire *wire, const struct hash *hash)
{
    if (fetch_source_pull(wire, hash)) /* a pull of it is its own */
        return;
    blob_store_remove(wire->store, hash);
    wire->offer = true;
}

unsigned fetch_wire_holds(const struct fetch_wire *wire, const struct hash *hash)
{
    size_t n;

    return blob_store_find(wire->store, hash, &n) != NULL;
}

uint64_t fetch_wire_pieces(const struct fetch_wire *wire)
{
    return wire->pieces;
}

uint64_t fetch_wire_bytes(const struct fetch_wire *wire)
{
    return wire->pace.total;
}

double fetch_wire_rate(const struct fetch_wire *wire)
{
    return pace_rate(&wire->pace);
}
