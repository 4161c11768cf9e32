/* An image that is pulled is `open` here. While it is pulled the broker is asked what makes it of
 * another; when an answer comes, what is left of the image is weighed against it:
 *
 *     left / rate    against    bytes of the way / rate + bytes of the image / coding
 *
 * where rate is what this connection brings and coding what this machine rebuilt at, as measured. If
 * the way is clearly sooner the image's pull is paused (what has come stays), the way is pulled, and
 * the image rebuilt from it; if anything fails the pull goes on, and no way to this image is tried
 * again. A way may be offered no more before it is here, for its maker keeps few: so it fails, too. A
 * slow line does not begin the image before an answer had time to come: what has come by then would be
 * for nothing.
 *
 * What it is rebuilt of: the newest image that came over the wire stays here when its owner lets it
 * go (`held`), for it is what the next one is made of; so is one that is itself being made, which is
 * waited for. An adapter is of the run's first image, so that is kept as well; a host that never had
 * it pulls it in place of the image that it lacks, once. And the newest way stays, for others take it
 * from here and are a little later. */

#include "proto/fetch_ways.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/fetch_held.h"
#include "proto/fetch_weigh.h"
#include "proto/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPEN = MAX_LIVE, /* images that one actor may want at once */
    SMALL = 8,       /* a way of an eighth of its image is worth a base that is pulled once */
};

enum open_state { OPEN_ASKS, OPEN_TAKES, OPEN_BUILDS, OPEN_NONE };
struct fetch_open { /* free while of.kind is 0 */
    struct artifact of;
    enum open_state state;
    bool asked;
    uint64_t age;
    int64_t begun_ms;    /* negative: since this moment */
    int64_t patience_ms; /* paused so long, for an answer; 0: not */
    struct artifact way;
    struct shared_memory *bytes;
    struct shared_memory *base; /* what the way is of, from when it was taken; NULL: it comes */
    bool base_wanted;
};

struct fetch_ways {
    struct fetch_ways_conf conf;
    struct fetch_open open[OPEN];
    struct fetch_held newest, base; /* base: of adapters */
    struct fetch_held way;          /* the last that was of use */
    struct hash
        basing; /* the base that is pulled, for all who wait for it; it goes on when they */
    bool bases; /* end, for the next version needs it as well */
    struct fetch_weigh weigh;
    uint64_t ages;
    int64_t now_ms; /* of the last tick */
};

void fetch_ways_rebuild_free(struct fetch_rebuild *job)
{
    if (!job)
        return;
    shared_memory_free(job->bytes);
    shared_memory_free(job->base);
    shared_memory_free(job->made);
    free(job->digest);
    free(job);
}

void fetch_ways_new(struct fetch_ways **out, const struct fetch_ways_conf *conf)
{
    struct fetch_ways *const w = mem_new(1, sizeof *w);

    w->conf = *conf;
    fetch_weigh_new(&w->weigh);
    *out = w;
}

/* ---- what is held */

static struct shared_memory *held(const struct fetch_ways *w, const struct artifact *way)
{
    const struct fetch_held *const from[] = {&w->newest, &w->base};

    for (size_t i = 0; i < sizeof from / sizeof *from; i++)
        if (fetch_held_is(from[i], &way->base))
            return from[i]->shared;
    return NULL;
}

/* ---- an image that is pulled */

static struct fetch_open *find(const struct fetch_ways *w, const struct hash *of)
{
    for (int i = 0; w && i < OPEN; i++)
        if (w->open[i].of.kind && hash_same(&w->open[i].of.hash, of))
            return (struct fetch_open *)&w->open[i];
    return NULL;
}

/* Nothing that was wanted for it is any more. */
static void let_way_go(struct fetch_ways *w, struct fetch_open *o)
{
    if (o->state == OPEN_TAKES && !o->bytes)
        w->conf.drop(w->conf.self, &o->way.hash);
    o->base_wanted = false;
    shared_memory_free(o->bytes);
    o->bytes = NULL;
    shared_memory_free(o->base);
    o->base = NULL;
}

static void let_base_go(struct fetch_ways *w)
{
    for (int i = 0; i < OPEN; i++)
        if (w->open[i].of.kind && w->open[i].base_wanted)
            return;
    if (w->bases)
        w->conf.drop(w->conf.self, &w->basing);
    w->bases = false;
}

