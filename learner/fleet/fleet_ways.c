/* One job at a time, in libuv's pool: neither the loop nor the trainer waits for it, and a version
 * is announced before anything of it is made. An ask names a version and an image that the asker
 * holds; asks for the same are one job. A job is lent shares of both images, so that a version may
 * be dropped meanwhile: then what was made of it is thrown away.
 *
 * Where an adapter learns it is all that is made: it is some hundredths of the image, and makes it
 * of the run's first one. Elsewhere a patch against what was asked for, of which as many are kept as
 * versions live, PATCHES at least: each may be half an image, and where many versions are named at
 * once (overlap) a host asks for all of them and takes one after another. That a version is gone when
 * its successor is announced would leave no base to make one against: from the first ask on one more
 * is kept (fleet_versions), until for IDLE versions nobody has asked. */

#include "learner/fleet/fleet_ways.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "learner/fleet/fleet_bulk.h"
#include "learner/fleet/fleet_versions.h"
#include "net/loop.h"
#include "proto/patch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ASKS = 16, WAYS = 32, PATCHES = 2, IDLE = 3 };

struct fleet_way { /* of what was asked; a zero name: it was tried, and saves nothing */
    struct hash name, of, base;
    uint32_t kind;
};

struct making {              /* what the pool is lent */
    struct fleet_ways *ways; /* NULL: nobody waits for it any more */
    struct fleet_way way;
    uint64_t number;                 /* of the version */
    struct shared_memory *of, *base; /* shares; base NULL: base_bytes are the run's own */
    const void *base_bytes;
    struct shared_memory *made; /* an adapter is there before the job */
    struct hash *digest;
    atomic_bool stop;
    int64_t took_ms;
};

struct fleet_ways {
    struct fleet_ways_conf conf;
    struct fleet_way ask[ASKS]; /* in order of coming */
    int asks;
    struct fleet_way way[WAYS]; /* likewise */
    int n;
    struct making *making;
    uint64_t asked; /* the newest version when somebody asked last */
};

void fleet_ways_new(struct fleet_ways **out, const struct fleet_ways_conf *conf)
{
    *out = mem_new(1, sizeof **out);
    (*out)->conf = *conf;
}

void fleet_ways_free(struct fleet_ways *w)
{
    if (!w)
        return;
    if (w->making) {
        atomic_store(&w->making->stop, true);
        w->making->ways = NULL;
    }
    free(w);
}

static void making_free(struct making *m)
{
    shared_memory_free(m->of);
    shared_memory_free(m->base);
    shared_memory_free(m->made);
    free(m->digest);
    free(m);
}

static bool same(const struct fleet_way *a, const struct fleet_way *b)
{
    return a->kind == b->kind && hash_same(&a->of, &b->of) && hash_same(&a->base, &b->base);
}

/* ---- what is made, in the pool */

static enum err make_patch(struct making *m)
{
    const size_t n = shared_memory_size(m->of);
    const void *const base = m->base ? shared_memory_bytes(m->base) : m->base_bytes;
    uint8_t *bytes;
    size_t size;
    enum err err = patch_make(&bytes, &size, base, shared_memory_bytes(m->of), n, &m->stop);

    if (err)
        return err;
    err = shared_memory_new(&m->made, size, "a patch");
    if (!err) {
        memcpy(shared_memory_bytes(m->made), bytes, size);
        err = shared_memory_seal(m->made);
    }
    free(bytes);
    return err;
}

static enum err make(void *self)
{
    struct making *const m = self;
    const int64_t begun = clock_mono_ms();
    const enum err err = m->made ? OK : make_patch(m);
    size_t n;

    if (err)
        return err;
    n = shared_memory_size(m->made);
    m->digest = mem_new(blob_chunks(n), sizeof *m->digest);
    m->way.name = blob_digest(m->digest, shared_memory_bytes(m->made), n);
    m->took_ms = clock_mono_ms() - begun;
    return OK;
}

/* ---- what was made, on the loop */

static void forget(struct fleet_ways *w, int i)
{
    static const struct hash none;

    if (!hash_same(&w->way[i].name, &none))
        fleet_bulk_remove(w->conf.versions->bulk, &w->way[i].name);
    memmove(w->way + i, w->way + i + 1, (size_t)(--w->n - i) * sizeof *w->way);
}

/* The oldest patches go for the newest; a full list lets its oldest go. */
static void make_room(struct fleet_ways *w, uint32_t kind)
{
    const uint32_t live = w->conf.versions->n_snapshot, most = live > PATCHES ? live : PATCHES;
    uint32_t patches = kind == ARTIFACT_PATCH;

    for (int i = w->n - 1; i >= 0; i--)
        if (w->way[i].kind == ARTIFACT_PATCH && ++patches > most)
            forget(w, i);
    if (w->n == WAYS)
        forget(w, 0);
}

