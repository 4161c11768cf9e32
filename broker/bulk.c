/* No artifact is here and none is decoded: WREQ goes to whoever offers the hash, with the
 * asker's number as route; what comes back by that route goes to the asker as it is. Who is
 * asked: the run's own learner first, one that owes an answer for long last (rank). What
 * nobody offers yet is parked for a second, because an OFFER may be under way, and then
 * answered by WNONE. */

#include "broker/bulk.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    BEAT_MS = 1000,
    PARKED = 128,
    PARKED_MS = 1000,
    SILENT_MS = 1500, /* without an answer: the next holder is tried; askers repeat after 2 s */
};

struct parked { /* asked for before anybody offers it: an OFFER may be on its way */
    uint32_t asker;
    int64_t since_ms;
    struct msg_wreq ask;
};

struct bulk {
    struct hub *hub;
    uint64_t incarnation;
    int64_t beat_ms;
    struct id learner; /* of the control port: what it offers, it holds; and its key */
    struct hash key;
    bool known;
    struct parked parked[PARKED]; /* a ring: the oldest gives way */
    uint32_t parks;
    struct bulk_stats stats;
};

struct offers { /* a peer's last OFFER */
    struct hash *hash;
    uint32_t n;
    int64_t asked_ms; /* since when it owes an answer; 0: it owes none */
};

static const enum role askers[] = {ROLE_ACTOR, ROLE_REWARDER};

static void gone(void *self, struct hub_peer *peer, const char *why, int64_t now_ms)
{
    struct offers *offers = peer->owner;

    (void)self, (void)why, (void)now_ms;
    if (offers)
        free(offers->hash);
    free(offers);
    peer->owner = NULL;
}

/* A lost answer is asked for again, so an error here is only counted. */
static void tell(struct bulk *bulk, struct hub_peer *to, struct msg *msg)
{
    if (hub_send(bulk->hub, to, msg))
        bulk->stats.lost++;
}

static enum err on_hello(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct bulk *bulk = self;
    struct msg welcome = {.head.type = MSG_WELCOME,
                          .welcome = {.incarnation = bulk->incarnation}};
    struct offers *offers = from->owner;

    (void)msg, (void)now_ms;
    if (!offers)
        offers = from->owner = mem_new(1, sizeof *offers);
    offers->n = 0; /* said again on each connection */
    offers->asked_ms = 0;
    tell(bulk, from, &welcome);
    return OK;
}

static enum err on_beat(void *self, struct hub_peer *from, const struct msg *msg,
                        int64_t now_ms)
{
    (void)self, (void)from, (void)msg, (void)now_ms; /* that it was heard, the hub has noted */
    return OK;
}

static bool offers_it(const struct hub_peer *peer, const struct hash *hash)
{
    const struct offers *offers = peer->owner;

    for (uint32_t i = 0; offers && i < offers->n; i++)
        if (hash_same(&offers->hash[i], hash))
            return true;
    return false;
}

/* Whom to ask first: the smaller. The run's own learner comes before whoever else offers the
 * same bytes, but one that owes an answer for long comes behind all that do not. */
static int rank(const struct bulk *bulk, const struct hub_peer *peer, int64_t now_ms)
{
    const struct offers *offers = peer->owner;
    const bool own = bulk->known && !memcmp(&peer->id, &bulk->learner, sizeof peer->id) &&
                     hash_same(&peer->key, &bulk->key);
    const bool silent = offers->asked_ms && now_ms - offers->asked_ms >= SILENT_MS;

    return (silent ? 2 : 0) + (own ? 0 : 1);
}

static struct hub_peer *holder(const struct bulk *bulk, const struct hash *hash, int64_t now_ms)
{
    struct hub_peer *best = NULL;

    for (struct hub_peer *p = hub_next(bulk->hub, NULL); p; p = hub_next(bulk->hub, p))
        if (p->reachable && offers_it(p, hash) &&
            (!best || rank(bulk, p, now_ms) < rank(bulk, best, now_ms)))
            best = p;
    return best;
}

/* False if nobody is there to ask. */
static bool pass(struct bulk *bulk, const struct msg_wreq *ask, uint32_t asker, int64_t now_ms)
{
    struct msg msg = {.head.type = MSG_WREQ, .wreq = *ask};
    struct hub_peer *to;

    msg.wreq.route = asker;
    /* Each turn either ends it or makes one of them unreachable. */
    while ((to = holder(bulk, &ask->hash, now_ms))) {
        struct offers *offers = to->owner;
        const enum err err = hub_send(bulk->hub, to, &msg);

        if (!err && !offers->asked_ms)
            offers->asked_ms = now_ms;
        bulk->stats.lost += err != OK;
        if (err != ERR_IO) /* else it is gone, and the next one is there */
            return true;
        to->reachable = false;
    }
    return false;
}

static void none(struct bulk *bulk, const struct parked *at)
{
    struct hub_peer *to = hub_find(bulk->hub, at->asker);
    struct msg msg = {.head.type = MSG_WNONE,
                      .wnone = {.hash = at->ask.hash, .reason = "nobody offers it here"}};

    bulk->stats.none++;
    if (to)
        tell(bulk, to, &msg);
}

/* What came too early goes on its way now, or its asker hears that nobody has it. */
static void pass_parked(struct bulk *bulk, int64_t now_ms)
{
    for (uint32_t i = 0; i < PARKED; i++) {
        struct parked *at = &bulk->parked[i];
        const bool passed = at->asker && pass(bulk, &at->ask, at->asker, now_ms);

        if (!at->asker || (!passed && now_ms - at->since_ms < PARKED_MS))
            continue;
        if (!passed)
            none(bulk, at);
        at->asker = 0;
    }
}

