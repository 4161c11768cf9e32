/* A source is a connection from which pieces are taken: number 0 is the broker's bulk port, the
 * others are parents. A pull asks one of them, and may still be owed by the one before. How much
 * is on its way from a source follows from the rate at which it brings (pace.h), over all pulls
 * that ask it, the oldest first. Which one a pull asks is fetch_parent.c's; on a new connection all
 * that was under way there is due again. Nothing else is asked for twice.
 *
 * A source is closed in the tick only: the messages that end it come out of its own socket. */

#include "proto/fetch_state.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/printable.h"
#include "proto/serving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MAX = 3 };

int fetch_source_number(const struct fetch_source *source)
{
    return (int)(source - source->wire->source);
}

struct fetch_pull *fetch_source_pull(const struct fetch_wire *wire, const struct hash *hash)
{
    for (int i = 0; i < FETCH_WIRE_PULLS; i++)
        if (wire->pull[i].blob && hash_same(&blob_pull_what(wire->pull[i].blob)->hash, hash))
            return (struct fetch_pull *)&wire->pull[i];
    return NULL;
}

void fetch_source_close(struct fetch_source *source)
{
    struct fetch_wire *const wire = source->wire;

    if (source->peer) {
        wire->conf.unwatch(wire->conf.self, peer_socket(source->peer));
        peer_close(source->peer);
    }
    curve_wipe(&source->keys);
    free(source->endpoint);
    memset(source, 0, sizeof *source);
    source->wire = wire;
}

/* ---- what to ask for */

static size_t owed_by(const struct fetch_wire *wire, int source)
{
    size_t owed = 0;

    for (int i = 0; i < FETCH_WIRE_PULLS; i++) {
        const struct fetch_pull *const pull = &wire->pull[i];
        if (pull->blob && pull->from == source)
            owed += blob_pull_owed(pull->blob, false);
        if (pull->blob && pull->before == source)
            owed += blob_pull_owed(pull->blob, true);
    }
    return owed;
}

/* Whether something is owed, for the rate and for patience; time counts only while it is. */
static void note_owed(struct fetch_wire *wire, int64_t now_ms)
{
    bool any = false;

    for (int i = 0; i < FETCH_SOURCES; i++) {
        struct fetch_source *const source = &wire->source[i];
        const bool owes = source->peer && owed_by(wire, i);
        if (owes && !source->owes)
            source->heard_ms = now_ms;
        source->owes = owes;
        pace_owed(&source->pace, owes, now_ms);
        any |= owes;
    }
    pace_owed(&wire->pace, any, now_ms);
}

/* A window's eighth at once, so that not each piece costs a request; but what a line brings in a
 * second is never less than two pieces, and each pull has so much of it. */
static void ask_for(struct fetch_source *source, struct blob_pull *blob, int64_t now_ms)
{
    const size_t window = pace_window(&source->pace);
    const size_t least = window / 8 < PIECE ? (size_t)PIECE : window / 8;
    struct msg msg;

    for (;;) {
        const size_t owed = owed_by(source->wire, fetch_source_number(source));
        const size_t own = blob_pull_owed(blob, false);
        size_t room = owed < window ? window - owed : 0;
        if (room < least)
            room = own < PACE_LEAST ? PACE_LEAST - own : 0;
        if (room < PIECE || !blob_pull_ask(blob, &msg, room, now_ms))
            return;
        if (peer_send(source->peer, &msg)) { /* the next tick */
            blob_pull_lost(blob, &msg);
            return;
        }
    }
}

static struct fetch_pull *next_by_age(struct fetch_wire *wire, uint64_t after)
{
    struct fetch_pull *next = NULL;

    for (int i = 0; i < FETCH_WIRE_PULLS; i++) {
        struct fetch_pull *const pull = &wire->pull[i];
        if (pull->blob && pull->age > after && (!next || pull->age < next->age))
            next = pull;
    }
    return next;
}

