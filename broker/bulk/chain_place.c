/* A member's place is found in three steps. If its rate is unknown it takes one chunk from the
 * broker (FIRST), since a first guess would put a slow host in front of all others. If it is known,
 * it waits a moment for those who asked for the version before (LATER), so that all stand in order
 * of their rates at once. Then it is put behind another (chain_place_settle): the one with the
 * least to do of those that are not much slower. Where there is none, and hosts that serve are
 * about to make it of what they hold, it waits for one of these: what the broker's line carries
 * of an image then is missing to what they pull, and so to the next iteration.
 *
 * Now and then every member that has a parent is compared with what it can (judge). Who gets less
 * than half moves up to its parent's parent; a parent that is slower than half of its child goes
 * behind it. If that brings nothing, the line is its own: it goes back and counts as slow. So no
 * two swap for ever, and a host is fed twice for some seconds at most. What a member takes is
 * measured over windows of five seconds that begin when it gets its place, two of them must be
 * bad, and a move that was in vain is not tried again soon: real lines and processes stand still
 * for seconds, and each needless move takes the broker's line from the first of the row. */

#include "broker/bulk/chain_state.h"

#include "base/log.h"

#include <string.h>

enum {
    JUDGE_MS = 500,
    PROBE_MAX_MS = 30000,
    FAILS = 2,
    BEGINS_MS = 500,
    SLOW = 2,
    REST_GROWS = 4
};

static bool has_child(const struct chain_peer *peer, const struct hash *key)
{
    for (const struct chain_member *m = peer->member; m; m = m->of_peer)
        for (const struct chain_member *o = m->cast->member; o; o = o->of_cast)
            if (o->parent == m && hash_same(&o->peer->key, key))
                return true;
    return false;
}

void chain_place_leave(struct chain_member *m, int64_t now_ms)
{
    struct chain_peer *const was = m->parent ? m->parent->peer : NULL;

    m->parent = NULL;
    /* It may still be a child of another artifact's. */
    if (was && !has_child(was, &m->peer->key))
        guests_let_go(&was->guests, &m->peer->key, now_ms);
}

static bool has(const struct chain_cast *cast, const struct chain_peer *peer)
{
    const struct chain_member *const m = chain_find(peer, cast->item);

    return m && m->whole;
}

/* Is another host, which serves, about to have it of something smaller? */
static bool awaited(const struct chain *c, const struct chain_member *by, int64_t now_ms)
{
    const struct chain_cast *const cast = by->cast;

    for (const struct chain_cast *o = c->cast; o; o = o->next)
        for (const struct chain_member *m = o->member;
             m && o->makes == cast->item && now_ms - o->first_ms < CHAIN_YIELD_MS;
             m = m->of_cast)
            if (m->peer != by->peer && *m->peer->serve && !m->peer->revoked &&
                !has(cast, m->peer))
                return true;
    return false;
}

void chain_place_put(struct chain *c, struct chain_member *m, struct chain_member *parent,
                     int64_t now_ms)
{
    const bool same = m->parent == parent;

    if (!same)
        chain_place_leave(m, now_ms);
    m->parent = parent;
    m->since_ms = now_ms;
    m->slow = 0;
    m->lacks_parent = m->lacks_parent && same;
    if (!same)
        m->peer->progress_ms = 0; /* what is measured begins anew */
    m->place = parent                               ? CHAIN_PARENT
               : !m->whole && awaited(c, m, now_ms) ? CHAIN_YIELDS
                                                    : CHAIN_BROKER;
    if (same)
        return;
    m->told = c->due = true;
    /* Too many: it is turned away there, says so, and comes from the broker. */
    if (parent && !guests_let_in(&parent->peer->guests, &m->peer->key))
        log_debug("guests", "name=%s", parent->peer->host);
}

static bool below(const struct chain_member *m, const struct chain_member *of)
{
    while (m && m != of)
        m = m->parent;
    return m == of;
}

/* May `m` take from `p`? */
bool chain_place_fits(const struct chain_member *m, const struct chain_member *p)
{
    const struct chain_peer *const peer = p->peer;

    if (p == m || !*peer->serve || peer->revoked || peer->failed >= FAILS || below(p, m) ||
        !(p->whole || p->place == CHAIN_BROKER || p->place == CHAIN_PARENT))
        return false;
    for (uint32_t i = 0; i < CHAIN_REFUSED; i++)
        if (m->refused[i] == peer)
            return false;
    return true;
}

/* What it gives already, of all that it serves, in shares of what it takes: 1 is another as fast
 * as itself. */
static double load(const struct chain_peer *peer)
{
    double sum = 0;

    for (const struct chain_member *p = peer->member; p; p = p->of_peer)
        for (const struct chain_member *m = p->cast->member; m; m = m->of_cast)
            if (m->parent == p && !m->whole)
                sum += peer->best > 0 && m->peer->best > 0 && m->peer->best < peer->best
                           ? m->peer->best / peer->best
                           : 1;
    return sum;
}

/* What puts one in front of another as a parent: its own host; then who gives the least; then
 * who has it whole. */
static double price(const struct chain_member *m, const struct chain_member *p)
{
    if (!strcmp(m->peer->host, p->peer->host))
        return -1;
    return load(p->peer) + (p->whole ? 0 : 1e-3);
}

static struct chain_member *parent_for(const struct chain_member *m)
{
    struct chain_member *found = NULL;
    double least = 1.5; /* one child as fast as itself and not two */

    for (struct chain_member *p = m->cast->member; p; p = p->of_cast) {
        double at;
        if (!chain_place_fits(m, p) || (p->peer->best > 0 && p->peer->best < m->peer->best / 2))
            continue;
        at = price(m, p);
        if (at < least) {
            least = at;
            found = p;
        }
    }
    return found;
}

