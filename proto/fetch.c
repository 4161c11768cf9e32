/* Each artifact on its way is a `want`. It is asked for as pages first (pages.h); when nobody of
 * this host has them, over the bulk connection in chunks (blob_pull). What has arrived is given
 * to the owner and forgotten here.
 *
 * The bulk connection is opened with the first want and stays. A cut costs only what was under
 * way: chunks that have come are kept. */

#include "proto/fetch.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/printable.h"
#include "proto/curve.h"
#include "proto/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An artifact on its way: over the wire if there is `pull`, else as pages. */
struct want {
    struct artifact what;
    char *name;
    bool used;
    char why[128]; /* there is no room for it here, and nobody asks again; else "" */
    struct blob_pull *pull;
};

struct fetch {
    struct fetch_conf conf;
    struct curve_keys keys; /* the fleet's, with the bulk port's public key as the server's */
    char *endpoint;
    struct peer *bulk;
    struct pages *pages;
    struct want want[FETCH_MAX];
    uint64_t chunks;
    char note[192];
};

static void hang_up(struct fetch *fetch)
{
    if (!fetch->bulk)
        return;
    fetch->conf.unwatch(fetch->conf.self, peer_socket(fetch->bulk));
    peer_close(fetch->bulk);
    fetch->bulk = NULL;
}

static void drop(struct fetch *fetch, struct want *want)
{
    if (want->used)
        pages_drop(fetch->pages, &want->what.hash);
    blob_pull_free(want->pull);
    free(want->name);
    memset(want, 0, sizeof *want);
}

void fetch_drop_all(struct fetch *fetch)
{
    for (int i = 0; i < FETCH_MAX; i++)
        drop(fetch, &fetch->want[i]);
}

void fetch_free(struct fetch *fetch)
{
    if (!fetch)
        return;
    hang_up(fetch);
    fetch_drop_all(fetch);
    pages_free(fetch->pages);
    curve_wipe(&fetch->keys);
    free(fetch->endpoint);
    free(fetch);
}

/* ---- over the wire */

/* Sends what is due. A request that cannot go out now is asked for again. */
static void ask(struct fetch *fetch, int64_t now_ms)
{
    for (int i = 0; i < FETCH_MAX; i++) {
        struct blob_pull *const pull = fetch->want[i].pull;
        struct msg msg;
        if (!pull || !fetch->bulk || !peer_welcome(fetch->bulk))
            continue;
        while (blob_pull_ask(pull, &msg, now_ms))
            if (peer_send(fetch->bulk, &msg)) {
                blob_pull_lost(pull, &msg);
                break;
            }
    }
}

/* Hands over what has come whole. */
static enum err hand(struct fetch *fetch, struct want *want, struct shared_memory *shared,
                     int64_t now_ms)
{
    struct want whole = *want;
    enum err err;

    memset(want, 0, sizeof *want); /* `got` may want the next one */
    err = fetch->conf.got(fetch->conf.self, &whole.what, shared, now_ms);
    drop(fetch, &whole);
    return err;
}

static enum err on_chunk(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch *fetch = self;

    for (int i = 0; i < FETCH_MAX; i++) {
        struct want *const want = &fetch->want[i];
        struct shared_memory *shared;
        enum err err;
        if (!want->pull || !blob_pull_take(want->pull, &msg->wchunk, now_ms))
            continue;
        fetch->chunks++;
        err = blob_pull_detach(want->pull, &shared);
        if (!err && shared)
            err = hand(fetch, want, shared, now_ms);
        if (err)
            return err;
        break;
    }
    ask(fetch, now_ms);
    return OK;
}

static enum err on_none(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch *fetch = self;

    for (int i = 0; i < FETCH_MAX; i++)
        if (fetch->want[i].pull && blob_pull_none(fetch->want[i].pull, &msg->wnone, now_ms))
            break;
    return OK;
}

/* Perhaps after a cut: what was asked for on the old connection will not come. */
static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch *fetch = self;

    (void)msg;
    for (int i = 0; i < FETCH_MAX; i++)
        if (fetch->want[i].pull)
            blob_pull_cut(fetch->want[i].pull);
    ask(fetch, now_ms);
    return OK;
}

enum err fetch_endpoint(struct fetch *fetch, const char *bulk, const char *bulk_key,
                        int64_t now_ms)
{
    struct peer_conf conf = {.role = fetch->conf.role,
                             .broker = bulk,
                             .name = fetch->conf.name,
                             .id = fetch->conf.id,
                             .incarnation = fetch->conf.incarnation};
    enum err err;

    if (!*bulk) /* a broker without artifacts: what is wanted waits */
        return OK;
    if (fetch->bulk && fetch->endpoint && !strcmp(fetch->endpoint, bulk))
        return OK;
    hang_up(fetch);
    free(fetch->endpoint);
    fetch->endpoint = mem_text(bulk);
    conf.broker = fetch->endpoint;
    if (fetch->conf.keys) {
        fetch->keys = *fetch->conf.keys;
        if (*bulk_key)
            snprintf(fetch->keys.server_key, sizeof fetch->keys.server_key, "%s", bulk_key);
        conf.keys = &fetch->keys;
    }
    err = peer_open(&fetch->bulk, fetch->conf.context, &conf, now_ms);
    if (err)
        return err;
    peer_on(fetch->bulk, MSG_WCHUNK, on_chunk, fetch);
    peer_on(fetch->bulk, MSG_WNONE, on_none, fetch);
    peer_on(fetch->bulk, MSG_WELCOME, on_welcome, fetch);
    return fetch->conf.watch(fetch->conf.self, peer_socket(fetch->bulk));
}

