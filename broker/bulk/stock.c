/* An item is an artifact that somebody offers; its tables (a digest and a slot a chunk) are made
 * when the first child asks. A chunk that comes has a block: its bytes, which pieces are in, from
 * whom it was asked. Blocks stand in one list, the one that was used last at its end, and their
 * bytes together are what the limit bounds. Who needs room takes it from the front of the list
 * (room), not from a chunk that is on its way, nor from one that is wanted, but for those farther
 * ahead in the same artifact. Else the caller waits, and since what is wanted goes out to children
 * that read, room comes.
 *
 * Pages of a process of this machine stand for all blocks of their item. They are of our own
 * user, but nothing goes out unchecked: a chunk of them is hashed when it is first given. */

#include "broker/bulk/stock.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 256, LEAST = 4 << 20 };

struct stock_block {
    struct stock_item *item;
    uint32_t chunk, pieces; /* which have come */
    void *from;             /* on its way from; NULL: whole and checked */
    struct stock_block *before, *after;
    uint32_t bytes;
    uint8_t *data; /* NULL: the item's pages have it, checked */
};

struct stock {
    struct stock_item *first, *bucket[BUCKETS];
    struct stock_block *oldest, *newest;
    size_t limit, used;
};

void stock_new(struct stock **out, size_t bytes)
{
    struct stock *c = mem_new(1, sizeof *c);

    c->limit = bytes < LEAST ? LEAST : bytes;
    *out = c;
}

void stock_free(struct stock *c)
{
    if (!c)
        return;
    while (c->first)
        stock_remove(c, c->first);
    free(c);
}

size_t stock_used(const struct stock *c)
{
    return c->used;
}

/* ---- blocks */

static void unlink_block(struct stock *c, struct stock_block *b)
{
    *(b->before ? &b->before->after : &c->oldest) = b->after;
    *(b->after ? &b->after->before : &c->newest) = b->before;
}

static void link_block(struct stock *c, struct stock_block *b)
{
    b->before = c->newest;
    b->after = NULL;
    *(c->newest ? &c->newest->after : &c->oldest) = b;
    c->newest = b;
}

static void drop_block(struct stock *c, struct stock_block *b)
{
    struct stock_slot *slot = &b->item->slot[b->chunk];

    slot->block = NULL;
    b->item->due += slot->wanted > 0;
    unlink_block(c, b);
    c->used -= b->data ? b->bytes : 0;
    free(b->data);
    free(b);
}

/* What nobody waits for: of what hosts have as well, else of all, the one that lay longest. If all
 * is waited for, what lies farthest ahead in the same artifact: who is behind always gets on. */
static struct stock_block *spare(const struct stock *c, const struct stock_item *item,
                                 uint32_t chunk)
{
    struct stock_block *lone = NULL, *ahead = NULL;

    for (struct stock_block *b = c->oldest; b; b = b->after) {
        const struct stock_slot *slot = &b->item->slot[b->chunk];
        if (b->from || !b->data)
            continue;
        if (slot->wanted) {
            if (b->item == item && b->chunk > (ahead ? ahead->chunk : chunk))
                ahead = b;
        } else if (slot->holders) {
            return b;
        } else if (!lone) {
            lone = b;
        }
    }
    return lone ? lone : ahead;
}

static bool room(struct stock *c, const struct stock_item *item, uint32_t chunk)
{
    while (c->used + stock_size(item, chunk) > c->limit) {
        struct stock_block *b = spare(c, item, chunk);
        if (!b)
            return false;
        drop_block(c, b);
    }
    return true;
}

static void drop_blocks(struct stock *c, struct stock_item *item)
{
    for (uint32_t i = 0; item->slot && i < item->chunks; i++)
        if (item->slot[i].block)
            drop_block(c, item->slot[i].block);
}

/* ---- items */

static unsigned bucket(const struct hash *hash)
{
    return hash->byte[0]; /* of a hash any byte is as good */
}

struct stock_item *stock_find(const struct stock *c, const struct hash *hash)
{
    struct stock_item *item = c->bucket[bucket(hash)];

    while (item && !hash_same(&item->hash, hash))
        item = item->same;
    return item;
}

struct stock_item *stock_first(const struct stock *c)
{
    return c->first;
}

