/* A peer of the bulk port is three things at once: a child with requests (asks), a source of what
 * it has (supply), a place in the row of hosts (chain). An event changes these, and then one pump
 * says, sends and asks (depot_pump.c).
 *
 * What nobody offers is parked for a second, since an OFFER may be on its way behind the PUBLISH
 * that the child has heard, and then answered by WNONE: that means that all it asked for of this
 * artifact will not come. What a learner offers no more goes at once, chunks, places and all; if
 * the learner itself is gone, it stays for the time of a restart. */

#include "broker/bulk/depot.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/bulk/depot_state.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

enum { TOLD_MS = 1000 }; /* lines of the log */

void depot_new(struct depot **out, const struct depot_sink *sink, size_t bytes)
{
    struct depot *d = mem_new(1, sizeof *d);

    d->sink = *sink;
    stock_new(&d->stock, bytes);
    d->supply.stock = d->stock;
    chain_new(&d->chain);
    *out = d;
}

static void pump_all(struct depot *d, int64_t now_ms)
{
    d->news = true;
    depot_pump(d, NULL, now_ms);
}

static void forget(struct depot *d, struct depot_peer *peer, int64_t now_ms)
{
    if (d->failed == &peer->chain) { /* it has left, or died: that is told otherwise */
        d->failed = NULL;
        d->stats.failed_ms = 0;
    }
    depot_pump_unbusy(d, peer);
    asks_fini(&peer->asks);
    chain_remove(d->chain, &peer->chain, now_ms);
    supply_remove(&d->supply, &peer->source);
    *(peer->before ? &peer->before->next : &d->first) = peer->next;
    if (peer->next)
        peer->next->before = peer->before;
    free(peer);
}

void depot_free(struct depot *d)
{
    if (!d)
        return;
    while (d->first)
        forget(d, d->first, 0);
    while (stock_first(d->stock)) {
        chain_forget(d->chain, stock_first(d->stock));
        stock_remove(d->stock, stock_first(d->stock));
    }
    chain_free(d->chain);
    stock_free(d->stock);
    free(d);
}

const struct depot_stats *depot_stats(struct depot *d)
{
    d->stats.held = stock_used(d->stock);
    d->stats.owed = 0;
    for (const struct supply_source *s = d->supply.first; s; s = s->next)
        d->stats.owed += s->kind != SUPPLY_HOST ? s->under_way : 0;
    return &d->stats;
}

/* ---- who is there */

static enum supply_kind kind_of(const struct depot *d, const struct depot_peer *peer)
{
    if (peer->role != ROLE_LEARNER)
        return SUPPLY_HOST;
    return d->known && !memcmp(&peer->id, &d->learner, sizeof peer->id) &&
                   hash_same(&peer->key, &d->learner_key)
               ? SUPPLY_OWN
               : SUPPLY_OTHER;
}

void depot_learner(struct depot *d, const struct id *id, const struct hash *key)
{
    d->known = id != NULL;
    if (id) {
        d->learner = *id;
        d->learner_key = *key;
    }
    for (struct depot_peer *peer = d->first; peer; peer = peer->next)
        if (peer->role == ROLE_LEARNER)
            peer->source.kind = kind_of(d, peer);
}

static struct depot_peer *add(struct depot *d, const struct msg_hello *hello,
                              const struct depot_origin *from, int64_t now_ms)
{
    struct depot_peer *peer = mem_new(1, sizeof *peer);

    peer->role = (enum role)hello->role;
    peer->id = hello->peer;
    peer->key = from->key;
    peer->source.kind = kind_of(d, peer);
    peer->source.owner = peer->chain.owner = peer;
    supply_add(&d->supply, &peer->source, now_ms);
    peer->next = d->first;
    if (d->first)
        d->first->before = peer;
    d->first = peer;
    return peer;
}

