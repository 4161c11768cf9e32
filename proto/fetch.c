/* Each artifact on its way is a `want`. It is asked for as pages first (pages.h); when nobody of
 * this host has or pulls them, over the wire (fetch_wire.h). What has arrived that way is put
 * there for others, of this host and elsewhere, and given to the owner. Where this process is
 * the giver of its host it also pulls what only others want (pull): that is theirs alone. An image
 * may be made of another one (fetch_ways.h): what that takes is pulled beside the wants.
 * The wire keeps a share of what it offers. `pages` finds out when nobody else has one any more,
 * and says so (let_go): so no owner has to take anything back. */

#include "proto/fetch.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/printable.h"
#include "proto/fetch_made.h"
#include "proto/fetch_view.h"
#include "proto/fetch_wire.h"
#include "proto/handover.h"
#include "proto/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An artifact on its way: as pages, or over the wire. */
struct want {
    struct artifact what;
    char *name;
    bool used, own, others; /* wanted by the owner, by others of this host */
    char why[128];          /* there is no room for it here, and nobody asks again; else "" */
};

struct fetch {
    struct fetch_conf conf;
    struct pages *pages;
    struct fetch_wire *wire;
    struct fetch_made made;
    struct fetch_ways *ways; /* NULL: its owner makes no image of another */
    struct want want[FETCH_MAX];
    char note[320];
};

static void drop(struct fetch *fetch, struct want *want)
{
    if (want->used) {
        fetch_ways_end(fetch->ways, &want->what.hash);
        fetch_wire_drop(fetch->wire, &want->what.hash);
    }
    free(want->name);
    memset(want, 0, sizeof *want);
}

/* The owner's part of it; others may wait on. */
static void disown(struct fetch *fetch, struct want *want)
{
    if (!want->own)
        return;
    want->own = false;
    want->others = want->others || pages_wanted(fetch->pages, &want->what.hash);
    pages_drop(fetch->pages, &want->what.hash);
    if (!want->others)
        drop(fetch, want);
}

void fetch_drop_all(struct fetch *fetch)
{
    for (int i = 0; i < FETCH_MAX; i++)
        disown(fetch, &fetch->want[i]);
    fetch_ways_forget(fetch->ways);
}

void fetch_free(struct fetch *fetch)
{
    if (!fetch)
        return;
    pages_free(fetch->pages);
    for (int i = 0; i < FETCH_MAX; i++)
        drop(fetch, &fetch->want[i]);
    fetch_ways_free(fetch->ways);
    fetch_wire_free(fetch->wire);
    free(fetch);
}

/* Hands over what is here whole. */
static enum err hand(struct fetch *fetch, struct want *want, struct shared_memory *shared,
                     int64_t now_ms)
{
    struct want whole = *want;
    enum err err = OK;

    memset(want, 0, sizeof *want); /* `got` may want the next one */
    fetch_ways_end(fetch->ways, &whole.what.hash);
    if (whole.own)
        err = fetch->conf.got(fetch->conf.self, &whole.what, shared, now_ms);
    else
        shared_memory_free(shared);
    free(whole.name);
    return err;
}

static struct want *find(struct fetch *fetch, const struct hash *hash)
{
    for (int i = 0; i < FETCH_MAX; i++)
        if (fetch->want[i].used && hash_same(&fetch->want[i].what.hash, hash))
            return &fetch->want[i];
    return NULL;
}

static enum err begin(struct fetch *fetch, const struct artifact *what, struct want **out)
{
    struct want *want = NULL;

    for (int i = 0; i < FETCH_MAX && !want; i++)
        if (!fetch->want[i].used)
            want = &fetch->want[i];
    *out = want;
    if (!want)
        return err_set(ERR_RANGE, "%d artifacts are on their way already", FETCH_MAX);
    want->used = true;
    want->what = *what;
    want->name = mem_text(what->name ? what->name : "");
    want->what.name = want->name;
    return OK;
}

/* ---- over the wire */

/* For others elsewhere, whom the digests spare hashing it; what cannot be offered is not. */
static void offer(struct fetch *fetch, const struct artifact *what,
                  struct shared_memory *shared, const struct hash *digest)
{
    if (fetch->conf.role == ROLE_FOLLOWER) /* which gives nothing */
        return;
    if (fetch_wire_put(fetch->wire, what, shared, digest))
        log_warn("not-offered", "name=%s reason=\"%s\"", what->name, err_text());
}

