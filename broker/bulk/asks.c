/* A list in order of coming; `turn` goes round, so that one artifact of a child does not keep
 * another of its waiting. A request about pieces or chunks knows up to which chunk it is counted
 * among the wanted (`to`): counted up by asks_want as long as there is room, counted down when the
 * last piece of a chunk has gone (asks_sent) or the request is dropped. */

#include "broker/bulk/asks.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* How many pieces, chunks or lists the artifact has of a kind. */
static uint32_t pieces_of(const struct stock_item *item, uint32_t kind)
{
    switch (kind) {
    case CHUNK_DIGESTS:
        return 1;
    case CHUNK_BYTES:
        return item->chunks;
    case CHUNK_PIECES:
        return (uint32_t)((item->bytes + PIECE - 1) / PIECE);
    case CHUNK_DIGEST_PIECES:
        return stock_digest_pieces(item);
    default:
        return 0;
    }
}

static bool of_bytes(const struct asks_entry *ask)
{
    return ask->kind == CHUNK_BYTES || ask->kind == CHUNK_PIECES;
}

/* The chunk that piece `at` is in, and the one behind the last. */
static uint32_t chunk_of(const struct asks_entry *ask, uint32_t at)
{
    return ask->kind == CHUNK_PIECES ? at / STOCK_PIECES : at;
}

static uint32_t chunk_end(const struct asks_entry *ask)
{
    return ask->end > ask->next ? chunk_of(ask, ask->end - 1) + 1 : chunk_of(ask, ask->next);
}

static bool waits(const struct asks *asks, const struct asks_entry *ask)
{
    for (uint32_t i = 0; i < asks->n; i++) {
        const struct asks_entry *old = &asks->ask[i];
        if (old->item == ask->item && old->kind == ask->kind && old->next <= ask->next &&
            ask->end <= old->end)
            return true;
    }
    return false;
}

bool asks_add(struct asks *asks, struct stock_item *item, const struct msg_wreq *wreq)
{
    const uint32_t pieces = pieces_of(item, wreq->kind);
    struct asks_entry ask = {.item = item,
                             .kind = wreq->kind,
                             .next = wreq->kind == CHUNK_DIGESTS ? 0 : wreq->first};
    struct asks_entry *last = asks->n ? &asks->ask[asks->n - 1] : NULL;

    if (ask.next >= pieces)
        return false;
    ask.end =
        wreq->kind == CHUNK_DIGESTS || !wreq->count ? ask.next + 1 : ask.next + wreq->count;
    if (ask.end > pieces)
        ask.end = pieces;
    ask.to = chunk_of(&ask, ask.next);
    if (waits(asks, &ask))
        return true;
    if (last && last->item == item && last->kind == ask.kind && last->end == ask.next) {
        last->end = ask.end;
        return true;
    }
    if (asks->n == ASKS_MAX)
        return false;
    if (asks->n == asks->room) {
        asks->room = asks->room ? 2 * asks->room : 8;
        asks->ask = mem_grow(asks->ask, asks->room, sizeof *asks->ask);
    }
    asks->ask[asks->n++] = ask;
    return true;
}

/* Takes back what was counted of it: from its present chunk on. */
static void unwant(struct asks *asks, struct asks_entry *ask)
{
    const uint32_t at = chunk_of(ask, ask->next);

    for (; of_bytes(ask) && ask->to > at; ask->to--) {
        stock_want(ask->item, ask->to - 1, -1);
        asks->wanted--;
    }
}

bool asks_want(struct asks *asks,
               bool (*yields)(const void *self, const struct asks_entry *ask), const void *self)
{
    bool due = false;

    for (uint32_t i = 0; i < asks->n && !asks->idle; i++) {
        struct asks_entry *ask = &asks->ask[i];
        /* Its tables are there, and chunks can be judged, once there are digests. */
        if (!of_bytes(ask) || !ask->item->have_digest)
            continue;
        if (yields(self, ask)) {
            unwant(asks, ask);
            continue;
        }
        for (; ask->to < chunk_end(ask) && asks->wanted < ASKS_WANTED; ask->to++) {
            const uint32_t was = ask->item->due;
            stock_want(ask->item, ask->to, 1);
            due |= ask->item->due != was;
            asks->wanted++;
        }
    }
    return due;
}