/* ---- as pages */

void fetch_run(struct fetch *fetch, const struct id *run)
{
    pages_run(fetch->pages, run);
}

static enum err over_the_wire(struct want *want)
{
    const enum err err = blob_pull_new(&want->pull, &want->what);

    if (!err || err == ERR_IO)
        return err;
    log_warn("no-room", "reason=\"%s\"", err_text());
    printable(want->why, sizeof want->why, err_text(), strlen(err_text()), PRINTABLE_LINE);
    return OK;
}

/* The answer of this host: the pages, or the wire from now on. */
static enum err answer(void *self, const struct hash *hash, struct shared_memory *shared,
                       int64_t now_ms)
{
    struct fetch *fetch = self;

    for (int i = 0; i < FETCH_MAX; i++) {
        struct want *const want = &fetch->want[i];
        if (!want->used || want->pull || !hash_same(&want->what.hash, hash))
            continue;
        if (!shared)
            return over_the_wire(want);
        fetch->chunks++;
        return hand(fetch, want, shared, now_ms);
    }
    shared_memory_free(shared);
    return OK;
}

enum err fetch_handed(void *self, int64_t now_ms)
{
    struct fetch *fetch = self;
    const enum err err = pages_readable(fetch->pages, now_ms);

    if (!err)
        ask(fetch, now_ms);
    return err;
}

static enum err watch_fd(void *self, int fd)
{
    const struct fetch *fetch = self;

    return fetch->conf.watch_fd(fetch->conf.self, fd);
}

static void unwatch_fd(void *self, int fd)
{
    const struct fetch *fetch = self;

    fetch->conf.unwatch_fd(fetch->conf.self, fd);
}

void fetch_new(struct fetch **out, const struct fetch_conf *conf)
{
    struct fetch *fetch = mem_new(1, sizeof *fetch);
    const struct pages_conf pages = {
        .watch = watch_fd, .unwatch = unwatch_fd, .answer = answer, .self = fetch};

    fetch->conf = *conf;
    pages_new(&fetch->pages, &pages);
    *out = fetch;
}

/* ---- both */

bool fetch_wants(const struct fetch *fetch, const struct hash *hash)
{
    for (int i = 0; i < FETCH_MAX; i++)
        if (fetch->want[i].used && hash_same(&fetch->want[i].what.hash, hash))
            return true;
    return false;
}

enum err fetch_want(struct fetch *fetch, const struct artifact *what)
{
    struct want *want = NULL;
    enum err err = OK;

    if (fetch_wants(fetch, &what->hash))
        return OK;
    for (int i = 0; i < FETCH_MAX && !want; i++)
        if (!fetch->want[i].used)
            want = &fetch->want[i];
    if (!want)
        return err_set(ERR_RANGE, "%d artifacts are on their way already", FETCH_MAX);
    want->used = true;
    want->what = *what;
    want->name = mem_text(what->name ? what->name : "");
    want->what.name = want->name;
    if (!pages_want(fetch->pages, &want->what))
        err = blob_pull_new(&want->pull, &want->what);
    if (err)
        drop(fetch, want);
    return err;
}

void fetch_drop(struct fetch *fetch, const struct hash *hash)
{
    for (int i = 0; i < FETCH_MAX; i++)
        if (fetch->want[i].used && hash_same(&fetch->want[i].what.hash, hash))
            drop(fetch, &fetch->want[i]);
}

enum err fetch_tick(void *self, int64_t now_ms)
{
    struct fetch *fetch = self;
    enum err err = pages_tick(fetch->pages, now_ms);

    if (err || !fetch->bulk)
        return err;
    err = peer_tick(fetch->bulk, now_ms);
    if (!err)
        ask(fetch, now_ms);
    return err;
}

enum err fetch_readable(void *self, int64_t now_ms)
{
    struct fetch *fetch = self;

    return fetch->bulk ? peer_readable(fetch->bulk, now_ms) : OK;
}

uint64_t fetch_chunks(const struct fetch *fetch)
{
    return fetch->chunks;
}

const char *fetch_note(struct fetch *fetch)
{
    for (int i = 0; i < FETCH_MAX; i++) {
        const struct want *want = &fetch->want[i];
        struct blob_pull_stats stats;
        if (*want->why)
            return want->why;
        if (!want->pull)
            continue;
        stats = blob_pull_stats(want->pull);
        snprintf(fetch->note, sizeof fetch->note, "%s: %zu of %zu chunks%s%s", want->name,
                 (size_t)stats.chunks, (size_t)(stats.chunks + stats.missing),
                 *stats.reason ? ", last answer: " : "", stats.reason);
        return fetch->note;
    }
    return "";
}
