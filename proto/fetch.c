/* Each artifact on its way is a `want`. It is asked for as pages first (pages.h); when nobody of
 * this host has them, over the wire (fetch_wire.h). What has arrived is given to the owner and
 * forgotten here. */

#include "proto/fetch.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/printable.h"
#include "proto/fetch_wire.h"
#include "proto/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An artifact on its way: as pages, or over the wire. */
struct want {
    struct artifact what;
    char *name;
    bool used;
    char why[128]; /* there is no room for it here, and nobody asks again; else "" */
};

struct fetch {
    struct fetch_conf conf;
    struct pages *pages;
    struct fetch_wire *wire;
    struct want want[FETCH_MAX];
    uint64_t pages_taken;
    char note[320];
};

static void drop(struct fetch *fetch, struct want *want)
{
    if (want->used) {
        pages_drop(fetch->pages, &want->what.hash);
        fetch_wire_drop(fetch->wire, &want->what.hash);
    }
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
    fetch_drop_all(fetch);
    pages_free(fetch->pages);
    fetch_wire_free(fetch->wire);
    free(fetch);
}

/* Hands over what is here whole. */
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

static struct want *find(struct fetch *fetch, const struct hash *hash)
{
    for (int i = 0; i < FETCH_MAX; i++)
        if (fetch->want[i].used && hash_same(&fetch->want[i].what.hash, hash))
            return &fetch->want[i];
    return NULL;
}

/* ---- over the wire */

static enum err whole(void *self, const struct artifact *what, struct shared_memory *shared,
                      const struct hash *digest, int64_t now_ms)
{
    struct fetch *const fetch = self;
    struct want *const want = find(fetch, &what->hash);

    (void)digest;
    if (want)
        return hand(fetch, want, shared, now_ms);
    shared_memory_free(shared);
    return OK;
}

enum err fetch_endpoint(struct fetch *fetch, const char *bulk, const char *bulk_key,
                        int64_t now_ms)
{
    return fetch_wire_endpoint(fetch->wire, bulk, bulk_key, now_ms);
}

enum err fetch_serve(struct fetch *fetch, const char *endpoint)
{
    return fetch_wire_serve(fetch->wire, endpoint);
}

static enum err over_the_wire(struct fetch *fetch, struct want *want)
{
    const enum err err = fetch_wire_want(fetch->wire, &want->what);

    if (!err || err == ERR_IO)
        return err;
    log_warn("no-room", "reason=\"%s\"", err_text());
    printable(want->why, sizeof want->why, err_text(), strlen(err_text()), PRINTABLE_LINE);
    return OK;
}

/* ---- as pages */

void fetch_run(struct fetch *fetch, const struct id *run)
{
    pages_run(fetch->pages, run);
}

/* The answer of this host: the pages, or the wire from now on. */
static enum err answer(void *self, const struct hash *hash, struct shared_memory *shared,
                       int64_t now_ms)
{
    struct fetch *const fetch = self;
    struct want *const want = find(fetch, hash);

    if (want && !shared)
        return over_the_wire(fetch, want);
    if (want) {
        fetch->pages_taken++;
        return hand(fetch, want, shared, now_ms);
    }
    shared_memory_free(shared);
    return OK;
}

enum err fetch_handed(void *self, int64_t now_ms)
{
    struct fetch *fetch = self;

    return pages_readable(fetch->pages, now_ms);
}

static enum err watch(void *self, void *socket)
{
    const struct fetch *fetch = self;

    return fetch->conf.watch(fetch->conf.self, socket);
}

static void unwatch(void *self, void *socket)
{
    const struct fetch *fetch = self;

    fetch->conf.unwatch(fetch->conf.self, socket);
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
    const struct fetch_wire_conf wire = {.context = conf->context,
                                         .peer = {.role = conf->role,
                                                  .keys = conf->keys,
                                                  .name = conf->name,
                                                  .id = conf->id,
                                                  .incarnation = conf->incarnation},
                                         .watch = watch,
                                         .unwatch = unwatch,
                                         .whole = whole,
                                         .self = fetch};

    fetch->conf = *conf;
    pages_new(&fetch->pages, &pages);
    fetch_wire_new(&fetch->wire, &wire);
    *out = fetch;
}

/* ---- both */

bool fetch_wants(const struct fetch *fetch, const struct hash *hash)
{
    return find((struct fetch *)fetch, hash) != NULL;
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
        err = fetch_wire_want(fetch->wire, &want->what);
    if (err)
        drop(fetch, want);
    return err;
}

void fetch_drop(struct fetch *fetch, const struct hash *hash)
{
    struct want *const want = find(fetch, hash);

    if (want)
        drop(fetch, want);
}

enum err fetch_tick(void *self, int64_t now_ms)
{
    struct fetch *fetch = self;
    const enum err err = pages_tick(fetch->pages, now_ms);

    return err ? err : fetch_wire_tick(fetch->wire, now_ms);
}

enum err fetch_readable(void *self, int64_t now_ms)
{
    struct fetch *fetch = self;

    return fetch_wire_readable(fetch->wire, now_ms);
}

/* ---- how it goes */

uint64_t fetch_pieces(const struct fetch *fetch)
{
    return fetch->pages_taken + fetch_wire_pieces(fetch->wire);
}

uint64_t fetch_bytes(const struct fetch *fetch)
{
    return fetch_wire_bytes(fetch->wire);
}

double fetch_rate(const struct fetch *fetch)
{
    return fetch_wire_rate(fetch->wire);
}

double fetch_share(const struct fetch *fetch, const struct hash *hash)
{
    const struct blob_pull *const pull = fetch_wire_pull(fetch->wire, hash);
    const struct blob_pull_stats stats =
        pull ? blob_pull_stats(pull) : (struct blob_pull_stats){0};
    const uint64_t all = stats.chunks + stats.missing;

    return all ? (double)stats.chunks / (double)all : 0;
}

const char *fetch_note(struct fetch *fetch)
{
    for (int i = 0; i < FETCH_MAX; i++) {
        const struct want *want = &fetch->want[i];
        const struct blob_pull *const pull =
            want->used ? fetch_wire_pull(fetch->wire, &want->what.hash) : NULL;
        struct blob_pull_stats stats;
        const char *from;
        if (*want->why)
            return want->why;
        if (!pull)
            continue;
        stats = blob_pull_stats(pull);
        from = fetch_wire_from(fetch->wire, &want->what.hash);
        snprintf(fetch->note, sizeof fetch->note, "%s: %zu of %zu chunks%s%.64s%s%s",
                 want->name, (size_t)stats.chunks, (size_t)(stats.chunks + stats.missing),
                 *from ? " from " : "", from, *stats.reason ? ", last answer: " : "",
                 stats.reason);
        return fetch->note;
    }
    return "";
}