static enum err offer(struct fleet_ways *w, const struct making *m)
{
    const bool patch = m->way.kind == ARTIFACT_PATCH;
    const struct artifact what = {.hash = m->way.name,
                                  .bytes = shared_memory_size(m->made),
                                  .kind = m->way.kind,
                                  .name = patch ? "policy patch" : "policy adapter",
                                  .of = m->way.of,
                                  .base = m->way.base};

    log_info("way", "kind=%s version=%" PRIu64 " bytes=%" PRIu64 " image=%zu took_ms=%d",
             patch ? "patch" : "adapter", m->number, what.bytes, shared_memory_size(m->of),
             (int)m->took_ms);
    fleet_versions_way(w->conf.versions, &what.of, what.bytes);
    return fleet_bulk_shared(w->conf.versions->bulk, &what, m->made, m->digest);
}

static enum err next(struct fleet_ways *w);

static enum err made(void *self, enum err result, const char *words, int64_t now_ms)
{
    struct making *const m = self;
    struct fleet_ways *const w = m->ways;
    enum err err = OK;

    if (w) {
        w->making = NULL;
        if (result) /* its asker pulls the image: said here, once for each */
            log_info("no-way", "version=%" PRIu64 " reason=\"%s\"", m->number, words);
        if (fleet_versions_find(w->conf.versions, &m->way.of)) { /* else it is gone meanwhile */
            make_room(w, m->way.kind);
            w->way[w->n++] = m->way;
            if (!result)
                err = offer(w, m);
            if (!err)
                err = fleet_bulk_tick(w->conf.versions->bulk, now_ms);
        }
        if (!err)
            err = next(w);
    }
    making_free(m);
    return err;
}

/* ---- what is asked for */

/* The pages of both, or false: not here (any more). */
static bool lend(const struct fleet_ways *w, const struct fleet_way *ask, struct making *m)
{
    const struct snapshot *const of = fleet_versions_find(w->conf.versions, &ask->of);
    const struct snapshot *const base = fleet_versions_find(w->conf.versions, &ask->base);
    const bool first = hash_same(&ask->base, &w->conf.first->image.hash);

    if (!of || (ask->kind == ARTIFACT_PATCH && !base && !first))
        return false;
    if (ask->kind == ARTIFACT_PATCH &&
        shared_memory_size(of->image) != w->conf.first->image.bytes)
        return false;
    m->way = *ask;
    m->number = of->version.number;
    m->of = shared_memory_share(of->image);
    if (ask->kind == ARTIFACT_ADAPTER)
        m->made = shared_memory_share(of->adapter);
    else if (first)
        m->base_bytes = w->conf.first->image_bytes;
    else
        m->base = shared_memory_share(base->image);
    return true;
}

static enum err next(struct fleet_ways *w)
{
    while (!w->making && w->asks) {
        const struct fleet_way ask = w->ask[0];
        struct making *const m = mem_new(1, sizeof *m);
        enum err err;

        memmove(w->ask, w->ask + 1, (size_t)--w->asks * sizeof *w->ask);
        m->ways = w;
        if (!lend(w, &ask, m)) {
            making_free(m);
            continue;
        }
        err = loop_work(w->conf.loop, make, made, m);
        if (err) {
            making_free(m);
            return err;
        }
        w->making = m;
    }
    return OK;
}

static bool known(const struct fleet_ways *w, const struct fleet_way *ask)
{
    for (int i = 0; i < w->n; i++)
        if (same(&w->way[i], ask))
            return true;
    for (int i = 0; i < w->asks; i++)
        if (same(&w->ask[i], ask))
            return true;
    return w->making && same(&w->making->way, ask);
}

enum err fleet_ways_ask(void *self, const struct msg_wreq *wreq)
{
    static const struct hash none;
    struct fleet_ways *const w = self;
    struct fleet_versions *const versions = w->conf.versions;
    const struct snapshot *const of = fleet_versions_find(versions, &wreq->hash);
    struct fleet_way ask = {.of = wreq->hash, .base = wreq->base, .kind = ARTIFACT_PATCH};

    w->asked = fleet_versions_newest(versions);
    versions->keep = true;
    if (!of)
        return OK;
    if (of->adapter) {
        ask.kind = ARTIFACT_ADAPTER;
        ask.base = w->conf.first->image.hash;
    }
    if (hash_same(&ask.base, &none) || hash_same(&ask.base, &ask.of) || known(w, &ask))
        return OK;
    if (w->asks == ASKS)
        log_info("no-way", "version=%" PRIu64 " reason=\"%d others are asked for\"",
                 of->version.number, ASKS);
    else
        w->ask[w->asks++] = ask;
    return next(w);
}

void fleet_ways_trim(struct fleet_ways *w)
{
    if (fleet_versions_newest(w->conf.versions) > w->asked + IDLE)
        fleet_versions_forgo(w->conf.versions);
    for (int i = w->n - 1; i >= 0; i--)
        if (!fleet_versions_find(w->conf.versions, &w->way[i].of))
            forget(w, i);
}
