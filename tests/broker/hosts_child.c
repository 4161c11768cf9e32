/* A child is the plainest one that keeps to the protocol: digests, then pieces in order, as many
 * under way as came in the last second, what it has in each WREQ, its parent when it is told one,
 * back to the broker by WNONE when that gives nothing for five seconds. It serves whoever it is
 * told to let in, also what it has only in part: a chunk that it lacks waits. */

#include "proto/fetch_conf.h"
#include "tests/broker/hosts_state.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 128 }; /* pieces under way: 8 MiB */

/* ---- what a host says */

static void wreq(struct hosts *h, int i, uint32_t kind, uint32_t first, uint32_t n)
{
    struct hosts_one *me = &h->host[i];
    struct msg msg = {.head.type = MSG_WREQ,
                      .wreq = {.hash = h->what.hash,
                               .kind = kind,
                               .first = first,
                               .count = n,
                               .have = me->chunk,
                               .n_have = (h->chunks + 7) / 8}};

    hosts_carry(h, i, me->from, &msg);
}

static bool waits(const struct hosts *h, const struct hosts_one *me)
{
    return h->now_ms < (double)me->pause_ms ||
           (me->from != HOSTS_BROKER && h->now_ms < (double)me->there_ms);
}

void hosts_child_ask(struct hosts *h, int i)
{
    struct hosts_one *me = &h->host[i];

    if (!me->pulls || me->result.whole || waits(h, me))
        return;
    if (!me->digests) {
        if (!me->dialled)
            wreq(h, i, CHUNK_DIGEST_PIECES, 0, 1);
        me->dialled = true;
        return;
    }
    for (uint32_t p = 0; p < h->pieces && me->under_way < me->window; p++) {
        uint32_t n = 0;
        while (p + n < h->pieces && n < 64 && me->under_way < me->window &&
               !hosts_bit(me->piece, p + n) && !me->asked[p + n]) {
            me->asked[p + n++] = 1;
            me->under_way++;
        }
        if (n)
            wreq(h, i, CHUNK_PIECES, p, n);
        p += n;
    }
}

void hosts_child_offer(struct hosts *h, int i)
{
    struct msg msg = {
        .head.type = MSG_OFFER,
        .offer = {.artifact = &h->past[(h->versions - 1) % 256], .n_artifact = 1}};

    hosts_carry(h, i, HOSTS_BROKER, &msg);
}

void hosts_child_unask(struct hosts *h, struct hosts_one *me)
{
    memset(me->asked, 0, h->pieces);
    me->under_way = 0;
    me->dialled = false;
}

/* ---- what it gives */

static bool can_give(const struct hosts *h, const struct hosts_one *me, uint32_t piece)
{
    (void)h;
    return me->result.whole || hosts_bit(me->chunk, piece / 16);
}

static void give(struct hosts *h, int i, int to, uint32_t kind, uint32_t index, uint64_t route)
{
    struct hosts_one *me = &h->host[i];
    const size_t at = (size_t)index * PIECE;
    struct msg msg = {
        .head.type = MSG_WCHUNK,
        .wchunk = {.route = route,
                   .hash = h->what.hash,
                   .kind = kind,
                   .index = index,
                   .total = h->bytes,
                   .data = (me->lies ? h->wrong : h->image) + at,
                   .bytes = (uint32_t)(h->bytes - at < PIECE ? h->bytes - at : PIECE)}};

    if (kind == CHUNK_DIGEST_PIECES) {
        msg.wchunk.data = h->digest[0].byte;
        msg.wchunk.bytes = h->chunks * HASH_BYTES;
    }
    me->result.out += msg.wchunk.bytes;
    hosts_carry(h, i, to, &msg);
}

static void give_waiting(struct hosts *h, int i)
{
    struct hosts_one *me = &h->host[i];
    int n = 0;

    for (int k = 0; k < me->n_wait; k++)
        if (can_give(h, me, me->wait[k].piece))
            give(h, i, me->wait[k].child, CHUNK_PIECES, me->wait[k].piece, 1);
        else
            me->wait[n++] = me->wait[k];
    me->n_wait = n;
}