struct depot_peer *depot_hello(struct depot *d, struct depot_peer *was,
                               const struct msg_hello *hello, const struct depot_origin *from,
                               int64_t now_ms)
{
    struct depot_peer *peer = was ? was : add(d, hello, from, now_ms);
    const double best = peer->chain.best;

    peer->link = from->link;
    peer->key = from->key;
    peer->n_parked = peer->n_none = 0;
    peer->chain.full = false;
    peer->moved_ms = now_ms;
    asks_drop(&peer->asks, NULL);
    depot_pump_unbusy(d, peer);
    if (was) {
        supply_cut(&d->supply, &peer->source, now_ms);
        chain_remove(d->chain, &peer->chain, now_ms);
        memset(&peer->chain, 0, sizeof peer->chain);
        peer->chain.owner = peer;
        peer->chain.best = best; /* its line is still its line */
    }
    peer->source.kind = kind_of(d, peer);
    chain_add(d->chain, &peer->chain, hello->host,
              peer->role == ROLE_LEARNER || peer->role == ROLE_FOLLOWER ? "" : hello->serve,
              from->address, &from->key);
    peer->chain.last = peer->role == ROLE_FOLLOWER;
    pump_all(d, now_ms);
    return peer;
}

void depot_gone(struct depot *d, struct depot_peer *peer, int64_t now_ms)
{
    forget(d, peer, now_ms);
    pump_all(d, now_ms);
}

/* ---- what they have */

/* No learner offers it: nobody is to learn of it here. */
static void lost(void *self, struct stock_item *item)
{
    struct depot *d = self;

    for (struct depot_peer *peer = d->first; peer; peer = peer->next)
        if (asks_any(&peer->asks, item))
            depot_pump_none(d, peer, &item->hash, "it is offered no more");
    chain_forget(d->chain, item);
    supply_forget(&d->supply, item);
    stock_remove(d->stock, item);
}

static void on_whole(struct depot *d, struct depot_peer *peer, int64_t now_ms)
{
    for (const struct supply_hold *h = peer->source.hold; h; h = h->of_source)
        if (h->whole && !h->banned && peer->role != ROLE_LEARNER)
            chain_whole(d->chain, &peer->chain, h->item, h->item->bytes, now_ms);
}

static void on_wreq(struct depot *d, struct depot_peer *from, const struct msg_wreq *ask,
                    int64_t now_ms);

/* What came too early goes on its way now. */
static void unpark(struct depot *d, struct depot_peer *peer, int64_t now_ms)
{
    struct depot_parked parked[DEPOT_PARKED];
    const uint32_t n = peer->n_parked;

    memcpy(parked, peer->parked, n * sizeof *parked);
    peer->n_parked = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (stock_find(d->stock, &parked[i].ask.hash))
            on_wreq(d, peer, &parked[i].ask, now_ms);
        else if (now_ms - parked[i].since_ms >= DEPOT_PARKED_MS)
            depot_pump_none(d, peer, &parked[i].ask.hash, "nobody offers it here");
        else
            peer->parked[peer->n_parked++] = parked[i];
    }
}

static void on_offer(struct depot *d, struct depot_peer *from, const struct msg_offer *offer,
                     int64_t now_ms)
{
    from->source.reachable = true;
    supply_offer(&d->supply, &from->source, offer, lost, d);
    if (from->role != ROLE_LEARNER) {
        on_whole(d, from, now_ms);
        return;
    }
    /* A learner's OFFER is rare: what it makes known others may wait for, or have. */
    for (struct depot_peer *peer = d->first; peer; peer = peer->next) {
        on_whole(d, peer, now_ms);
        unpark(d, peer, now_ms);
    }
}

/* ---- what they ask for */

static void park(struct depot *d, struct depot_peer *peer, const struct msg_wreq *ask,
                 int64_t now_ms)
{
    struct depot_parked *at = &peer->parked[peer->n_parked];

    if (peer->n_parked == DEPOT_PARKED) {
        depot_pump_none(d, peer, &ask->hash, "too much of what nobody offers");
        return;
    }
    *at = (struct depot_parked){now_ms, *ask};
    at->ask.have = NULL; /* the message's, which goes */
    at->ask.n_have = 0;
    peer->n_parked++;
    depot_pump_busy(d, peer);
}

