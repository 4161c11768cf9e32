#include "proto/fetch.h"

#include "base/mem.h"
#include "proto/curve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fetch {
    struct fetch_conf conf;
    struct curve_keys keys; /* the fleet's, with the bulk port's public key as the server's */
    char *endpoint;
    struct peer *bulk;
    struct blob_pull *pull[FETCH_MAX];
    uint64_t chunks;
    char note[192];
};

void fetch_new(struct fetch **out, const struct fetch_conf *conf)
{
    struct fetch *fetch = mem_new(1, sizeof *fetch);

    fetch->conf = *conf;
    *out = fetch;
}

static void hang_up(struct fetch *fetch)
{
    if (!fetch->bulk)
        return;
    fetch->conf.unwatch(fetch->conf.self, peer_socket(fetch->bulk));
    peer_close(fetch->bulk);
    fetch->bulk = NULL;
}

void fetch_drop_all(struct fetch *fetch)
{
    for (int i = 0; i < FETCH_MAX; i++) {
        blob_pull_free(fetch->pull[i]);
        fetch->pull[i] = NULL;
    }
}

void fetch_free(struct fetch *fetch)
{
    if (!fetch)
        return;
    hang_up(fetch);
    fetch_drop_all(fetch);
    curve_wipe(&fetch->keys);
    free(fetch->endpoint);
    free(fetch);
}

/* Sends what is due. A request that cannot go out now is asked for again. */
static void ask(struct fetch *fetch, int64_t now_ms)
{
    for (int i = 0; i < FETCH_MAX; i++) {
        struct msg msg;
        if (!fetch->pull[i] || !fetch->bulk || !peer_welcome(fetch->bulk))
            continue;
        while (blob_pull_ask(fetch->pull[i], &msg, now_ms))
            if (peer_send(fetch->bulk, &msg)) {
                blob_pull_lost(fetch->pull[i], &msg);
                break;
            }
    }
}

static enum err on_chunk(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch *fetch = self;

    for (int i = 0; i < FETCH_MAX; i++) {
        struct blob_pull *pull = fetch->pull[i];
        if (!pull || !blob_pull_take(pull, &msg->wchunk, now_ms))
            continue;
        fetch->chunks++;
        if (blob_pull_done(pull)) {
            const struct artifact what = *blob_pull_what(pull);
            size_t n;
            void *bytes = blob_pull_detach(pull, &n);
            enum err err;
            fetch->pull[i] = NULL;
            err = fetch->conf.got(fetch->conf.self, &what, bytes, n, now_ms);
            blob_pull_free(pull);
            if (err)
                return err;
        }
        break;
    }
    ask(fetch, now_ms);
    return OK;
}

static enum err on_none(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch *fetch = self;

    for (int i = 0; i < FETCH_MAX; i++)
        if (fetch->pull[i] && blob_pull_none(fetch->pull[i], &msg->wnone, now_ms))
            break;
    return OK;
}

/* Perhaps after a cut: what was asked for on the old connection will not come. */
static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch *fetch = self;

    (void)msg;
    for (int i = 0; i < FETCH_MAX; i++)
        if (fetch->pull[i])
            blob_pull_cut(fetch->pull[i]);
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

bool fetch_wants(const struct fetch *fetch, const struct hash *hash)
{
    for (int i = 0; i < FETCH_MAX; i++)
        if (fetch->pull[i] && hash_same(&blob_pull_what(fetch->pull[i])->hash, hash))
            return true;
    return false;
}

enum err fetch_want(struct fetch *fetch, const struct artifact *what)
{
    if (fetch_wants(fetch, &what->hash))
        return OK;
    for (int i = 0; i < FETCH_MAX; i++)
        if (!fetch->pull[i])
            return blob_pull_new(&fetch->pull[i], what);
    return err_set(ERR_RANGE, "%d artifacts are on their way already", FETCH_MAX);
}

void fetch_drop(struct fetch *fetch, const struct hash *hash)
{
    for (int i = 0; i < FETCH_MAX; i++)
        if (fetch->pull[i] && hash_same(&blob_pull_what(fetch->pull[i])->hash, hash)) {
            blob_pull_free(fetch->pull[i]);
            fetch->pull[i] = NULL;
        }
}

enum err fetch_tick(void *self, int64_t now_ms)
{
    struct fetch *fetch = self;
    enum err err;

    if (!fetch->bulk)
        return OK;
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
        const struct blob_pull *pull = fetch->pull[i];
        struct blob_pull_stats stats;
        if (!pull)
            continue;
        stats = blob_pull_stats(pull);
        snprintf(fetch->note, sizeof fetch->note, "%s: %zu of %zu chunks%s%s",
                 blob_pull_what(pull)->name, (size_t)(stats.chunks - stats.missing),
                 (size_t)stats.chunks, *stats.reason ? ", last answer: " : "", stats.reason);
        return fetch->note;
    }
    return "";
}