void asks_idle(struct asks *asks, bool idle)
{
    if (asks->idle == idle)
        return;
    asks->idle = idle;
    for (uint32_t i = 0; idle && i < asks->n; i++)
        unwant(asks, &asks->ask[i]);
}

/* Fills `out` if what the request is about is here. */
static bool answer(struct stock *stock, const struct asks_entry *ask, struct msg *out)
{
    struct stock_item *const item = ask->item;
    const uint8_t *data = NULL;
    uint32_t n = 0, from = 0;

    if (!item->have_digest)
        return false;
    if (!of_bytes(ask)) {
        const uint32_t all = item->chunks * HASH_BYTES;
        from = ask->kind == CHUNK_DIGESTS ? 0 : ask->next * PIECE;
        n = all - from;
        if (ask->kind == CHUNK_DIGEST_PIECES && n > PIECE)
            n = PIECE;
        data = item->digest->byte + from;
    } else {
        const uint32_t chunk = chunk_of(ask, ask->next);
        data = stock_here(item, chunk) ? stock_chunk(stock, item, chunk, &n) : NULL;
        if (!data)
            return false;
        if (ask->kind == CHUNK_PIECES) {
            from = ask->next % STOCK_PIECES * PIECE;
            data += from;
            n = n - from < PIECE ? n - from : PIECE;
        }
    }
    memset(out, 0, sizeof *out);
    out->head.type = MSG_WCHUNK;
    out->wchunk = (struct msg_wchunk){.hash = item->hash,
                                      .kind = ask->kind,
                                      .index = ask->next,
                                      .total = item->bytes,
                                      .data = data,
                                      .bytes = n};
    return true;
}

struct asks_entry *asks_next(struct asks *asks, struct stock *stock, struct msg *out,
                             bool (*held)(const void *self, const struct asks_entry *ask),
                             const void *self)
{
    for (uint32_t i = 0; i < asks->n; i++) {
        const uint32_t at = (asks->turn + i) % asks->n;
        struct asks_entry *ask = &asks->ask[at];
        if (of_bytes(ask) && held(self, ask))
            continue;
        if (answer(stock, ask, out)) {
            asks->turn = at;
            return ask;
        }
    }
    return NULL;
}

static void take_out(struct asks *asks, uint32_t at)
{
    unwant(asks, &asks->ask[at]);
    asks->n--;
    memmove(asks->ask + at, asks->ask + at + 1, (asks->n - at) * sizeof *asks->ask);
    if (asks->turn > at)
        asks->turn--;
}

void asks_sent(struct asks *asks, struct asks_entry *ask)
{
    const uint32_t was = chunk_of(ask, ask->next), at = (uint32_t)(ask - asks->ask);
    const bool counted = of_bytes(ask) && ask->to > was;

    ask->next++;
    if (of_bytes(ask) && chunk_of(ask, ask->next) != was && ask->next < ask->end) {
        if (counted) {
            stock_want(ask->item, was, -1);
            asks->wanted--;
        } else
            ask->to = was + 1;
    }
    if (ask->next < ask->end) {
        asks->turn = at + 1;
        return;
    }
    /* the last one: what was counted of its chunk goes with it */
    ask->next--;
    take_out(asks, at);
}

uint32_t asks_drop(struct asks *asks, const struct stock_item *item)
{
    uint32_t n = 0;

    for (uint32_t i = asks->n; i-- > 0;)
        if (!item || asks->ask[i].item == item) {
            take_out(asks, i);
            n++;
        }
    return n;
}

bool asks_any(const struct asks *asks, const struct stock_item *item)
{
    for (uint32_t i = 0; i < asks->n; i++)
        if (asks->ask[i].item == item)
            return true;
    return false;
}

void asks_fini(struct asks *asks)
{
    asks_drop(asks, NULL);
    free(asks->ask);
    memset(asks, 0, sizeof *asks);
}