static bool is_guest(const struct hosts *h, int i, int child)
{
    for (int k = 0; k < h->host[i].guests; k++)
        if (h->host[i].guest[k].byte[0] == h->host[child].id)
            return true;
    return false;
}

static void on_wreq(struct hosts *h, int i, int from, const struct msg_wreq *ask_)
{
    struct hosts_one *me = &h->host[i];

    if (me->undialled && from != HOSTS_BROKER)
        return;
    if (from != HOSTS_BROKER && !is_guest(h, i, from)) {
        me->result.turned_away++;
        return;
    }
    if (ask_->kind == CHUNK_DIGEST_PIECES) {
        give(h, i, from, ask_->kind, 0, ask_->route);
        return;
    }
    for (uint32_t p = ask_->first; p < ask_->first + ask_->count && p < h->pieces; p++) {
        if (can_give(h, me, p)) {
            give(h, i, from, CHUNK_PIECES, p, ask_->route);
        } else if (me->n_wait < HOSTS_WAITS) {
            me->wait[me->n_wait++] = (struct hosts_waits){from, p};
        }
    }
}

/* ---- what it takes */

static void whole_chunk(struct hosts *h, int i, uint32_t chunk)
{
    struct hosts_one *me = &h->host[i];
    const uint32_t end = chunk * 16 + 16 < h->pieces ? chunk * 16 + 16 : h->pieces;

    for (uint32_t p = chunk * 16; p < end; p++)
        if (!hosts_bit(me->piece, p))
            return;
    hosts_set(me->chunk, chunk);
    me->n_chunks++;
    give_waiting(h, i);
    if (me->n_chunks < h->chunks)
        return;
    me->result.whole = true;
    me->result.done_ms = (int64_t)h->now_ms;
    hosts_child_offer(h, i);
}

static void on_piece(struct hosts *h, int i, int from, const struct msg_wchunk *c)
{
    struct hosts_one *me = &h->host[i];

    if (from == me->from)
        me->heard_ms = (int64_t)h->now_ms;
    if (c->kind == CHUNK_DIGEST_PIECES) {
        me->digests = true;
    } else if (c->index < h->pieces) {
        me->under_way -= me->asked[c->index] == 1;
        me->asked[c->index] = 0;
        me->result.in += c->bytes;
        me->second += c->bytes;
        if (memcmp(c->data, h->image + (size_t)c->index * PIECE, c->bytes) != 0)
            return;
        if (!hosts_bit(me->piece, c->index)) {
            hosts_set(me->piece, c->index);
            me->progress += c->bytes;
            whole_chunk(h, i, c->index / 16);
        }
    }
    hosts_child_ask(h, i);
}

/* What is on its way comes, or WNONE says that it does not; the rest is asked of `to`. */
static void turn_to(struct hosts *h, struct hosts_one *me, int to)
{
    for (uint32_t p = 0; p < h->pieces; p++)
        me->asked[p] = me->from == HOSTS_BROKER && me->asked[p] ? 2 : 0;
    me->under_way = 0;
    me->dialled = false; /* a connection of its own */
    me->from = to;
}

static void on_parent(struct hosts *h, int i, const struct msg_parent *parent)
{
    struct hosts_one *me = &h->host[i];
    const char *port = strrchr(parent->endpoint, ':');
    const int to = port ? (int)strtol(port + 1, NULL, 10) : HOSTS_BROKER;

    me->result.parents += port != NULL;
    if (to == me->from || (to == me->next && to != HOSTS_BROKER))
        return;
    me->next = HOSTS_BROKER;
    turn_to(h, me, to);
    me->dial_ms = me->there_ms = (int64_t)h->now_ms;
    if (h->seed && to != HOSTS_BROKER)
        me->there_ms += 3000 + (int64_t)(2000 * hosts_chance(h, i, HOSTS_DIAL));
    me->heard_ms = (int64_t)h->now_ms;
    me->digests = false;
    hosts_child_ask(h, i);
}

static void on_none(struct hosts *h, int i)
{
    struct hosts_one *me = &h->host[i];

    for (uint32_t p = 0; p < h->pieces; p++)
        me->asked[p] &= 1;
    if (me->from == HOSTS_BROKER) {
        hosts_child_unask(h, me);
        me->pause_ms = (int64_t)h->now_ms + 2000;
    }
    hosts_child_ask(h, i);
}

