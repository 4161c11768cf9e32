/* What goes out, in this order: places (GUESTS, PARENT), pieces to children, requests to sources.
 * Children that wait for something stand in a list and get a piece each in turn, so that one who
 * asks for much does not hold up one who asks for little; who stands at its end is behind all
 * others. A pipe that is full is left alone until the next tick or until its child says something:
 * what is in it is bounded by the port's high-water mark, and what waits here is requests, not
 * bytes.
 *
 * Most of what is heard, a piece of a chunk or a request, changes nothing for all who wait: then
 * only who spoke is looked at. What does (`news`: a chunk that is whole, an offer, a place, a pipe
 * that takes again, the tick) has all of them looked at once. */

#include "broker/bulk/depot_state.h"

#include <string.h>

/* Pieces a call: 16 MiB, some ms, to all; 1 MiB to one. The next event or tick goes on. */
enum { TURNS = 256, TURN = 16 };

/* False: not yet. */
static bool say_none(struct depot *d, struct depot_peer *peer)
{
    while (peer->n_none && !peer->chain.full) {
        const struct depot_none *none = &peer->none[peer->n_none - 1];
        struct msg msg = {.head.type = MSG_WNONE,
                          .wnone = {.hash = none->hash, .reason = none->reason}};

        if (d->sink.send(d->sink.self, peer->link, &msg) == ERR_STATE)
            peer->chain.full = true;
        else
            peer->n_none--;
    }
    return !peer->n_none;
}

void depot_pump_none(struct depot *d, struct depot_peer *peer, const struct hash *hash,
                     const char *reason)
{
    struct stock_item *item = stock_find(d->stock, hash);

    if (item)
        asks_drop(&peer->asks, item);
    d->stats.none++;
    /* One that asks for more than this of what is not here waits until it asks again. */
    if (peer->n_none < DEPOT_NONE)
        peer->none[peer->n_none++] = (struct depot_none){*hash, reason};
    if (!say_none(d, peer))
        depot_pump_busy(d, peer);
}

void depot_pump_busy(struct depot *d, struct depot_peer *peer)
{
    if (peer->busy)
        return;
    peer->busy = true;
    /* in front of the head is at the end of the ring */
    if (!d->busy) {
        d->busy = peer->busy_next = peer->busy_before = peer;
        return;
    }
    peer->busy_next = d->busy;
    peer->busy_before = d->busy->busy_before;
    peer->busy_before->busy_next = peer;
    d->busy->busy_before = peer;
}

void depot_pump_unbusy(struct depot *d, struct depot_peer *peer)
{
    if (!peer->busy)
        return;
    peer->busy = false;
    if (peer->busy_next == peer) {
        d->busy = NULL;
        return;
    }
    peer->busy_before->busy_next = peer->busy_next;
    peer->busy_next->busy_before = peer->busy_before;
    if (d->busy == peer)
        d->busy = peer->busy_next;
}

/* ---- places */

/* What it still waits for here it shall ask its parent for, unless that one is not there yet. */
static void say_places(struct depot *d)
{
    struct chain_peer *to;
    const void *key;
    struct msg msg;

    while (chain_next(d->chain, &to, &key, &msg)) {
        struct depot_peer *peer = to->owner;
        const struct stock_item *item = key;
        if (item)
            msg.parent.hash = item->hash;
        /* What is lost with a connection HELLO makes good. */
        if (d->sink.send(d->sink.self, peer->link, &msg) == ERR_STATE) {
            to->full = true;
            chain_unsaid(d->chain, to, key);
            continue;
        }
        d->news = true;
        if (!item || !*msg.parent.endpoint)
            continue;
        d->stats.moved++;
        if (asks_any(&peer->asks, item) && chain_place(to, item) == CHAIN_PARENT)
            depot_pump_none(d, peer, &item->hash, "the parent has it");
    }
}

/* ---- pieces */