/* The image itself, from what has come of it on. */
static void give_up(struct fetch_ways *w, struct fetch_open *o)
{
    const bool waited = o->base_wanted;

    let_way_go(w, o);
    if (waited) /* the image needs the line now */
        let_base_go(w);
    o->state = OPEN_NONE;
    o->patience_ms = 0;
    w->conf.pause(w->conf.self, &o->of.hash, false);
}

/* Who was to be made of it will not be. */
static void fail_those_of(struct fetch_ways *w, const struct hash *base)
{
    for (int i = 0; i < OPEN; i++)
        if (w->open[i].of.kind && w->open[i].state == OPEN_TAKES && w->open[i].base_wanted &&
            hash_same(&w->open[i].way.base, base))
            give_up(w, &w->open[i]);
}

void fetch_ways_end(struct fetch_ways *w, const struct hash *of)
{
    struct fetch_open *const o = find(w, of);
    const struct hash base = *of; /* it may be o's */

    if (!o)
        return;
    let_way_go(w, o);
    memset(o, 0, sizeof *o);
    fail_those_of(w, &base);
}

void fetch_ways_none(struct fetch_ways *w, const struct hash *hash)
{
    const bool base = w && w->bases && hash_same(&w->basing, hash);

    for (int i = 0; w && i < OPEN; i++) {
        struct fetch_open *const o = &w->open[i];
        if (!o->of.kind || o->state != OPEN_TAKES ||
            !((!o->bytes && hash_same(&o->way.hash, hash)) ||
              (base && o->base_wanted && hash_same(&o->way.base, hash))))
            continue;
        log_info("way", "state=gone artifact=\"%s\" next=\"the image is pulled\"", o->way.name);
        give_up(w, o);
    }
}

void fetch_ways_forget(struct fetch_ways *w)
{
    if (!w)
        return;
    for (int i = 0; i < OPEN; i++)
        if (w->open[i].of.kind)
            fetch_ways_end(w, &w->open[i].of.hash);
    let_base_go(w);
    fetch_held_let_go(&w->newest);
    fetch_held_let_go(&w->base);
    fetch_held_let_go(&w->way);
}

void fetch_ways_free(struct fetch_ways *w)
{
    if (!w)
        return;
    fetch_ways_forget(w);
    free(w);
}

/* Milliseconds that a pull of it takes by what is measured; 0: unknown. */
static double pull_ms(const struct fetch_ways *w, const struct hash *of, uint64_t *left)
{
    double rate = 0;

    w->conf.view(w->conf.self, of, left, &rate);
    return rate > 0 ? (double)*left / rate * 1e3 : 0;
}

void fetch_ways_begin(struct fetch_ways *w, const struct artifact *of)
{
    struct fetch_open *o = NULL;
    uint64_t left;
    double ms;

    if (!w || of->kind != ARTIFACT_IMAGE || find(w, &of->hash))
        return;
    for (int i = 0; i < OPEN && !o; i++)
        if (!w->open[i].of.kind)
            o = &w->open[i];
    if (!o) /* it is pulled */
        return;
    *o = (struct fetch_open){.of = *of, .age = ++w->ages, .begun_ms = -1};
    o->of.name = "";
    ms = pull_ms(w, &of->hash, &left);
    o->patience_ms = w->newest.shared ? fetch_weigh_patience(&w->weigh, ms) : 0;
    if (o->patience_ms)
        w->conf.pause(w->conf.self, &of->hash, true);
}

void fetch_ways_again(struct fetch_ways *w)
{
    for (int i = 0; w && i < OPEN; i++)
        w->open[i].asked = false;
}

/* What is here, or will be first: an older image that is being made. */
static const struct hash *base_for(const struct fetch_ways *w, const struct fetch_open *o)
{
    const struct fetch_open *last = NULL;

    for (int i = 0; i < OPEN; i++) {
        const struct fetch_open *const b = &w->open[i];
        if (b->of.kind && (b->state == OPEN_TAKES || b->state == OPEN_BUILDS) &&
            b->age < o->age && (!last || b->age > last->age))
            last = b;
    }
    if (last)
        return &last->of.hash;
    return w->newest.shared && !hash_same(&w->newest.hash, &o->of.hash) ? &w->newest.hash
                                                                        : NULL;
}

