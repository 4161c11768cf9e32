/* A hold is one source's word about one artifact; holds stand in two lists, of the artifact and
 * of the source. What is asked for is reckoned in chunks: a source sends all pieces of a chunk or
 * its chunk is due again (stock_forsake), and a chunk that is false is its alone.
 *
 * Who is asked (best): hosts before the own learner before others, and behind all of them who is
 * silent. If the best has its hands full the chunk waits for it: the learner's line is kept for
 * what no host has. A window is what came in about a second, in chunks, so that a fast source is
 * never idle and a slow one has no queue of minutes in front of what is wanted next. */

#include "broker/bulk/supply.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW_FIRST = 4, MARK_MS = 500 };

static bool has(const struct supply_hold *h, uint32_t chunk)
{
    return h->whole || (h->have && h->have[chunk / 8] >> chunk % 8 & 1);
}

static struct supply_hold *find(const struct supply_source *s, const struct stock_item *item)
{
    struct supply_hold *h = s->hold;

    while (h && h->item != item)
        h = h->of_source;
    return h;
}

static struct supply_hold *hold(struct supply_source *s, struct stock_item *item)
{
    struct supply_hold *h = find(s, item);

    if (h)
        return h;
    h = mem_new(1, sizeof *h);
    h->item = item;
    h->source = s;
    h->of_item = item->hold;
    h->of_source = s->hold;
    item->hold = s->hold = h;
    return h;
}

/* `by` on each chunk that a host has of it: what eviction goes by. */
static void count(const struct supply_hold *h, int by)
{
    for (uint32_t i = 0; h->source->kind == SUPPLY_HOST && h->item->slot && i < h->item->chunks;
         i++)
        if (has(h, i))
            stock_held(h->item, i, by);
}

/* Who offered it before its tables were there is counted now. */
void supply_opened(const struct stock_item *item)
{
    for (const struct supply_hold *h = item->hold; h; h = h->of_item)
        if (!h->banned)
            count(h, 1);
}

/* It will not send what it owes of an artifact. */
static void forsake(struct supply *supply, struct supply_hold *h)
{
    if (h->item->digest_from == h->source) {
        h->item->digest_from = NULL;
        if (!h->item->have_digest)
            h->item->digest_here = 0;
    }
    if (h->coming)
        h->source->under_way -= stock_forsake(supply->stock, h->item, h->source);
    h->coming = 0;
}

static void end_hold(struct supply *supply, struct supply_hold *h)
{
    struct supply_hold **at = &h->item->hold;

    forsake(supply, h);
    if (!h->banned)
        count(h, -1);
    while (*at != h)
        at = &(*at)->of_item;
    *at = h->of_item;
    for (at = &h->source->hold; *at != h;)
        at = &(*at)->of_source;
    *at = h->of_source;
    free(h->have);
    free(h);
}

/* ---- who is there */

void supply_add(struct supply *supply, struct supply_source *s, int64_t now_ms)
{
    s->reachable = true;
    s->window = WINDOW_FIRST;
    s->heard_ms = s->mark_ms = now_ms;
    s->next = supply->first;
    s->before = NULL;
    if (supply->first)
        supply->first->before = s;
    supply->first = s;
}

static void end_holds(struct supply *supply, struct supply_source *s)
{
    while (s->hold)
        end_hold(supply, s->hold);
    free(s->offer);
    s->offer = NULL;
    s->n_offer = 0;
}

void supply_remove(struct supply *supply, struct supply_source *s)
{
    end_holds(supply, s);
    *(s->before ? &s->before->next : &supply->first) = s->next;
    if (s->next)
        s->next->before = s->before;
}

/* Who lied is not believed because it dials anew: its bans stay. */
void supply_cut(struct supply *supply, struct supply_source *s, int64_t now_ms)
{
    struct supply_hold *next;

    for (struct supply_hold *h = s->hold; h; h = next) {
        next = h->of_source;
        if (h->banned)
            forsake(supply, h);
        else
            end_hold(supply, h);
    }
    free(s->offer);
    s->offer = NULL;
    s->n_offer = 0;
    s->reachable = true;
    s->silent = false;
    s->heard_ms = now_ms;
}