static uint32_t count_bits(const uint8_t *bits, uint32_t n, uint32_t max)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < max && i / 8 < n; i++)
        sum += (uint32_t)(bits[i / 8] >> i % 8) & 1;
    return sum;
}

/* Its tables, and the pages of whoever has them on this machine: chunks wait a moment for those.
 */
static enum err first_ask(struct depot *d, struct stock_item *item, int64_t now_ms)
{
    const struct artifact what = {
        .hash = item->hash, .bytes = item->bytes, .kind = item->kind, .name = "weights"};
    enum err err;

    if (d->sink.pages && d->sink.pages(d->sink.self, &what))
        item->wait_ms = now_ms + DEPOT_PAGES_MS;
    err = stock_open(item);
    if (!err)
        supply_opened(item);
    return err;
}

/* What it has, from now on; a follower is asked for nothing. */
static void note_have(struct depot *d, struct depot_peer *from, struct stock_item *item,
                      const struct msg_wreq *ask)
{
    if (from->role != ROLE_FOLLOWER)
        supply_have(&d->supply, &from->source, item, ask->have, ask->n_have);
}

static void on_wreq(struct depot *d, struct depot_peer *from, const struct msg_wreq *ask,
                    int64_t now_ms)
{
    struct stock_item *item = stock_find(d->stock, &ask->hash);

    /* None asked for: it says what it has, no more. */
    const bool asks = ask->count || ask->kind < CHUNK_PIECES;

    if (!item) {
        if (asks)
            park(d, from, ask, now_ms);
        return;
    }
    d->news |= !item->slot || ask->n_have; /* what it has others may get of it */
    if ((!item->slot && first_ask(d, item, now_ms)) ||
        (asks && !asks_add(&from->asks, item, ask))) {
        depot_pump_none(d, from, &ask->hash, "no such piece, or no room to wait for it");
        return;
    }
    if (from->asks.n == 1)
        from->moved_ms = now_ms;
    if (asks)
        depot_pump_busy(d, from);
    note_have(d, from, item, ask);
    /* Whoever asks for pieces knows of parents. */
    if (ask->kind < CHUNK_PIECES || from->role == ROLE_LEARNER)
        return;
    chain_ask(d->chain, &from->chain, item, item->bytes,
              count_bits(ask->have, ask->n_have, item->chunks), now_ms);
    if (item->kind == ARTIFACT_PATCH || item->kind == ARTIFACT_ADAPTER)
        chain_makes(d->chain, item, stock_find(d->stock, &item->of), now_ms);
}

/* ---- what comes */

static enum err on_chunk(struct depot *d, struct depot_peer *from,
                         const struct msg_wchunk *chunk, int64_t now_ms)
{
    const enum stock_took took = supply_take(&d->supply, &from->source, chunk, now_ms);

    if (took == STOCK_USELESS)
        return OK; /* late: it was asked of another since */
    d->news |= took == STOCK_WHOLE;
    d->stats.taken += chunk->bytes;
    if (from->role == ROLE_LEARNER)
        d->stats.from_learners += chunk->bytes;
    if (took != STOCK_FALSE)
        return OK;
    d->stats.chunks_false++;
    return err_set(ERR_RANGE, "a chunk is not what its hash says");
}

/* Whose bytes are false, or do not come, is the child's word; that it is told lets a person look. */
static void note_failed(struct depot *d, const struct depot_peer *child,
                        const struct chain_peer *parent, const char *reason, int64_t now_ms)
{
    struct depot_stats *const stats = &d->stats;

    text_print(stats->failed, sizeof stats->failed,
               "%.150s takes no weights from %.150s: %.120s", child->chain.host, parent->host,
               reason);
    if (!stats->failed_ms || now_ms - stats->failed_ms >= TOLD_MS)
        log_warn("parent", "reason=\"%s\" next=\"another gives them\"", stats->failed);
    stats->failed_ms = now_ms;
    d->failed = parent;
}