void fetch_put(struct fetch *fetch, const struct artifact *what, struct shared_memory *shared,
               const struct hash *digest)
{
    if (digest)
        offer(fetch, what, shared, digest);
    pages_put(fetch->pages, what, shared);
}

static enum err whole(void *self, const struct artifact *what, struct shared_memory *shared,
                      const struct hash *digest, int64_t now_ms)
{
    struct fetch *const fetch = self;
    struct want *const want = find(fetch, &what->hash);

    fetch_put(fetch, what, shared, digest);
    if (!fetch_ways_got(fetch->ways, what, shared))
        fetch_ways_hold(fetch->ways, what, shared);
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

/* And for an image it is asked whether less would do. */
static enum err ask_wire(struct fetch *fetch, const struct artifact *what)
{
    const enum err err = fetch_wire_want(fetch->wire, what);

    if (!err)
        fetch_ways_begin(fetch->ways, what);
    return err;
}

static enum err over_the_wire(struct fetch *fetch, struct want *want)
{
    const enum err err = ask_wire(fetch, &want->what);

    if (!err || err == ERR_IO)
        return err;
    log_warn("no-room", "reason=\"%s\"", err_text());
    printable(want->why, sizeof want->why, err_text(), strlen(err_text()), PRINTABLE_LINE);
    return OK;
}

/* ---- images made of others */

static bool is_wanted(void *self, const struct hash *hash)
{
    return find(self, hash) != NULL;
}

static void on_offer(void *self, const struct msg_offer *offer)
{
    fetch_ways_offer(((struct fetch *)self)->ways, offer);
}

static void on_connection(void *self)
{
    fetch_ways_again(((struct fetch *)self)->ways);
}

static void on_none(void *self, const struct hash *hash)
{
    fetch_ways_none(((struct fetch *)self)->ways, hash);
}

enum err fetch_rebuilt(struct fetch *fetch, struct fetch_rebuild *job, int64_t now_ms)
{
    const bool good = fetch_ways_built(fetch->ways, job);
    struct want *const want = good ? find(fetch, &job->of.hash) : NULL;
    enum err err = OK;

    if (want) {
        fetch_ways_hold(fetch->ways, &job->of, job->made);
        fetch_wire_drop(fetch->wire, &job->of.hash);
        fetch_put(fetch, &job->of, job->made, job->digest);
        err = hand(fetch, want, shared_memory_share(job->made), now_ms);
    }
    fetch_ways_rebuild_free(job);
    return err;
}

/* ---- as pages */

void fetch_run(struct fetch *fetch, const struct id *run)
{
    pages_run(fetch->pages, run);
}

/* What was on its way over the wire is here by another way. Others elsewhere may be taking it
 * from this pull: they go on with the pages. */
static void end_pull(struct fetch *fetch, const struct want *want, struct shared_memory *shared)
{
    struct hash *const digest = fetch_wire_end(fetch->wire, &want->what.hash);

    if (digest)
        offer(fetch, &want->what, shared, digest);
    free(digest);
}

/* The answer of this host: the pages, or the wire from now on. Pages may also come when the wire
 * has been asked already. */
static enum err answer(void *self, const struct hash *hash, struct shared_memory *shared,
                       int64_t now_ms)
{
    struct fetch *const fetch = self;
    struct want *const want = find(fetch, hash);

    if (want && !shared)
        return over_the_wire(fetch, want);
    if (want) {
        end_pull(fetch, want, shared);
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

/* Others of this host wait for it. */
static enum err pull(void *self, const struct artifact *what, int64_t now_ms)
{
    struct fetch *const fetch = self;
    struct want *want = find(fetch, &what->hash);
    enum err err = OK;

    (void)now_ms; /* it is asked for at the next tick */
    if (!want) {
        err = begin(fetch, what, &want);
        if (!err)
            err = ask_wire(fetch, &want->what);
        if (err && want)
            drop(fetch, want);
        if (err)
            return err;
    }
    want->others = true;
    return OK;
}

static void unpull(void *self, const struct hash *hash)
{
    struct want *const want = find(self, hash);

    if (!want)
        return;
    want->others = false;
    if (!want->own)
        drop(self, want);
}

static uint64_t progress(void *self, const struct hash *hash)
{
    const struct fetch *const fetch = self;
    const struct want *const want = find(self, hash);

    return want ? fetch_view_bytes(fetch->wire, fetch->ways, &want->what) : 0;
}

static unsigned shares(void *self, const struct hash *hash)
{
    return fetch_wire_holds(((struct fetch *)self)->wire, hash);
}

static void let_go(void *self, const struct hash *hash)
{
    fetch_wire_let_go(((struct fetch *)self)->wire, hash);
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
    const struct pages_conf pages = {.watch = watch_fd,
                                     .unwatch = unwatch_fd,
                                     .answer = answer,
                                     .pull = pull,
                                     .unpull = unpull,
                                     .progress = progress,
                                     .shares = shares,
                                     .let_go = let_go,
                                     .stopped = handover_stopped,
                                     .guest = conf->role == ROLE_FOLLOWER,
                                     .waits = true,
                                     .self = fetch};
    const struct fetch_wire_conf wire = {.context = conf->context,
                                         .peer = {.role = conf->role,
                                                  .keys = conf->keys,
                                                  .name = conf->name,
                                                  .id = conf->id,
                                                  .incarnation = conf->incarnation},
                                         .watch = watch,
                                         .unwatch = unwatch,
                                         .whole = whole,
                                         .none = on_none,
                                         .offered = on_offer,
                                         .again = on_connection,
                                         .self = fetch};

    fetch->conf = *conf;
    pages_new(&fetch->pages, &pages);
    fetch_wire_new(&fetch->wire, &wire);
    fetch->made = (struct fetch_made){fetch->wire, conf->rebuild, conf->self, is_wanted, fetch};
    if (conf->rebuild)
        fetch_made_new(&fetch->ways, &fetch->made);
    *out = fetch;
}

/* ---- both */

bool fetch_wants(const struct fetch *fetch, const struct hash *hash)
{
    const struct want *const want = find((struct fetch *)fetch, hash);

    return want && want->own;
}

enum err fetch_want(struct fetch *fetch, const struct artifact *what)
{
    struct want *want = find(fetch, &what->hash);
    enum err err = OK;

    if (want) { /* for others, so far */
        want->own = true;
        return OK;
    }
    err = begin(fetch, what, &want);
    if (err)
        return err;
    want->own = true;
    if (!pages_want(fetch->pages, &want->what))
        err = ask_wire(fetch, &want->what);
    if (!err)
        return OK;
    pages_drop(fetch->pages, &want->what.hash);
    drop(fetch, want);
    return err;
}

void fetch_drop(struct fetch *fetch, const struct hash *hash)
{
    struct want *const want = find(fetch, hash);

    if (want)
        disown(fetch, want);
}

enum err fetch_tick(void *self, int64_t now_ms)
{
    struct fetch *fetch = self;
    const enum err err = pages_tick(fetch->pages, now_ms);

    fetch_ways_tick(fetch->ways, now_ms);
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
    return pages_moved(fetch->pages) + fetch_wire_pieces(fetch->wire);
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
    return fetch_view_share(fetch->wire, fetch->ways, hash);
}

bool fetch_by_way(const struct fetch *fetch, const struct hash *hash)
{
    struct fetch_ways_parts parts;

    return fetch_ways_taken(fetch->ways, hash, &parts) || fetch_ways_builds(fetch->ways, hash);
}

const char *fetch_note(struct fetch *fetch)
{
    for (int i = 0; i < FETCH_MAX; i++) {
        const struct want *want = &fetch->want[i];
        const bool pulled = want->used && fetch_wire_pull(fetch->wire, &want->what.hash);
        const char *by;
        if (*want->why)
            return want->why;
        by = want->own && !pulled ? pages_note(fetch->pages, &want->what.hash)
                                  : fetch_ways_note(fetch->ways, &want->what.hash);
        if (*by)
            return by;
        if (pulled)
            return fetch_view_note(fetch->wire, &want->what, fetch->note, sizeof fetch->note);
    }
    return "";
}