/* Must it wait for its place? */
static bool held(const void *self, const struct asks_entry *ask)
{
    const struct depot_peer *peer = self;

    if (ask->kind != CHUNK_PIECES)
        return false;
    switch (chain_place(&peer->chain, ask->item)) {
    case CHAIN_BROKER:
        return false;
    case CHAIN_FIRST:
        return (uint64_t)ask->next * PIECE >= CHAIN_PROBE;
    default:
        return true;
    }
}

/* Does it leave the lines to those who make what it pulls? */
static bool yields(const void *self, const struct asks_entry *ask)
{
    const struct depot_peer *peer = self;

    return ask->kind == CHUNK_PIECES && chain_place(&peer->chain, ask->item) == CHAIN_YIELDS;
}

/* One piece. False: nothing for it now. */
static bool give(struct depot *d, struct depot_peer *peer, int64_t now_ms)
{
    struct msg msg;
    struct asks_entry *ask = !say_none(d, peer) || peer->chain.full
                                 ? NULL
                                 : asks_next(&peer->asks, d->stock, &msg, held, peer);
    enum err err;

    if (!ask)
        return false;
    err = d->sink.send(d->sink.self, peer->link, &msg);
    if (err) {
        peer->chain.full = true;
        return false;
    }
    d->stats.pieces++;
    d->stats.bytes += msg.wchunk.bytes;
    peer->moved_ms = now_ms;
    asks_idle(&peer->asks, false);
    asks_sent(&peer->asks, ask);
    return true;
}

/* True: some may be left who could have more. */
static bool give_all(struct depot *d, int64_t now_ms)
{
    struct depot_peer *last = NULL; /* the first in a row that got nothing */
    int given = 0;

    while (d->busy && given < TURNS) {
        struct depot_peer *peer = d->busy;
        const bool gave = give(d, peer, now_ms);
        if (!peer->asks.n && !peer->n_parked && !peer->n_none) {
            if (last == peer)
                last = NULL;
            depot_pump_unbusy(d, peer);
        } else {
            if (!gave && peer == last)
                break;
            d->busy = peer->busy_next;
            if (gave)
                last = NULL;
            else if (!last)
                last = peer;
        }
        given += gave;
    }
    return given == TURNS;
}

/* ---- requests */

static void ask_all(struct depot *d, int64_t now_ms)
{
    struct supply_source *to;
    struct msg msg;

    d->supply.crowded = false;
    while (supply_next(&d->supply, &to, &msg, now_ms)) {
        struct depot_peer *peer = to->owner;
        const struct msg_wreq request = msg.wreq;
        const enum err err = d->sink.send(d->sink.self, peer->link, &msg);
        if (err)
            supply_unsent(&d->supply, to, &request, err == ERR_IO);
    }
}

static void want_all(struct depot *d)
{
    struct depot_peer *peer = d->busy;

    if (!peer)
        return;
    do {
        asks_want(&peer->asks, yields, peer);
        peer = peer->busy_next;
    } while (peer != d->busy);
}

/* Only it has anything new to ask for, or room. */
static void pump_one(struct depot *d, struct depot_peer *peer, int64_t now_ms)
{
    for (int i = 0; i < TURN && give(d, peer, now_ms); i++)
        d->news = i + 1 == TURN; /* others have their turn, too: the next event goes on */
    if (!peer->asks.n && !peer->n_parked && !peer->n_none)
        depot_pump_unbusy(d, peer);
    if (asks_want(&peer->asks, yields, peer) || d->supply.crowded)
        ask_all(d, now_ms);
}

void depot_pump(struct depot *d, struct depot_peer *from, int64_t now_ms)
{
    say_places(d);
    if (!d->news) {
        if (from && from->busy)
            pump_one(d, from, now_ms);
        return;
    }
    d->news = give_all(d, now_ms);
    want_all(d);
    ask_all(d, now_ms);
}