bool chain_place_found(const struct chain_member *m)
{
    return parent_for(m) != NULL;
}

void chain_place_settle(struct chain *c, struct chain_member *m, int64_t now_ms)
{
    chain_place_put(c, m, parent_for(m), now_ms);
}

void chain_place_orphan(struct chain *c, struct chain_member *p, int64_t now_ms)
{
    for (struct chain_member *m = p->cast->member; m; m = m->of_cast) {
        if (m->was == p) {
            m->was = NULL;
            m->was_rate = 0;
        }
        if (m->parent == p)
            chain_place_put(
                c, m, p->parent && chain_place_fits(m, p->parent) ? p->parent : NULL, now_ms);
    }
}

/* ---- time */

/* Fastest first; who waits a chunk's time without an end is put where there is room. */
static void gather(struct chain *c, struct chain_cast *cast, int64_t now_ms)
{
    const bool all = cast->asked >= c->last && c->last;
    struct chain_member *next;

    do {
        next = NULL;
        for (struct chain_member *m = cast->member; m; m = m->of_cast) {
            const bool due =
                m->place == CHAIN_LATER || m->place == CHAIN_YIELDS
                    ? all || now_ms - cast->first_ms >= CHAIN_GATHER_MS
                    : m->place == CHAIN_FIRST && now_ms - m->joined_ms >= PROBE_MAX_MS;
            if (!m->whole && due && (!next || m->peer->best > next->peer->best) &&
                (parent_for(m) || !awaited(c, m, now_ms)))
                next = m;
        }
        if (next)
            chain_place_settle(c, next, now_ms);
    } while (next);
}

/* A move was tried: what it brought decides. */
static void end_trial(struct chain *c, struct chain_member *m, int64_t now_ms)
{
    struct chain_member *const was = m->was;
    const double before = m->was_rate;

    m->was = NULL;
    m->was_rate = 0;
    if (m->peer->rate >= 1.5 * before) {
        m->rest_ms = CHAIN_REST_MS;
        return;
    }
    m->rest_ms *= REST_GROWS;
    /* Its own line: so much and no more can be expected of it. */
    m->peer->best = (m->peer->rate > before ? m->peer->rate : before) + 1;
    if (was && chain_place_fits(m, was))
        chain_place_put(c, m, was, now_ms);
}

static void move_up(struct chain *c, struct chain_member *m, int64_t now_ms)
{
    struct chain_member *const p = m->parent, *const up = p->parent;

    m->moved_ms = now_ms;
    if (!m->rest_ms)
        m->rest_ms = CHAIN_REST_MS;
    m->was = p;
    m->was_rate = m->peer->rate > 1 ? m->peer->rate : 1;
    chain_place_put(c, m, up && chain_place_fits(m, up) ? up : NULL, now_ms);
    if (p->whole || p->peer->best >= m->peer->best / 2 || !chain_place_fits(p, m))
        return;
    m->was = NULL; /* no way back behind one that is slower */
    chain_place_put(c, p, m, now_ms);
}

/* Of what it does since it has this parent, and not while it began. */
static bool measured(struct chain_member *m, int64_t now_ms)
{
    const struct chain_peer *const peer = m->peer;

    if (m->whole || (m->place != CHAIN_PARENT && m->place != CHAIN_BROKER) || !peer->progress ||
        now_ms - m->since_ms < CHAIN_SETTLE_MS || peer->rate_ms < m->since_ms + BEGINS_MS ||
        peer->rate_ms == m->judged_ms)
        return false;
    m->judged_ms = peer->rate_ms;
    return true;
}

static void judge(struct chain *c, struct chain_member *m, int64_t now_ms)
{
    const struct chain_member *const p = m->parent;
    struct chain_peer *const peer = m->peer;

    if (!measured(m, now_ms))
        return;
    if (m->was_rate > 0) {
        end_trial(c, m, now_ms);
        return;
    }
    m->slow = peer->rate < peer->best / 2 ? m->slow + 1 : 0;
    if (m->slow < SLOW)
        return;
    if (m->moved_ms && now_ms - m->moved_ms < m->rest_ms)
        return;
    m->slow = 0;
    if (!p) { /* fed by us: what it takes is what it can */
        if (now_ms - m->asked_ms < CHAIN_SETTLE_MS)
            peer->best = (peer->best + peer->rate) / 2;
        return;
    }
    /* The first of a row that stands still is moved, not those behind it: they wait and see. */
    if (!p->whole && p->peer->rate < 1.5 * peer->rate + 1 &&
        (p->parent || now_ms - p->since_ms < INT64_C(2) * CHAIN_SETTLE_MS))
        return;
    move_up(c, m, now_ms);
}

void chain_place_tick(struct chain *c, int64_t now_ms)
{
    /* Whatever it was seen to take: as the slowest it gets the end of the row, whose line nobody
     * else needs, and is no load that would keep a host from that place. */
    for (struct chain_peer *peer = c->peer; peer; peer = peer->next)
        if (peer->last)
            peer->best = CHAIN_LAST;
    for (struct chain_cast *cast = c->cast; cast; cast = cast->next)
        gather(c, cast, now_ms);
    if (now_ms - c->judge_ms < JUDGE_MS)
        return;
    c->judge_ms = now_ms;
    for (struct chain_cast *cast = c->cast; cast; cast = cast->next)
        for (struct chain_member *m = cast->member; m; m = m->of_cast)
            judge(c, m, now_ms);
    for (struct chain_peer *peer = c->peer; peer; peer = peer->next) {
        if (peer->failed >= FAILS && now_ms - peer->failed_ms >= CHAIN_FORGIVE_MS)
            peer->failed = FAILS - 1;
        guests_tick(&peer->guests, now_ms);
        c->due |= peer->guests.due;
    }
}