/* ---- what they have */

static void whole(struct supply_source *s, struct stock_item *item)
{
    struct supply_hold *h = hold(s, item);

    if (h->banned || h->whole)
        return;
    count(h, -1);
    h->whole = true;
    count(h, 1);
}

static const struct artifact *offers(const struct supply_source *s, const struct hash *hash)
{
    for (uint32_t i = 0; i < s->n_offer; i++)
        if (hash_same(&s->offer[i].hash, hash))
            return &s->offer[i];
    return NULL;
}

/* An artifact that is new here: hosts may have it already. */
static struct stock_item *known(struct supply *supply, const struct artifact *what)
{
    struct stock_item *item = stock_add(supply->stock, what);

    if (!item->hold)
        for (struct supply_source *s = supply->first; s; s = s->next)
            if (s->kind == SUPPLY_HOST && offers(s, &what->hash))
                whole(s, item);
    return item;
}

static void keep_offer(struct supply_source *s, const struct msg_offer *offer)
{
    s->n_offer = offer->n_artifact;
    if (s->kind == SUPPLY_HOST && s->n_offer > SUPPLY_OFFERS)
        s->n_offer = SUPPLY_OFFERS;
    free(s->offer);
    s->offer = mem_new(s->n_offer + 1, sizeof *s->offer);
    for (uint32_t i = 0; i < s->n_offer; i++) {
        s->offer[i] = offer->artifact[i];
        s->offer[i].name = "";
    }
}

/* A host that pulls something says so by `have`; its OFFER does not list that. */
static void end_unoffered(struct supply *supply, struct supply_source *s,
                          void (*lost)(void *self, struct stock_item *item), void *self)
{
    struct supply_hold *next;

    for (struct supply_hold *h = s->hold; h; h = next) {
        struct stock_item *const item = h->item;
        next = h->of_source;
        if (!h->whole || h->banned || offers(s, &item->hash))
            continue;
        end_hold(supply, h);
        if (s->kind != SUPPLY_HOST && !supply_by_learner(item))
            lost(self, item);
    }
}

void supply_offer(struct supply *supply, struct supply_source *s, const struct msg_offer *offer,
                  void (*lost)(void *self, struct stock_item *item), void *self)
{
    keep_offer(s, offer);
    end_unoffered(supply, s, lost, self);
    for (uint32_t i = 0; i < s->n_offer; i++) {
        const struct artifact *what = &s->offer[i];
        struct stock_item *item = stock_find(supply->stock, &what->hash);
        if (item && s->kind == SUPPLY_OWN && item->bytes != what->bytes) {
            lost(self, item);
            item = stock_find(supply->stock, &what->hash);
        }
        if (!item && s->kind != SUPPLY_HOST)
            item = known(supply, what);
        if (item && item->bytes == what->bytes)
            whole(s, item);
    }
}

void supply_have(struct supply *supply, struct supply_source *s, struct stock_item *item,
                 const uint8_t *bits, uint32_t n)
{
    const uint32_t bytes = (item->chunks + 7) / 8;
    struct supply_hold *h = find(s, item);

    (void)supply;
    if (!item->slot || s->kind != SUPPLY_HOST || (!h && !n))
        return;
    h = hold(s, item);
    if (h->banned || h->whole)
        return;
    if (!h->have)
        h->have = mem_new(bytes + 1, 1);
    for (uint32_t i = 0; i < item->chunks; i++) {
        const uint8_t bit = (uint8_t)(1u << i % 8);
        if (i / 8 < n && bits[i / 8] & bit && !(h->have[i / 8] & bit)) {
            h->have[i / 8] |= bit;
            h->some = true;
            stock_held(item, i, 1);
        }
    }
}

void supply_none(struct supply *supply, struct supply_source *s, struct stock_item *item)
{
    struct supply_hold *h = find(s, item);

    if (h && !h->banned)
        end_hold(supply, h);
}