void fetch_ways_tick(struct fetch_ways *w, int64_t now_ms)
{
    for (int i = 0; w && i < OPEN; i++) {
        struct fetch_open *const o = &w->open[i];
        struct msg msg = {.head.type = MSG_WREQ,
                          .wreq = {.hash = o->of.hash, .kind = CHUNK_WAYS, .count = 1}};
        const struct hash *base;
        w->now_ms = now_ms;
        if (!o->of.kind || o->state != OPEN_ASKS)
            continue;
        base = base_for(w, o);
        if (base)
            msg.wreq.base = *base;
        if (!o->asked)
            o->asked = !w->conf.say(w->conf.self, &msg);
        if (o->begun_ms < 0)
            o->begun_ms = now_ms;
        if (o->patience_ms && now_ms - o->begun_ms >= o->patience_ms) {
            o->patience_ms = 0;
            w->conf.pause(w->conf.self, &o->of.hash, false);
        }
    }
}

/* ---- which way */

/* Bytes of a way's base that are still to come; negative: it cannot be had. */
static double base_left(const struct fetch_ways *w, const struct fetch_open *o,
                        const struct artifact *way)
{
    const struct fetch_open *const b = find(w, &way->base);

    if (held(w, way))
        return 0;
    if (b && b->age < o->age && (b->state == OPEN_BUILDS || b->state == OPEN_TAKES))
        return b->state == OPEN_BUILDS || b->bytes ? 0 : (double)b->way.bytes;
    /* of an adapter many versions are made: its base is worth a pull */
    if (way->kind == ARTIFACT_ADAPTER && way->bytes <= o->of.bytes / SMALL)
        return (double)o->of.bytes;
    return -1;
}

static void build(struct fetch_ways *w, struct fetch_open *o)
{
    struct shared_memory *const base = o->base ? o->base : held(w, &o->way);
    struct fetch_rebuild *job;

    if (!o->bytes || !base)
        return;
    job = mem_new(1, sizeof *job);
    job->of = o->of;
    job->way = o->way;
    job->bytes = shared_memory_share(o->bytes);
    job->base = shared_memory_share(base);
    if (o->way.kind == ARTIFACT_ADAPTER)
        fetch_held_keep(&w->base, &o->way.base, base);
    o->state = OPEN_BUILDS;
    if (w->conf.rebuild(w->conf.self, job)) {
        fetch_ways_rebuild_free(job);
        give_up(w, o);
    }
}

/* One base at a time: a run has one. */
static bool pull_base(struct fetch_ways *w, const struct artifact *base)
{
    if (w->bases && !hash_same(&w->basing, &base->hash))
        let_base_go(w);
    if (w->bases && !hash_same(&w->basing, &base->hash))
        return false;
    if (w->conf.want(w->conf.self, base))
        return false;
    w->basing = base->hash;
    w->bases = true;
    return true;
}

static void take(struct fetch_ways *w, struct fetch_open *o, const struct artifact *way)
{
    const struct artifact base = {.hash = way->base,
                                  .bytes = o->of.bytes,
                                  .kind = ARTIFACT_IMAGE,
                                  .name = "the run's first image"};
    struct shared_memory *const here = held(w, way);
    const bool have_base = here != NULL;

    o->base = here ? shared_memory_share(here) : NULL;
    o->way = *way;
    o->way.name = way->kind == ARTIFACT_PATCH ? "policy patch" : "policy adapter";
    o->state = OPEN_TAKES;
    o->patience_ms = 0;
    w->conf.pause(w->conf.self, &o->of.hash, true);
    if (!have_base)
        o->base_wanted = find(w, &way->base) || pull_base(w, &base);
    if ((!have_base && !o->base_wanted) || w->conf.want(w->conf.self, &o->way))
        give_up(w, o);
}

static void choose(struct fetch_ways *w, struct fetch_open *o, const struct msg_offer *offer)
{
    const struct artifact *best = NULL;
    uint64_t left;
    const double ms = pull_ms(w, &o->of.hash, &left),
                 rate = ms > 0 ? (double)left / ms * 1e3 : 0;
    double least = 0;

    if (rate <= 0) /* nothing is known of the line yet: then nothing is lost by the image */
        return;
    for (uint32_t i = 0; i < offer->n_artifact; i++) {
        const struct artifact *const way = &offer->artifact[i];
        const double lacks = base_left(w, o, way);
        const double s = hash_same(&way->of, &o->of.hash)
                             ? fetch_weigh_way(&w->weigh, &o->of, way, lacks, rate)
                             : -1;
        if (s >= 0 && fetch_weigh_sooner(way, lacks <= 0, s, ms / 1e3) &&
            (!best || s < least)) {
            best = way;
            least = s;
        }
    }
    if (!best)
        return;
    log_info("way", "kind=%s bytes=%llu instead=%llu seconds=%.1f instead_s=%.1f",
             best->kind == ARTIFACT_PATCH ? "patch" : "adapter",
             (unsigned long long)best->bytes, (unsigned long long)left, least, ms / 1e3);
    if (o->begun_ms >= 0)
        fetch_weigh_answered(&w->weigh, w->now_ms - o->begun_ms,
                             (double)best->bytes / (double)o->of.bytes);
    take(w, o, best);
}