struct stock_item *stock_add(struct stock *c, const struct artifact *what)
{
    struct stock_item *item = stock_find(c, &what->hash);

    if (item)
        return item;
    item = mem_new(1, sizeof *item);
    item->hash = what->hash;
    item->bytes = what->bytes;
    item->kind = what->kind;
    item->of = what->of;
    item->chunks = (uint32_t)((what->bytes + HASH_CHUNK - 1) / HASH_CHUNK);
    item->next = c->first;
    item->same = c->bucket[bucket(&what->hash)];
    c->first = c->bucket[bucket(&what->hash)] = item;
    return item;
}

void stock_remove(struct stock *c, struct stock_item *item)
{
    struct stock_item **at = &c->first;

    drop_blocks(c, item);
    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    for (at = &c->bucket[bucket(&item->hash)]; *at != item;)
        at = &(*at)->same;
    *at = item->same;
    shared_memory_free(item->pages);
    free(item->digest);
    free(item->slot);
    free(item);
}

enum err stock_open(struct stock_item *item)
{
    enum err err = OK;

    if (!item->digest)
        err = mem_big(&item->digest, item->chunks + 1, sizeof *item->digest, "digests");
    if (!err && !item->slot)
        err = mem_big(&item->slot, item->chunks + 1, sizeof *item->slot, "chunks");
    return err;
}

/* ---- digests */

uint32_t stock_digest_pieces(const struct stock_item *item)
{
    return item->chunks ? (item->chunks + PIECE_DIGESTS - 1) / PIECE_DIGESTS : 1;
}

/* What was said of it is nobody's: all is asked for anew. */
static enum stock_took false_digest(struct stock_item *item)
{
    item->digest_here = 0;
    return STOCK_FALSE;
}

enum stock_took stock_digest(struct stock_item *item, uint32_t index, const uint8_t *data,
                             uint32_t n)
{
    const uint32_t pieces = stock_digest_pieces(item), first = index * PIECE_DIGESTS;
    struct hash name;

    if (item->have_digest || index >= pieces || item->digest_here & 1u << index)
        return STOCK_USELESS;
    if (n != HASH_BYTES * (index + 1 < pieces ? PIECE_DIGESTS : item->chunks - first))
        return false_digest(item);
    if (n)
        memcpy(item->digest[first].byte, data, n);
    item->digest_here |= 1u << index;
    if (item->digest_here != (1u << pieces) - 1)
        return STOCK_PART;
    name = hash_join(item->digest, item->chunks);
    if (!hash_same(&name, &item->hash))
        return false_digest(item);
    item->have_digest = true;
    return STOCK_WHOLE;
}

/* ---- chunks */

uint32_t stock_size(const struct stock_item *item, uint32_t chunk)
{
    const uint64_t left = item->bytes - (uint64_t)chunk * HASH_CHUNK;

    return left < HASH_CHUNK ? (uint32_t)left : (uint32_t)HASH_CHUNK;
}

static uint32_t pieces_of(const struct stock_item *item, uint32_t chunk)
{
    return (stock_size(item, chunk) + PIECE - 1) / PIECE;
}

bool stock_here(const struct stock_item *item, uint32_t chunk)
{
    const struct stock_block *b = item->slot[chunk].block;

    return item->pages || (b && !b->from);
}

bool stock_due(const struct stock_item *item, uint32_t *chunk)
{
    if (!item->due || item->pages)
        return false;
    for (; *chunk < item->chunks; ++*chunk)
        if (item->slot[*chunk].wanted && !item->slot[*chunk].block)
            return true;
    return false;
}

static struct stock_block *add_block(struct stock *c, struct stock_item *item, uint32_t chunk)
{
    struct stock_block *b = mem_new(1, sizeof *b);

    b->item = item;
    b->chunk = chunk;
    item->slot[chunk].block = b;
    item->due -= item->slot[chunk].wanted > 0;
    link_block(c, b);
    return b;
}

bool stock_begin(struct stock *c, struct stock_item *item, uint32_t chunk, void *from)
{
    const uint32_t bytes = stock_size(item, chunk);
    struct stock_block *b;
    uint8_t *data;

    if (item->slot[chunk].block || !room(c, item, chunk) || mem_big(&data, bytes, 1, "a chunk"))
        return false;
    b = add_block(c, item, chunk);
    b->from = from;
    b->data = data;
    b->bytes = bytes;
    c->used += bytes;
    return true;
}