void hosts_child_hear(struct hosts *h, int i, int from, const struct msg *msg)
{
    struct hosts_one *me = &h->host[i];

    if (!me->lives || me->stopped)
        return;
    switch (msg->head.type) {
    case MSG_WREQ:
        if (hash_same(&msg->wreq.hash, &h->what.hash))
            on_wreq(h, i, from, &msg->wreq);
        break;
    case MSG_WCHUNK:
        if ((from == me->from || from == HOSTS_BROKER) &&
            hash_same(&msg->wchunk.hash, &h->what.hash))
            on_piece(h, i, from, &msg->wchunk);
        break;
    case MSG_WNONE:
        on_none(h, i);
        break;
    case MSG_PARENT:
        if (me->pulls && !me->result.whole && hash_same(&msg->parent.hash, &h->what.hash))
            on_parent(h, i, &msg->parent);
        break;
    default:
        break;
    }
}

/* As fetch_source.c has it: a parent that itself waits for what is asked of it has more time. */
static bool silent(const struct hosts *h, struct hosts_one *me, int64_t now_ms)
{
    bool promised = !me->digests;

    for (uint32_t p = 0; p < h->pieces && !promised; p++)
        promised = me->asked[p] == 1 && can_give(h, &h->host[me->from], p);
    if (now_ms < me->there_ms) {
        me->heard_ms = now_ms;
        return now_ms - me->dial_ms >= FETCH_WIRE_DIAL_MS;
    }
    return now_ms - me->heard_ms >= (promised ? FETCH_WIRE_OWED_MS : FETCH_WIRE_WAIT_MS);
}

/* As fetch_parent.c has it: fed by the broker while a parent is dialled. */
static void dial(struct hosts *h, struct hosts_one *me, int64_t now_ms)
{
    if (!me->pulls || me->result.whole)
        return;
    if (me->next != HOSTS_BROKER && now_ms >= me->there_ms) {
        turn_to(h, me, me->next);
        me->next = HOSTS_BROKER;
        me->heard_ms = now_ms;
        me->digests = false;
    } else if (me->from != HOSTS_BROKER && now_ms < me->there_ms &&
               now_ms - me->dial_ms >= FETCH_WIRE_HASTE_MS) {
        me->next = me->from;
        turn_to(h, me, HOSTS_BROKER);
    }
}

void hosts_child_tick(struct hosts *h, int i)
{
    struct hosts_one *me = &h->host[i];
    const int64_t now_ms = (int64_t)h->now_ms;

    if (!me->lives)
        return;
    hosts_order(h, EV_TICK, i, now_ms + HOSTS_TICK_MS);
    if (me->stopped || me->asleep_ms > h->now_ms)
        return;
    if (h->seed && now_ms % 1000 < HOSTS_TICK_MS && hosts_chance(h, i, HOSTS_SLEEP) < .1) {
        me->asleep_ms = h->now_ms + 1000 + 1000 * hosts_chance(h, i, HOSTS_SLEEP_MS);
        me->heard_ms += (int64_t)(me->asleep_ms - h->now_ms); /* it did not listen */
        return;
    }
    if (now_ms - me->second_ms >= 1000) {
        const uint64_t n = me->second / PIECE + 1;
        struct msg msg = {.head.type = MSG_HB, .hb.progress = me->progress};
        me->window = n < 2 ? 2 : n > MOST ? MOST : (uint32_t)n;
        me->second = 0;
        me->second_ms = now_ms;
        hosts_carry(h, i, HOSTS_BROKER, &msg);
    }
    dial(h, me, now_ms);
    if (me->from != HOSTS_BROKER && me->pulls && !me->result.whole && silent(h, me, now_ms)) {
        struct msg msg = {.head.type = MSG_WNONE,
                          .wnone = {.hash = h->what.hash, .reason = "x"}};
        me->from = HOSTS_BROKER;
        me->heard_ms = now_ms;
        hosts_child_unask(h, me);
        hosts_carry(h, i, HOSTS_BROKER, &msg);
    }
    hosts_child_ask(h, i);
}