void fetch_source_ask(struct fetch_wire *wire, int64_t now_ms)
{
    struct fetch_pull *pull = next_by_age(wire, 0);
    struct msg msg;

    for (; pull; pull = next_by_age(wire, pull->age)) {
        struct fetch_source *const source = &wire->source[pull->from];
        if (!source->peer || source->failed || !peer_welcome(source->peer))
            continue;
        ask_for(source, pull->blob, now_ms);
        if (pull->from == FETCH_BROKER && blob_pull_tell(pull->blob, &msg, now_ms) &&
            peer_send(source->peer, &msg))
            blob_pull_lost(pull->blob, &msg);
    }
    note_owed(wire, now_ms);
}

/* ---- from whom */

/* Hands over what has come whole. It may be wanted again at once. */
static enum err hand(struct fetch_wire *wire, struct fetch_pull *pull, int64_t now_ms)
{
    struct fetch_pull whole = *pull;
    struct shared_memory *shared;
    enum err err = blob_pull_detach(whole.blob, &shared);

    if (err || !shared)
        return err;
    blob_store_remove(wire->store, &blob_pull_what(whole.blob)->hash);
    memset(pull, 0, sizeof *pull);
    err = wire->conf.whole(wire->conf.self, blob_pull_what(whole.blob), shared,
                           blob_pull_digest(whole.blob), now_ms);
    blob_pull_free(whole.blob);
    free(whole.failed);
    return err;
}

static enum err on_chunk(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch_source *const source = self;
    struct fetch_wire *const wire = source->wire;
    struct fetch_pull *const pull = fetch_source_pull(wire, &msg->wchunk.hash);
    const bool before = pull && pull->from != fetch_source_number(source);
    enum blob_took took;
    enum err err = OK;

    pace_came(&source->pace, msg->wchunk.bytes, now_ms);
    pace_came(&wire->pace, msg->wchunk.bytes, now_ms);
    if (!pull || (before && pull->before != fetch_source_number(source)))
        return OK; /* dropped since, or from one that was left */
    took = blob_take(pull->blob, &msg->wchunk, before, now_ms);
    if (took == BLOB_KEPT || took == BLOB_PART) {
        wire->pieces++;
        source->heard_ms = now_ms;
        source->patience = 0;
    }
    if (took == BLOB_PART) {
        err = hand(wire, pull, now_ms);
        fetch_wire_pump(wire); /* others may wait for it */
    } else if (took == BLOB_WRONG && fetch_source_number(source) != FETCH_BROKER) {
        fetch_parent_fail(source, "what it sends is not what its name says");
    }
    fetch_source_ask(wire, now_ms);
    return err;
}

static enum err on_none(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch_source *const source = self;
    struct fetch_wire *const wire = source->wire;
    struct fetch_pull *const pull = fetch_source_pull(wire, &msg->wnone.hash);
    char why[128];

    if (!pull)
        return OK;
    if (pull->from == fetch_source_number(source) && pull->from == FETCH_BROKER) {
        blob_pull_none(pull->blob, &msg->wnone, now_ms);
        wire->conf.none(wire->conf.self, &msg->wnone.hash); /* which may drop it */
    } else if (pull->from == fetch_source_number(source)) {
        printable(why, sizeof why, msg->wnone.reason, strlen(msg->wnone.reason),
                  PRINTABLE_LINE);
        fetch_parent_leave(wire, pull, why);
    } else if (pull->before == fetch_source_number(source)) {
        blob_pull_forget(pull->blob);
        pull->before = FETCH_NOBODY;
    }
    fetch_source_ask(wire, now_ms);
    fetch_wire_pump(wire);
    return OK;
}

/* Perhaps after a cut: what was asked for on the old connection will not come. */
static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch_source *const source = self;
    struct fetch_wire *const wire = source->wire;
    uint32_t offers;

    (void)msg;
    source->welcome_ms = now_ms;
    source->welcome = true;
    for (int i = 0; i < FETCH_WIRE_PULLS; i++) {
        struct fetch_pull *const pull = &wire->pull[i];
        if (pull->blob && pull->from == fetch_source_number(source))
            blob_pull_cut(pull->blob);
        if (pull->blob && pull->before == fetch_source_number(source))
            blob_pull_forget(pull->blob);
    }
    if (fetch_source_number(source) == FETCH_BROKER) {
        wire->conf.again(wire->conf.self);
        blob_asks_clear(wire->asks);
        blob_store_list(wire->store, &offers);
        wire->offer = offers > 0;
    } else {
        fetch_parent_there(source);
    }
    fetch_source_ask(wire, now_ms);
    fetch_wire_pump(wire);
    return OK;
}