static void on_none(struct depot *d, struct depot_peer *from, const struct msg_wnone *none,
                    int64_t now_ms)
{
    struct stock_item *item = stock_find(d->stock, &none->hash);
    const struct chain_peer *parent = item ? chain_parent(&from->chain, item) : NULL;

    if (!item)
        return;
    if (none->route == SUPPLY_ROUTE)
        supply_none(&d->supply, &from->source, item);
    else if (chain_failed(d->chain, &from->chain, item, now_ms))
        note_failed(d, from, parent, none->reason, now_ms);
}

enum err depot_take(struct depot *d, struct depot_peer *from, const struct msg *msg,
                    int64_t now_ms)
{
    enum err err = OK;

    from->chain.full = false; /* who speaks may have read */
    switch (msg->head.type) {
    case MSG_HB:
        if (msg->hb.progress)
            chain_progress(d->chain, &from->chain, msg->hb.progress, now_ms);
        break;
    case MSG_OFFER:
        d->news = true;
        on_offer(d, from, &msg->offer, now_ms);
        break;
    case MSG_WREQ:
        d->stats.asked++;
        on_wreq(d, from, &msg->wreq, now_ms);
        break;
    case MSG_WCHUNK:
        err = on_chunk(d, from, &msg->wchunk, now_ms);
        d->news |= err != OK;
        break;
    case MSG_WNONE:
        d->news = true;
        on_none(d, from, &msg->wnone, now_ms);
        break;
    default:
        return err_set(ERR_RANGE, "it has no meaning here");
    }
    depot_pump(d, from, now_ms);
    return err;
}

void depot_lend(struct depot *d, const struct hash *hash, struct shared_memory *pages,
                int64_t now_ms)
{
    struct stock_item *item = stock_find(d->stock, hash);

    if (!item || !item->slot)
        return;
    item->wait_ms = 0;
    if (pages)
        stock_lend(d->stock, item, pages);
    pump_all(d, now_ms);
}

void depot_revoked(struct depot *d, const struct hash *key, int64_t now_ms)
{
    chain_revoked(d->chain, key, now_ms);
    pump_all(d, now_ms);
}

/* ---- time */

static void tick_peer(struct depot *d, struct depot_peer *peer, int64_t now_ms)
{
    if (peer->chain.full && peer->asks.n && now_ms - peer->moved_ms >= DEPOT_IDLE_MS)
        asks_idle(&peer->asks, true);
    peer->chain.full = false;
    if (peer->n_parked)
        unpark(d, peer, now_ms);
}

/* Nobody has it whom one could ask: its askers are not kept waiting. */
static void alone(struct depot *d, struct stock_item *item, int64_t now_ms)
{
    for (struct depot_peer *peer = d->first; peer; peer = peer->next)
        if (asks_any(&peer->asks, item))
            depot_pump_none(d, peer, &item->hash, "nobody who has it can be reached");
    item->alone_ms = now_ms;
}

void depot_tick(struct depot *d, int64_t now_ms)
{
    struct stock_item *next;

    supply_tick(&d->supply, now_ms);
    chain_tick(d->chain, now_ms);
    for (struct depot_peer *peer = d->first; peer; peer = peer->next)
        tick_peer(d, peer, now_ms);
    for (struct stock_item *item = stock_first(d->stock); item; item = next) {
        next = item->next;
        if (supply_offered(item))
            item->alone_ms = 0;
        else if (!item->alone_ms)
            item->alone_ms = now_ms;
        else if (now_ms - item->alone_ms >= DEPOT_ALONE_MS && item->slot && !item->pages)
            alone(d, item, now_ms);
        if (supply_by_learner(item))
            item->lost_ms = 0;
        else if (!item->lost_ms)
            item->lost_ms = now_ms;
        else if (now_ms - item->lost_ms >= DEPOT_LOST_MS)
            lost(d, item);
    }
    pump_all(d, now_ms);
}
