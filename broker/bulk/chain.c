/* A cast is an artifact with its members: who asks for it, or has it. What they say moves them:
 * who asks the first time joins, who has its first chunk gets a place, who has it whole takes
 * nothing any more, whose parent gives nothing moves up. Which place is chain_place.c's. What is
 * to be said is noted with whom it concerns (told, guests.due) and fetched by chain_next, so that
 * a change that is taken back before is never said. */

#include "broker/bulk/chain.h"

#include "base/mem.h"
#include "broker/bulk/chain_state.h"
#include "proto/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { WINDOW_MS = 5000, FAILS = 2 }; /* processes stand still for a second or two */

void chain_new(struct chain **out)
{
    *out = mem_new(1, sizeof **out);
}

struct chain_member *chain_find(const struct chain_peer *peer, const void *item)
{
    struct chain_member *m = peer->member;

    while (m && m->cast->item != item)
        m = m->of_peer;
    return m;
}

/* ---- casts and members */

static struct chain_cast *cast_of(struct chain *c, const void *item, uint64_t bytes,
                                  int64_t now_ms)
{
    struct chain_cast *cast = c->cast;

    while (cast && cast->item != item)
        cast = cast->next;
    if (cast)
        return cast;
    cast = mem_new(1, sizeof *cast);
    cast->item = item;
    cast->bytes = bytes;
    cast->first_ms = now_ms;
    cast->next = c->cast;
    c->last = c->now;
    c->now = 0;
    c->cast = cast;
    return cast;
}

static struct chain_member *join(struct chain *c, struct chain_peer *peer, const void *item,
                                 uint64_t bytes, int64_t now_ms)
{
    struct chain_cast *cast = cast_of(c, item, bytes, now_ms);
    struct chain_member *m = mem_new(1, sizeof *m), **at = &cast->member;

    m->cast = cast;
    m->peer = peer;
    m->joined_ms = m->since_ms = now_ms;
    m->joined_said = peer->said;
    while (*at) /* in order of coming */
        at = &(*at)->of_cast;
    *at = m;
    m->of_peer = peer->member;
    peer->member = m;
    return m;
}

static void leave(struct chain *c, struct chain_member *m, int64_t now_ms)
{
    struct chain_member **at = &m->cast->member;

    chain_place_orphan(c, m, now_ms);
    while (*at != m)
        at = &(*at)->of_cast;
    *at = m->of_cast;
    chain_place_leave(m, now_ms);
    for (at = &m->peer->member; *at != m;)
        at = &(*at)->of_peer;
    *at = m->of_peer;
    free(m);
}

/* A host that listens everywhere does not know by which address others reach it; we do. */
static void reach(char out[MAX_NAME], const char *serve, const char *address)
{
    if (address_everywhere(serve))
        address_at(out, address, serve);
    else
        snprintf(out, MAX_NAME, "%s", serve);
}

void chain_add(struct chain *c, struct chain_peer *peer, const char *host, const char *serve,
               const char *address, const struct hash *key)
{
    snprintf(peer->host, sizeof peer->host, "%.180s@%.64s", host, address);
    *peer->serve = '\0';
    if (!strncmp(serve, "tcp://", 6) && strrchr(serve + 6, ':'))
        reach(peer->serve, serve, address);
    peer->key = *key;
    peer->guests.due = *peer->serve; /* it forgot whom it may let in */
    c->due |= peer->guests.due;
    peer->next = c->peer;
    peer->before = NULL;
    if (c->peer)
        c->peer->before = peer;
    c->peer = peer;
}

void chain_remove(struct chain *c, struct chain_peer *peer, int64_t now_ms)
{
    while (peer->member)
        leave(c, peer->member, now_ms);
    for (struct chain_cast *cast = c->cast; cast; cast = cast->next)
        for (struct chain_member *m = cast->member; m; m = m->of_cast)
            for (uint32_t i = 0; i < CHAIN_REFUSED; i++)
                if (m->refused[i] == peer)
                    m->refused[i] = NULL;
    *(peer->before ? &peer->before->next : &c->peer) = peer->next;
    if (peer->next)
        peer->next->before = peer->before;
    guests_fini(&peer->guests);
}

static void free_cast(struct chain *c, struct chain_cast *cast)
{
    while (cast->member)
        leave(c, cast->member, 0);
    free(cast);
}

