/* The depot's socket and nothing else: what the hub hears goes in, what the depot says goes out by
 * the hub, a peer's record hangs at the hub's. WELCOME comes before whatever the depot has to say
 * to a peer, since a peer hears nothing before it. */

#include "broker/bulk/bulk.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/bulk/ways.h"
#include "proto/handover.h"
#include "proto/pages.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

/* A port's queue is of pieces of 64 KiB: so much, 4 MiB, one child that reads nothing may hold. */
enum { BEAT_MS = 1000, QUEUE = 64 };

struct bulk {
    struct hub *hub;
    struct pages *pages; /* NULL: none are asked for */
    struct bulk_watch watch;
    struct depot *depot;
    struct ways *ways; /* who asks what makes an image of another: no affair of the depot's */
    uint64_t incarnation;
    int64_t beat_ms, now_ms;
    struct id learner;
    bool known;
    char next_key[64]; /* that follows the broker's; "" */
};

static const enum role workers[] = {ROLE_ACTOR, ROLE_REWARDER};

static enum err send(void *self, void *link, struct msg *msg)
{
    return hub_send(((struct bulk *)self)->hub, link, msg);
}

static enum err watch_page(void *self, int fd)
{
    const struct bulk *bulk = self;

    return bulk->watch.watch(bulk->watch.self, fd);
}

static void unwatch_page(void *self, int fd)
{
    const struct bulk *bulk = self;

    bulk->watch.unwatch(bulk->watch.self, fd);
}

static bool ask_pages(void *self, const struct artifact *what)
{
    const struct bulk *bulk = self;

    return bulk->pages && pages_want(bulk->pages, what);
}

static enum err on_pages(void *self, const struct hash *hash, struct shared_memory *pages,
                         int64_t now_ms)
{
    struct bulk *bulk = self;

    depot_lend(bulk->depot, hash, pages, now_ms);
    shared_memory_free(pages); /* the depot has a share of its own */
    return OK;
}

static void gone(void *self, struct hub_peer *peer, const char *why, int64_t now_ms)
{
    struct bulk *bulk = self;
    struct depot_peer *owner = peer->owner;

    (void)why;
    peer->owner = NULL;
    ways_gone(bulk->ways, peer->number);
    if (owner)
        depot_gone(bulk->depot, owner, now_ms);
}

static void tell_ways(void *self, uint32_t child, struct msg *offer)
{
    const struct bulk *bulk = self;
    struct hub_peer *const to = hub_find(bulk->hub, child);

    if (to && hub_send(bulk->hub, to, offer)) /* it pulls the image */
        log_debug("ways", "words=\"%s\"", err_text());
}

/* The run's own learner alone: another has not its images. */
static void ask_ways(void *self, struct msg *wreq)
{
    const struct bulk *bulk = self;

    for (struct hub_peer *p = hub_next(bulk->hub, NULL); p && bulk->known;
         p = hub_next(bulk->hub, p))
        if (p->role == ROLE_LEARNER && !memcmp(&p->id, &bulk->learner, sizeof p->id) &&
            hub_send(bulk->hub, p, wreq))
            log_debug("ways", "words=\"%s\"", err_text());
}

static enum err on_hello(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct bulk *bulk = self;
    struct msg welcome = {.head.type = MSG_WELCOME,
                          .welcome = {.incarnation = bulk->incarnation}};
    const struct depot_origin origin = {from, from->address, from->key};

    if (hub_send(bulk->hub, from, &welcome)) /* it says HELLO again */
        return OK;
    from->owner = depot_hello(bulk->depot, from->owner, &msg->hello, &origin, now_ms);
    return OK;
}

static enum err on_message(void *self, struct hub_peer *from, const struct msg *msg,
                           int64_t now_ms)
{
    struct bulk *bulk = self;
    const bool asks = msg->head.type == MSG_WREQ && msg->wreq.kind == CHUNK_WAYS;
    enum err err;

    if (!from->owner)
        return OK;
    if (asks) {
        ways_ask(bulk->ways, from->number, &msg->wreq, now_ms);
        return OK;
    }
    err = depot_take(bulk->depot, from->owner, msg, now_ms);
    /* Another learner's are not the run's, and there is room for one learner's. */
    if (!err && msg->head.type == MSG_OFFER && from->role == ROLE_LEARNER && bulk->known &&
        !memcmp(&from->id, &bulk->learner, sizeof from->id))
        ways_offer(bulk->ways, from->number, &msg->offer, now_ms);
    return err;
}