/* A full ring answers its oldest at once: it asks again, as it would after silence. */
static void park(struct bulk *bulk, const struct msg_wreq *ask, uint32_t asker, int64_t now_ms)
{
    struct parked *at = &bulk->parked[bulk->parks++ % PARKED];

    if (at->asker)
        none(bulk, at);
    *at = (struct parked){.asker = asker, .since_ms = now_ms, .ask = *ask};
}

static enum err on_offer(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct offers *offers = from->owner;

    from->reachable = true;
    offers->n = msg->offer.n_artifact;
    if (offers->n)
        offers->hash = mem_grow(offers->hash, offers->n, sizeof *offers->hash);
    for (uint32_t i = 0; i < offers->n; i++)
        offers->hash[i] = msg->offer.artifact[i].hash;
    pass_parked(self, now_ms);
    return OK;
}

static enum err on_wreq(void *self, struct hub_peer *from, const struct msg *msg,
                        int64_t now_ms)
{
    struct bulk *bulk = self;

    bulk->stats.asked++;
    if (!pass(bulk, &msg->wreq, from->number, now_ms))
        park(bulk, &msg->wreq, from->number, now_ms);
    return OK;
}

/* WCHUNK, WNONE: back by the route in the head. */
static enum err on_answer(void *self, struct hub_peer *from, const struct codec_head *head,
                          struct frames *frames, int64_t now_ms)
{
    struct bulk *bulk = self;
    struct hub_peer *to =
        head->task <= UINT32_MAX ? hub_find(bulk->hub, (uint32_t)head->task) : NULL;
    const size_t bytes = frames_bytes(frames);
    struct offers *offers = from->owner;

    /* An answer, whatever it is about: it is not silent. */
    if (offers)
        offers->asked_ms = 0;
    if (bytes > WIRE_CHUNK_MAX) {
        hub_strike(bulk->hub, from, "a chunk is larger than 1 MiB", now_ms);
        return OK;
    }
    /* A route is the learner's word: it must not lead anywhere but to a child. */
    if (!to || to->role == ROLE_LEARNER || hub_forward(bulk->hub, to, frames)) {
        bulk->stats.lost++;
        return OK;
    }
    bulk->stats.chunks += head->head.type == MSG_WCHUNK;
    bulk->stats.bytes += bytes;
    return OK;
}

enum err bulk_open(struct bulk **out, void *context, const struct hub_conf *conf,
                   uint64_t incarnation)
{
    struct bulk *bulk = mem_new(1, sizeof *bulk);
    struct hub_conf own = *conf;
    enum err err;

    bulk->incarnation = incarnation;
    own.joined = NULL;
    own.gone = gone;
    own.self = bulk;
    err = hub_open(&bulk->hub, context, &own);
    *out = err ? NULL : bulk;
    if (err) {
        free(bulk);
        return err;
    }
    for (size_t i = 0; i < sizeof askers / sizeof *askers; i++) {
        hub_on(bulk->hub, askers[i], MSG_HELLO, on_hello, bulk);
        hub_on(bulk->hub, askers[i], MSG_HB, on_beat, bulk);
        hub_on(bulk->hub, askers[i], MSG_WREQ, on_wreq, bulk);
    }
    hub_on(bulk->hub, ROLE_LEARNER, MSG_HELLO, on_hello, bulk);
    hub_on(bulk->hub, ROLE_LEARNER, MSG_HB, on_beat, bulk);
    hub_on(bulk->hub, ROLE_LEARNER, MSG_OFFER, on_offer, bulk);
    /* Raw: a chunk goes on as it came, undecoded. */
    hub_on_raw(bulk->hub, ROLE_LEARNER, MSG_WCHUNK, on_answer, bulk);
    hub_on_raw(bulk->hub, ROLE_LEARNER, MSG_WNONE, on_answer, bulk);
    return OK;
}

void bulk_close(struct bulk *bulk)
{
    if (!bulk)
        return;
    for (struct hub_peer *p = hub_next(bulk->hub, NULL); p; p = hub_next(bulk->hub, p))
        gone(bulk, p, "", 0);
    hub_close(bulk->hub);
    free(bulk);
}

void bulk_learner(struct bulk *bulk, const struct id *id, const struct hash *key)
{
    bulk->learner = *id;
    bulk->key = *key;
    bulk->known = true;
}

void bulk_left(struct bulk *bulk, const struct id *id, int64_t now_ms)
{
    struct hub_peer *next;

    for (struct hub_peer *p = hub_next(bulk->hub, NULL); p; p = next) {
        next = hub_next(bulk->hub, p);
        if (p->role == ROLE_LEARNER && !memcmp(&p->id, id, sizeof *id))
            hub_release(bulk->hub, p, now_ms);
    }
    if (!memcmp(&bulk->learner, id, sizeof *id))
        bulk->known = false;
}

struct hub *bulk_hub(const struct bulk *bulk)
{
    return bulk->hub;
}

enum err bulk_tick(struct bulk *bulk, int64_t now_ms)
{
    const enum err err = hub_tick(bulk->hub, now_ms);

    pass_parked(bulk, now_ms);
    if (now_ms - bulk->beat_ms < BEAT_MS)
        return err;
    bulk->beat_ms = now_ms;
    for (struct hub_peer *p = hub_next(bulk->hub, NULL); p; p = hub_next(bulk->hub, p)) {
        struct msg beat = {.head.type = MSG_HB};

        tell(bulk, p, &beat);
    }
    return err;
}

const struct bulk_stats *bulk_stats(const struct bulk *bulk)
{
    return &bulk->stats;
}