void chain_forget(struct chain *c, const void *item)
{
    struct chain_cast **at = &c->cast, *cast;

    for (cast = c->cast; cast; cast = cast->next)
        if (cast->makes == item)
            cast->makes = NULL;
    while (*at && (*at)->item != item)
        at = &(*at)->next;
    cast = *at;
    if (!cast)
        return;
    *at = cast->next;
    free_cast(c, cast);
}

void chain_free(struct chain *c)
{
    while (c && c->cast)
        chain_forget(c, c->cast->item);
    free(c);
}

/* ---- what members say */

void chain_ask(struct chain *c, struct chain_peer *peer, const void *item, uint64_t bytes,
               uint32_t have, int64_t now_ms)
{
    struct chain_member *m = chain_find(peer, item);

    if (bytes < CHAIN_LEAST)
        return;
    if (!m) {
        m = join(c, peer, item, bytes, now_ms);
        if (peer->last) /* nobody waits for it, nor does it take a probe */
            peer->best = CHAIN_LAST;
        else {
            m->cast->asked++;
            c->now += m->cast == c->cast;
        }
        /* who went on with what it had says nothing of its rate */
        m->place = peer->best > 0 || have ? CHAIN_LATER : CHAIN_FIRST;
    }
    m->asked_ms = now_ms;
    if (m->place == CHAIN_FIRST && have) {
        const int64_t ms = now_ms - m->joined_ms;
        peer->best = (double)CHAIN_PROBE * 1e3 / (double)(ms > 0 ? ms : 1);
        chain_place_settle(c, m, now_ms);
    }
    if (m->place != CHAIN_PARENT)
        return;
    /* It has not heard yet where to ask, or has forgotten: a pull that was dropped and begins
     * again. PARENT answers what it asked here, which waited without an end otherwise. */
    if (now_ms - m->since_ms < CHAIN_DIAL_MS)
        m->told = c->due = true;
    else if (!m->lacks_parent || now_ms - m->again_ms >= CHAIN_DIAL_MS) {
        m->lacks_parent = m->told = c->due = true;
        m->again_ms = now_ms;
    }
}

void chain_makes(struct chain *c, const void *item, const void *image, int64_t now_ms)
{
    struct chain_cast *cast = c->cast, *made = c->cast;

    while (cast && cast->item != item)
        cast = cast->next;
    if (!cast || cast->makes == image)
        return;
    cast->makes = image;
    while (made && made->item != image)
        made = made->next;
    /* who came before it was known has a line that is wanted now */
    for (struct chain_member *m = made ? made->member : NULL; m; m = m->of_cast)
        if (m->place == CHAIN_BROKER && !m->whole)
            chain_place_settle(c, m, now_ms);
}

/* What came in all is the surest that is known of a line; its first chunk came while all others
 * took theirs, too. */
static void learn(const struct chain_member *m, int64_t now_ms)
{
    const int64_t ms = now_ms - m->joined_ms;
    const double rate =
        ms > 0 ? (double)(m->peer->said - m->joined_said) * 1e3 / (double)ms : 0;

    if (rate > m->peer->best)
        m->peer->best = rate;
}

void chain_whole(struct chain *c, struct chain_peer *peer, const void *item, uint64_t bytes,
                 int64_t now_ms)
{
    struct chain_member *m = chain_find(peer, item);

    if (bytes < CHAIN_LEAST || (m && m->whole))
        return;
    if (!m)
        m = join(c, peer, item, bytes, now_ms);
    if (m->parent)
        m->parent->peer->failed = 0; /* it gives, whatever others say */
    learn(m, now_ms);
    m->whole = true;
    chain_place_put(c, m, NULL, now_ms);
    m->told = false; /* it takes nothing any more */
    for (struct chain_member *o = m->cast->member; o && *peer->serve; o = o->of_cast)
        if (!o->whole && !o->parent && o->place != CHAIN_FIRST && chain_place_found(o))
            chain_place_settle(c, o, now_ms);
}

void chain_progress(struct chain *c, struct chain_peer *peer, uint64_t progress, int64_t now_ms)
{
    const int64_t ms = now_ms - peer->progress_ms;

    (void)c;
    if (progress < peer->said) { /* it began again */
        peer->progress_ms = 0;
        for (struct chain_member *m = peer->member; m; m = m->of_peer)
            m->joined_said = progress;
    }
    peer->said = progress;
    if (peer->progress_ms && ms < WINDOW_MS)
        return;
    peer->rate_ms = peer->progress_ms;
    peer->rate = peer->progress_ms && progress > peer->progress
                     ? (double)(progress - peer->progress) * 1e3 / (double)ms
                     : 0;
    if (peer->rate > peer->best) /* a burst is no line */
        peer->best = peer->best > 0 ? (peer->best + peer->rate) / 2 : peer->rate;
    peer->progress = progress;
    peer->progress_ms = now_ms;
}