static void add_rows(struct bulk *bulk)
{
    static const enum msg_type all[] = {MSG_HB, MSG_OFFER, MSG_WREQ, MSG_WCHUNK, MSG_WNONE};

    for (size_t i = 0; i < sizeof workers / sizeof *workers; i++) {
        hub_on(bulk->hub, workers[i], MSG_HELLO, on_hello, bulk);
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            hub_on(bulk->hub, workers[i], all[k], on_message, bulk);
    }
    /* A follower takes, and gives nothing: nobody has to believe it. */
    hub_on(bulk->hub, ROLE_FOLLOWER, MSG_HELLO, on_hello, bulk);
    hub_on(bulk->hub, ROLE_FOLLOWER, MSG_HB, on_message, bulk);
    hub_on(bulk->hub, ROLE_FOLLOWER, MSG_WREQ, on_message, bulk);
    hub_on(bulk->hub, ROLE_FOLLOWER, MSG_WNONE, on_message, bulk);
    hub_on(bulk->hub, ROLE_LEARNER, MSG_HELLO, on_hello, bulk);
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        if (all[k] != MSG_WREQ) /* a learner has what it needs */
            hub_on(bulk->hub, ROLE_LEARNER, all[k], on_message, bulk);
}

enum err bulk_open(struct bulk **out, void *context, const struct hub_conf *conf,
                   uint64_t incarnation, size_t cache)
{
    struct bulk *bulk = mem_new(1, sizeof *bulk);
    const struct depot_sink sink = {.send = send, .pages = ask_pages, .self = bulk};
    struct hub_conf own = *conf;
    enum err err;

    bulk->incarnation = incarnation;
    own.joined = NULL;
    own.gone = gone;
    own.self = bulk;
    own.queue = QUEUE;
    err = hub_open(&bulk->hub, context, &own);
    *out = err ? NULL : bulk;
    if (err) {
        free(bulk);
        return err;
    }
    depot_new(&bulk->depot, &sink, cache);
    ways_new(&bulk->ways, &(struct ways_conf){tell_ways, ask_ways, bulk});
    add_rows(bulk);
    return OK;
}

void bulk_close(struct bulk *bulk)
{
    if (!bulk)
        return;
    pages_free(bulk->pages);
    depot_free(bulk->depot);
    hub_close(bulk->hub);
    ways_free(bulk->ways);
    free(bulk);
}

void bulk_learner(struct bulk *bulk, const struct id *id, const struct hash *key)
{
    bulk->learner = *id;
    bulk->known = true;
    depot_learner(bulk->depot, id, key);
}

void bulk_left(struct bulk *bulk, const struct id *id, int64_t now_ms)
{
    struct hub_peer *next;

    for (struct hub_peer *p = hub_next(bulk->hub, NULL); p; p = next) {
        next = hub_next(bulk->hub, p);
        if (p->role == ROLE_LEARNER && !memcmp(&p->id, id, sizeof *id))
            hub_release(bulk->hub, p, now_ms);
    }
    if (bulk->known && !memcmp(&bulk->learner, id, sizeof *id)) {
        bulk->known = false;
        depot_learner(bulk->depot, NULL, NULL);
    }
}

void bulk_revoked(struct bulk *bulk, const struct hash *key, int64_t now_ms)
{
    depot_revoked(bulk->depot, key, now_ms);
}

void bulk_pages(struct bulk *bulk, const struct bulk_watch *watch)
{
    const struct pages_conf conf = {.watch = watch_page,
                                    .unwatch = unwatch_page,
                                    .answer = on_pages,
                                    .stopped = handover_stopped,
                                    .guest = true,
                                    .self = bulk};

    bulk->watch = *watch;
    pages_new(&bulk->pages, &conf);
}

enum err bulk_paged(struct bulk *bulk, int64_t now_ms)
{
    return bulk->pages ? pages_readable(bulk->pages, now_ms) : OK;
}

void bulk_run(struct bulk *bulk, const struct id *run)
{
    if (bulk->pages)
        pages_run(bulk->pages, run);
}

void bulk_next_key(struct bulk *bulk, const char *next_key)
{
    text_print(bulk->next_key, sizeof bulk->next_key, "%s", next_key);
}

struct hub *bulk_hub(const struct bulk *bulk)
{
    return bulk->hub;
}

enum err bulk_tick(struct bulk *bulk, int64_t now_ms)
{
    enum err err = hub_tick(bulk->hub, now_ms);

    if (!err && bulk->pages)
        err = pages_tick(bulk->pages, now_ms);
    depot_tick(bulk->depot, now_ms);
    if (now_ms - bulk->beat_ms < BEAT_MS)
        return err;
    bulk->beat_ms = now_ms;
    for (struct hub_peer *p = hub_next(bulk->hub, NULL); p; p = hub_next(bulk->hub, p)) {
        struct msg beat = {.head.type = MSG_HB, .hb.next_key = bulk->next_key};

        if (hub_send(bulk->hub, p, &beat)) /* its pipe is full of pieces, which are as good */
            log_debug("beat", "words=\"%s\"", err_text());
    }
    return err;
}

const struct depot_stats *bulk_stats(const struct bulk *bulk)
{
    return depot_stats(bulk->depot);
}