void supply_unsent(struct supply *supply, struct supply_source *s,
                   const struct msg_wreq *request, bool gone)
{
    struct stock_item *const item = stock_find(supply->stock, &request->hash);
    struct supply_hold *const h = item ? find(s, item) : NULL;

    s->full = true;
    if (gone)
        s->reachable = false;
    if (h && gone) {
        forsake(supply, h);
    } else if (h && request->kind == CHUNK_DIGEST_PIECES) {
        item->digest_from = NULL;
    } else if (h && stock_unbegin(supply->stock, item, request->first / STOCK_PIECES, s)) {
        h->coming--;
        s->under_way--;
    }
}

void supply_forget(struct supply *supply, struct stock_item *item)
{
    while (item->hold)
        end_hold(supply, item->hold);
}

bool supply_offered(const struct stock_item *item)
{
    for (const struct supply_hold *h = item->hold; h; h = h->of_item)
        if (h->source->reachable && h->whole && !h->banned)
            return true;
    return false;
}

bool supply_by_learner(const struct stock_item *item)
{
    for (const struct supply_hold *h = item->hold; h; h = h->of_item)
        if (h->source->reachable && h->whole && !h->banned && h->source->kind != SUPPLY_HOST)
            return true;
    return false;
}

/* ---- asking */

static int rank(const struct supply_source *s)
{
    return (s->silent ? SUPPLY_OTHER + 1 : 0) + (int)s->kind;
}

/* Whom to ask: NULL if nobody has it, or the best has enough to do. */
static struct supply_hold *best(const struct stock_item *item, uint32_t chunk, bool digest)
{
    struct supply_hold *found = NULL;

    for (struct supply_hold *h = item->hold; h; h = h->of_item) {
        const struct supply_source *s = h->source;
        if (h->banned || s->full || !s->reachable ||
            !(digest ? h->whole || h->some : has(h, chunk)))
            continue;
        if (!found || rank(s) < rank(found->source) ||
            (rank(s) == rank(found->source) && s->under_way < found->source->under_way))
            found = h;
    }
    return found && (digest || found->source->under_way < found->source->window) ? found : NULL;
}

static void request(struct msg *out, const struct stock_item *item, uint32_t kind,
                    uint32_t first, uint32_t n)
{
    memset(out, 0, sizeof *out);
    out->head.type = MSG_WREQ;
    out->wreq = (struct msg_wreq){
        .route = SUPPLY_ROUTE, .hash = item->hash, .kind = kind, .first = first, .count = n};
}

/* From now on it owes something. */
static void owes(struct supply_source *s, int64_t now_ms)
{
    if (!s->under_way) {
        s->heard_ms = s->mark_ms = now_ms;
        s->since = 0;
    }
}

static bool ask_digest(struct stock_item *item, struct supply_source **to, struct msg *out,
                       int64_t now_ms)
{
    struct supply_hold *h = item->digest_from ? NULL : best(item, 0, true);

    if (!h)
        return false;
    owes(h->source, now_ms);
    item->digest_from = *to = h->source;
    request(out, item, CHUNK_DIGEST_PIECES, 0, stock_digest_pieces(item));
    return true;
}

static bool ask_chunk(struct supply *supply, struct stock_item *item, struct supply_source **to,
                      struct msg *out, int64_t now_ms)
{
    for (uint32_t chunk = 0; stock_due(item, &chunk); chunk++) {
        struct supply_hold *h = best(item, chunk, false);
        if (!h)
            continue;
        if (!stock_begin(supply->stock, item, chunk, h->source)) {
            supply->crowded = true;
            return false;
        }
        owes(h->source, now_ms);
        h->source->under_way++;
        h->coming++;
        *to = h->source;
        request(out, item, CHUNK_PIECES, chunk * STOCK_PIECES,
                (stock_size(item, chunk) + PIECE - 1) / PIECE);
        return true;
    }
    return false;
}