/* Is it what its digest says? */
static bool checks(const struct stock_item *item, uint32_t chunk, const uint8_t *data)
{
    const struct hash digest = hash_chunk(data, stock_size(item, chunk));

    return hash_same(&digest, &item->digest[chunk]);
}

enum stock_took stock_piece(struct stock *c, struct stock_item *item, uint32_t index,
                            const uint8_t *data, uint32_t n, const void *from)
{
    const uint32_t chunk = index / STOCK_PIECES, piece = index % STOCK_PIECES;
    struct stock_block *b = chunk < item->chunks && item->slot ? item->slot[chunk].block : NULL;
    uint32_t pieces, left;

    if (!b || !b->from || b->from != from || b->pieces & 1u << piece)
        return STOCK_USELESS;
    pieces = pieces_of(item, chunk);
    left = piece < pieces ? b->bytes - piece * PIECE : 0;
    if (!left || n != (left < PIECE ? left : PIECE)) {
        drop_block(c, b);
        return STOCK_FALSE;
    }
    memcpy(b->data + piece * PIECE, data, n);
    b->pieces |= 1u << piece;
    if (b->pieces != (uint32_t)((UINT64_C(1) << pieces) - 1))
        return STOCK_PART;
    if (!checks(item, chunk, b->data)) {
        drop_block(c, b);
        return STOCK_FALSE;
    }
    b->from = NULL;
    return STOCK_WHOLE;
}

bool stock_unbegin(struct stock *c, const struct stock_item *item, uint32_t chunk,
                   const void *from)
{
    struct stock_block *const b =
        chunk < item->chunks && item->slot ? item->slot[chunk].block : NULL;

    if (!b || !b->from || b->from != from)
        return false;
    drop_block(c, b);
    return true;
}

uint32_t stock_forsake(struct stock *c, const struct stock_item *item, const void *from)
{
    uint32_t n = 0;
    struct stock_block *after;

    for (struct stock_block *b = c->oldest; b; b = after) {
        after = b->after;
        if (!b->from || b->from != from || (item && b->item != item))
            continue;
        drop_block(c, b);
        n++;
    }
    return n;
}

void stock_lend(struct stock *c, struct stock_item *item, struct shared_memory *pages)
{
    if (item->pages || shared_memory_size(pages) != item->bytes)
        return;
    drop_blocks(c, item);
    item->pages = shared_memory_share(pages);
}

/* A chunk of pages is looked at once: a block without bytes remembers that. */
static bool page_checks(struct stock *c, struct stock_item *item, uint32_t chunk)
{
    const uint8_t *bytes = shared_memory_bytes(item->pages);

    if (item->slot[chunk].block)
        return true;
    if (item->have_digest && checks(item, chunk, bytes + (size_t)chunk * HASH_CHUNK)) {
        add_block(c, item, chunk);
        return true;
    }
    drop_blocks(c, item);
    shared_memory_free(item->pages);
    item->pages = NULL;
    return false;
}

const uint8_t *stock_chunk(struct stock *c, struct stock_item *item, uint32_t chunk,
                           uint32_t *n)
{
    struct stock_block *b = item->slot[chunk].block;

    *n = stock_size(item, chunk);
    if (item->pages)
        return page_checks(c, item, chunk) ? (const uint8_t *)shared_memory_bytes(item->pages) +
                                                 (size_t)chunk * HASH_CHUNK
                                           : NULL;
    if (!b || b->from)
        return NULL;
    unlink_block(c, b);
    link_block(c, b);
    return b->data;
}

void stock_want(struct stock_item *item, uint32_t chunk, int by)
{
    struct stock_slot *slot = &item->slot[chunk];
    const bool was = slot->wanted > 0;

    slot->wanted = (uint32_t)((int64_t)slot->wanted + by);
    if (!slot->block && was != (slot->wanted > 0))
        item->due += slot->wanted ? 1u : UINT32_MAX;
}

void stock_held(struct stock_item *item, uint32_t chunk, int by)
{
    struct stock_slot *slot = &item->slot[chunk];

    slot->holders = (uint32_t)((int64_t)slot->holders + by);
}