void fetch_ways_offer(struct fetch_ways *w, const struct msg_offer *offer)
{
    for (int i = 0; w && i < OPEN; i++)
        if (w->open[i].of.kind && w->open[i].state == OPEN_ASKS)
            choose(w, &w->open[i], offer);
}

/* Whoever waits for these bytes, as a base or a way. */
static bool bring(struct fetch_ways *w, const struct hash *hash, struct shared_memory *shared)
{
    bool ours = false;

    for (int i = 0; i < OPEN; i++) {
        struct fetch_open *const o = &w->open[i];
        if (!o->of.kind || o->state != OPEN_TAKES)
            continue;
        if (o->base_wanted && hash_same(&o->way.base, hash)) {
            o->base_wanted = false;
            o->base = shared_memory_share(shared);
        }
        if (!o->bytes && hash_same(&o->way.hash, hash)) {
            o->bytes = shared_memory_share(shared);
            ours = true;
        }
        build(w, o);
    }
    return ours;
}

bool fetch_ways_got(struct fetch_ways *w, const struct artifact *what,
                    struct shared_memory *shared)
{
    const bool base = w && w->bases && hash_same(&w->basing, &what->hash);

    if (base) {
        w->bases = false;
        fetch_held_keep(&w->base, &what->hash, shared);
    }
    return w && (bring(w, &what->hash, shared) || base);
}

void fetch_ways_hold(struct fetch_ways *w, const struct artifact *what,
                     struct shared_memory *shared)
{
    if (!w || what->kind != ARTIFACT_IMAGE)
        return;
    fetch_held_keep(&w->newest, &what->hash, shared);
    (void)bring(w, &what->hash, shared); /* it is no way */
}

/* ---- what was rebuilt */

static void learn(struct fetch_ways *w, const struct fetch_rebuild *job)
{
    fetch_weigh_coded(&w->weigh, job->way.kind, job->of.bytes, job->took_ms);
    fetch_held_keep(&w->way, &job->way.hash, job->bytes);
    log_info("rebuilt", "kind=%s bytes=%llu took_ms=%lld",
             job->way.kind == ARTIFACT_PATCH ? "patch" : "adapter",
             (unsigned long long)job->of.bytes, (long long)job->took_ms);
}

bool fetch_ways_built(struct fetch_ways *w, const struct fetch_rebuild *job)
{
    struct fetch_open *const o = find(w, &job->of.hash);
    const bool waited = o && o->state == OPEN_BUILDS;

    /* It has the hash by which it was asked for: no fault of whoever passed it on. */
    if (job->err)
        log_warn("way", "reason=\"%s\" next=\"the image is pulled\"", job->words);
    else
        learn(w, job);
    if (waited && job->err)
        give_up(w, o);
    return waited && !job->err;
}

bool fetch_ways_taken(const struct fetch_ways *w, const struct hash *of,
                      struct fetch_ways_parts *out)
{
    const struct fetch_open *const o = find(w, of);

    if (!o || o->state != OPEN_TAKES)
        return false;
    *out = (struct fetch_ways_parts){.way = o->way,
                                     .base = {.hash = o->way.base, .bytes = o->of.bytes},
                                     .way_here = o->bytes != NULL,
                                     .base_here = o->base != NULL};
    return true;
}

bool fetch_ways_builds(const struct fetch_ways *w, const struct hash *of)
{
    const struct fetch_open *const o = find(w, of);

    return o && o->state == OPEN_BUILDS;
}

const char *fetch_ways_note(const struct fetch_ways *w, const struct hash *of)
{
    const struct fetch_open *const o = find(w, of);

    if (!o)
        return "";
    return o->state == OPEN_TAKES ? "policy image: what makes it of another one is on its way"
           : o->state == OPEN_BUILDS ? "policy image: is being rebuilt"
           : o->patience_ms          ? "policy image: asks what makes it of another one"
                                     : "";
}