bool supply_next(struct supply *supply, struct supply_source **to, struct msg *out,
                 int64_t now_ms)
{
    for (struct stock_item *item = stock_first(supply->stock); item; item = item->next) {
        if (!item->slot || (item->have_digest && now_ms < item->wait_ms))
            continue;
        if (!item->have_digest ? ask_digest(item, to, out, now_ms)
                               : ask_chunk(supply, item, to, out, now_ms))
            return true;
    }
    return false;
}

/* How much may be under way: what comes in a second, and one more. */
static void measure(struct supply_source *s, uint32_t bytes, int64_t now_ms)
{
    const int64_t ms = now_ms - s->mark_ms;
    uint64_t chunks;

    s->heard_ms = now_ms;
    s->silent = false;
    s->since += bytes;
    if (ms < MARK_MS)
        return;
    chunks = s->since * 1000 / (uint64_t)ms / HASH_CHUNK + 1;
    s->window = chunks < SUPPLY_WINDOW ? (uint32_t)chunks : (uint32_t)SUPPLY_WINDOW;
    s->mark_ms = now_ms;
    s->since = 0;
}

/* Its word about this artifact is worth nothing from now on. */
static void ban(struct supply *supply, struct supply_hold *h)
{
    forsake(supply, h);
    count(h, -1);
    h->banned = true;
}

/* What it makes of the stock; nothing of what was not asked for. */
static enum stock_took put(struct supply *supply, struct supply_hold *h,
                           const struct msg_wchunk *chunk)
{
    struct supply_source *const from = h->source;
    struct stock_item *const item = h->item;
    enum stock_took took;

    if (chunk->kind == CHUNK_DIGEST_PIECES && item->digest_from == from) {
        took = stock_digest(item, chunk->index, chunk->data, chunk->bytes);
        if (took == STOCK_WHOLE)
            item->digest_from = NULL;
        return took;
    }
    if (chunk->kind != CHUNK_PIECES || !h->coming)
        return STOCK_USELESS;
    took = stock_piece(supply->stock, item, chunk->index, chunk->data, chunk->bytes, from);
    if (took == STOCK_WHOLE || took == STOCK_FALSE) {
        h->coming--;
        from->under_way--;
    }
    return took;
}

enum stock_took supply_take(struct supply *supply, struct supply_source *from,
                            const struct msg_wchunk *chunk, int64_t now_ms)
{
    struct stock_item *item = stock_find(supply->stock, &chunk->hash);
    struct supply_hold *h = item ? find(from, item) : NULL;
    enum stock_took took;

    if (!h || h->banned || !item->slot || (!h->coming && item->digest_from != from))
        return STOCK_USELESS;
    took = chunk->total == item->bytes ? put(supply, h, chunk) : STOCK_FALSE;
    if (took == STOCK_PART || took == STOCK_WHOLE)
        measure(from, chunk->bytes, now_ms);
    if (took == STOCK_FALSE)
        ban(supply, h);
    return took;
}

/* ---- time */

/* Is there another that would be asked before a silent one? */
static bool elsewhere(const struct supply_hold *h)
{
    for (const struct supply_hold *o = h->item->hold; o; o = o->of_item)
        if (o != h && o->whole && !o->banned && o->source->reachable && !o->source->silent)
            return true;
    return false;
}

void supply_tick(struct supply *supply, int64_t now_ms)
{
    for (struct supply_source *s = supply->first; s; s = s->next) {
        const int64_t quiet_ms = now_ms - s->heard_ms;
        bool asked = s->under_way > 0;

        s->full = false;
        for (const struct supply_hold *h = s->hold; h && !asked; h = h->of_source)
            asked = h->item->digest_from == s;
        if (!asked || quiet_ms < SUPPLY_SILENT_MS)
            continue;
        s->silent = true;
        for (struct supply_hold *h = s->hold; h; h = h->of_source)
            if (elsewhere(h) || quiet_ms >= SUPPLY_LOST_MS)
                forsake(supply, h);
    }
}