/* ---- connections */

static void beat(void *self, struct msg_hb *out)
{
    const struct fetch_wire *const wire = self;

    out->progress = wire->pieces * PIECE;
    out->wire_bytes = wire->pace.total;
    out->wire_rate = (uint64_t)pace_rate(&wire->pace);
}

enum err fetch_source_dial(struct fetch_source *source, const char *endpoint, const char *key,
                           int64_t now_ms)
{
    struct fetch_wire *const wire = source->wire;
    struct peer_conf conf = wire->conf.peer;
    enum err err;

    source->endpoint = mem_text(endpoint);
    source->welcome_ms = source->heard_ms = now_ms;
    conf.broker = source->endpoint;
    conf.hello = NULL;
    conf.hb = beat;
    conf.self = wire;
    conf.serve = wire->serving ? serving_endpoint(wire->serving) : NULL;
    if (conf.keys) {
        source->keys = *conf.keys;
        if (*key)
            snprintf(source->keys.server_key, sizeof source->keys.server_key, "%s", key);
        conf.keys = &source->keys;
    }
    err = peer_open(&source->peer, wire->conf.context, &conf, now_ms);
    if (err)
        return err;
    peer_on(source->peer, MSG_WCHUNK, on_chunk, source);
    peer_on(source->peer, MSG_WNONE, on_none, source);
    peer_on(source->peer, MSG_WELCOME, on_welcome, source);
    return wire->conf.watch(wire->conf.self, peer_socket(source->peer));
}

enum err fetch_source_endpoint(struct fetch_wire *wire, const char *bulk, const char *bulk_key,
                               int64_t now_ms)
{
    struct fetch_source *const broker = &wire->source[FETCH_BROKER];
    enum err err;

    if (!*bulk) /* a broker without artifacts: what is wanted waits */
        return OK;
    if (broker->peer && !strcmp(broker->endpoint, bulk))
        return OK;
    fetch_source_close(broker);
    err = fetch_source_dial(broker, bulk, bulk_key, now_ms);
    if (err)
        return err;
    peer_on(broker->peer, MSG_PARENT, fetch_parent_named, broker);
    return OK;
}

/* ---- time */

/* What a broker owes comes, or it says WNONE: that it does neither for so long is a fault of
 * somebody's. HELLO makes it forget what was asked, so little comes twice. */
static void look_at_broker(struct fetch_wire *wire, int64_t now_ms)
{
    struct fetch_source *const broker = &wire->source[FETCH_BROKER];
    const int64_t wait_ms = (int64_t)FETCH_WIRE_AGAIN_MS << broker->patience;

    if (!broker->owes || !peer_welcome(broker->peer) || now_ms - broker->heard_ms < wait_ms)
        return;
    log_info("asks-again", "broker=%s after_s=%.0f", broker->endpoint, (double)wait_ms / 1e3);
    broker->patience += broker->patience < PATIENCE_MAX;
    broker->heard_ms = now_ms;
    peer_again(broker->peer, now_ms);
}

/* This process was stopped: it did not listen, and nobody was silent. */
static void slept(struct fetch_wire *wire, int64_t ms)
{
    for (int i = 0; i < FETCH_SOURCES; i++) {
        wire->source[i].heard_ms += ms;
        wire->source[i].welcome_ms += ms;
    }
}

enum err fetch_source_tick(struct fetch_wire *wire, int64_t now_ms)
{
    enum err err = OK;

    if (wire->tick_ms && now_ms - wire->tick_ms > PEER_SILENCE_MS / 2)
        slept(wire, now_ms - wire->tick_ms);
    wire->tick_ms = now_ms;
    for (int i = 0; i < FETCH_SOURCES && !err; i++)
        if (wire->source[i].peer)
            err = peer_tick(wire->source[i].peer, now_ms);
    if (err)
        return err;
    fetch_parent_tick(wire, now_ms);
    look_at_broker(wire, now_ms);
    fetch_source_ask(wire, now_ms);
    return OK;
}