/* A key under several names is one, and so is a host with several keys. */
static bool said_before(const struct chain_peer *of, const struct chain_peer *peer)
{
    return of->failed && (!strcmp(of->failed_by, peer->host) ||
                          (guests_keyed(&peer->key) && hash_same(&of->failed_key, &peer->key)));
}

bool chain_failed(struct chain *c, struct chain_peer *peer, const void *item, int64_t now_ms)
{
    struct chain_member *m = chain_find(peer, item), *p = m ? m->parent : NULL;

    if (!p)
        return false;
    m->refused[m->refusals++ % CHAIN_REFUSED] = p->peer;
    p->peer->failed += !said_before(p->peer, peer);
    snprintf(p->peer->failed_by, sizeof p->peer->failed_by, "%s", peer->host);
    p->peer->failed_key = peer->key;
    p->peer->failed_ms = now_ms;
    chain_place_put(c, m, p->parent && chain_place_fits(m, p->parent) ? p->parent : NULL,
                    now_ms);
    /* one who failed twice gives to nobody */
    if (p->peer->failed >= FAILS)
        chain_place_orphan(c, p, now_ms);
    return true;
}

void chain_revoked(struct chain *c, const struct hash *key, int64_t now_ms)
{
    for (struct chain_peer *peer = c->peer; peer; peer = peer->next) {
        if (hash_same(&peer->key, key)) {
            peer->revoked = true;
            for (struct chain_member *m = peer->member; m; m = m->of_peer)
                chain_place_orphan(c, m, now_ms);
        }
        guests_revoke(&peer->guests, key);
        c->due |= peer->guests.due;
    }
}

enum chain_place chain_place(const struct chain_peer *peer, const void *item)
{
    const struct chain_member *m = chain_find(peer, item);

    return m && !m->lacks_parent ? m->place : CHAIN_BROKER;
}

const struct chain_peer *chain_parent(const struct chain_peer *peer, const void *item)
{
    const struct chain_member *m = chain_find(peer, item);

    return m && m->parent ? m->parent->peer : NULL;
}

void chain_tick(struct chain *c, int64_t now_ms)
{
    chain_place_tick(c, now_ms);
}

/* ---- what is said */

static bool next_guests(struct chain *c, struct chain_peer **to, struct msg *out)
{
    for (struct chain_peer *peer = c->peer; peer; peer = peer->next) {
        if (!peer->guests.due || peer->full)
            continue;
        peer->guests.due = false;
        for (uint32_t i = 0; i < peer->guests.n; i++)
            c->key[i] = peer->guests.one[i].key;
        memset(out, 0, sizeof *out);
        out->head.type = MSG_GUESTS;
        out->guests = (struct msg_guests){c->key, peer->guests.n};
        *to = peer;
        return true;
    }
    return false;
}

/* Its parent lets it in before it hears of it. */
static bool may_hear(const struct chain_member *m)
{
    return m->told && !m->peer->full && !(m->parent && m->parent->peer->guests.due);
}

bool chain_next(struct chain *c, struct chain_peer **to, const void **item, struct msg *out)
{
    bool left = false;

    *item = NULL;
    if (!c->due)
        return false;
    if (next_guests(c, to, out))
        return true;
    for (struct chain_peer *peer = c->peer; peer; peer = peer->next)
        left |= peer->guests.due;
    for (struct chain_cast *cast = c->cast; cast; cast = cast->next)
        for (struct chain_member *m = cast->member; m; m = m->of_cast) {
            const struct chain_peer *p = m->parent ? m->parent->peer : NULL;
            left |= m->told;
            if (!may_hear(m))
                continue;
            m->told = false;
            memset(out, 0, sizeof *out);
            out->head.type = MSG_PARENT;
            out->parent.endpoint = p ? p->serve : "";
            out->parent.key = p && guests_keyed(&p->key)
                                  ? zmq_z85_encode(c->text, p->key.byte, HASH_BYTES)
                                  : "";
            *to = m->peer;
            *item = cast->item;
            return true;
        }
    c->due = left;
    return false;
}

void chain_unsaid(struct chain *c, struct chain_peer *to, const void *item)
{
    struct chain_member *m = item ? chain_find(to, item) : NULL;

    c->due = true;
    if (m)
        m->told = true;
    if (!item)
        to->guests.due = true;
}
