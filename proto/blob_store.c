/* The side that has artifacts; declared in blob.h.
 *
 * Whole ones, whose bytes are the owner's until `release`, and pulls under way, of which it
 * gives what has come and was checked. Nothing is copied. The requests are a queue of their own
 * (blob_asks.c): the learner has one for all that comes by its connection, who serves several
 * connections one for each. */

#include "proto/blob.h"

#include "base/mem.h"
#include "proto/limit.h"

#include <stdlib.h>
#include <string.h>

struct blob_item {
    char *name;
    const uint8_t *bytes;
    struct hash *digest;
    void (*release)(void *hint);
    void *hint;
};

struct blob_store {
    struct artifact *list; /* what is here, and beside it how */
    struct blob_item *item;
    uint32_t n;
    const struct blob_pull **pull; /* what is on its way here */
    size_t pulls;
    struct blob_asks *asks;
};

void blob_store_new(struct blob_store **out)
{
    *out = mem_new(1, sizeof **out);
    blob_asks_new(&(*out)->asks, BLOB_ASKS);
}

static void forget(struct blob_item *item)
{
    if (item->release)
        item->release(item->hint);
    free(item->digest);
    free(item->name);
}

void blob_store_free(struct blob_store *store)
{
    if (!store)
        return;
    for (uint32_t i = 0; i < store->n; i++)
        forget(&store->item[i]);
    free(store->list);
    free(store->item);
    free(store->pull);
    blob_asks_free(store->asks);
    free(store);
}

static int find(const struct blob_store *store, const struct hash *hash)
{
    for (uint32_t i = 0; i < store->n; i++)
        if (hash_same(&store->list[i].hash, hash))
            return (int)i;
    return -1;
}

static size_t find_pull(const struct blob_store *store, const struct hash *hash)
{
    size_t i = 0;

    while (i < store->pulls && !hash_same(&blob_pull_what(store->pull[i])->hash, hash))
        i++;
    return i;
}

static void forget_pull(struct blob_store *store, const struct hash *hash)
{
    const size_t at = find_pull(store, hash);

    if (at < store->pulls)
        store->pull[at] = store->pull[--store->pulls];
}

/* What is offered under a hash must have it, or every child would pull it in vain. */
static enum err check(const struct artifact *what, size_t n, const struct hash *digest)
{
    const struct hash name = hash_join(digest, blob_chunks(n));

    if (what->bytes != n || !hash_same(&name, &what->hash))
        return err_set(ERR_RANGE, "artifact %s: its %zu bytes do not have its hash", what->name,
                       n);
    return OK;
}

enum err blob_store_add(struct blob_store *store, const struct artifact *what,
                        const void *bytes, size_t n, const struct hash *digest,
                        void (*release)(void *hint), void *hint)
{
    struct blob_item item = {.bytes = bytes, .release = release, .hint = hint};
    enum err err;

    if (n > LIMIT_ARTIFACT)
        return err_set(ERR_RANGE, "artifact %s: %zu bytes, at most 32 GiB", what->name, n);
    if (find(store, &what->hash) >= 0) {
        if (release)
            release(hint);
        return OK;
    }
    item.digest = mem_new(blob_chunks(n) + 1, sizeof *item.digest);
    if (digest)
        memcpy(item.digest, digest, blob_chunks(n) * sizeof *digest);
    else
        blob_digest(item.digest, bytes, n);
    err = check(what, n, item.digest);
    if (err) {
        free(item.digest);
        return err;
    }
    item.name = mem_text(what->name ? what->name : "");
    store->list = mem_grow(store->list, store->n + 1, sizeof *store->list);
    store->item = mem_grow(store->item, store->n + 1, sizeof *store->item);
    store->list[store->n] = *what;
    store->list[store->n].name = item.name;
    store->item[store->n++] = item;
    forget_pull(store, &what->hash);
    return OK;
}

void blob_store_pull(struct blob_store *store, const struct blob_pull *pull)
{
    const struct hash *const hash = &blob_pull_what(pull)->hash;

    if (find(store, hash) >= 0 || find_pull(store, hash) < store->pulls)
        return;
    store->pull = mem_grow(store->pull, store->pulls + 1, sizeof(const struct blob_pull *));
    store->pull[store->pulls++] = pull;
}

void blob_store_remove(struct blob_store *store, const struct hash *hash)
{
    const int at = find(store, hash);

    forget_pull(store, hash);
    if (at < 0)
        return;
    forget(&store->item[at]);
    store->n--;
    memmove(store->item + at, store->item + at + 1,
            (store->n - (uint32_t)at) * sizeof *store->item);
    memmove(store->list + at, store->list + at + 1,
            (store->n - (uint32_t)at) * sizeof *store->list);
}

const void *blob_store_find(const struct blob_store *store, const struct hash *hash, size_t *n)
{
    const int at = find(store, hash);

    *n = at < 0 ? 0 : (size_t)store->list[at].bytes;
    return at < 0 ? NULL : store->item[at].bytes;
}

const struct artifact *blob_store_list(const struct blob_store *store, uint32_t *n)
{
    *n = store->n;
    return store->list;
}

/* ---- answers */

struct blob_place {              /* where the parts of an artifact lie */
    const uint8_t *bytes, *bits; /* bits: NULL where all chunks are here */
    const struct hash *digest;
    uint64_t total;
};

/* A pull is no source before its digests are here. */
static enum blob_have place_of(const struct blob_store *store, const struct hash *hash,
                               struct blob_place *out)
{
    const int at = find(store, hash);
    const size_t i = find_pull(store, hash);

    if (at >= 0) {
        *out = (struct blob_place){store->item[at].bytes, NULL, store->item[at].digest,
                                   store->list[at].bytes};
        return BLOB_HERE;
    }
    if (i == store->pulls)
        return BLOB_NOT_HERE;
    *out = (struct blob_place){blob_pull_bytes(store->pull[i]), blob_pull_bits(store->pull[i]),
                               blob_pull_digest(store->pull[i]),
                               blob_pull_what(store->pull[i])->bytes};
    return out->digest ? BLOB_HERE : BLOB_NOT_YET;
}

/* Part `number` of `n` bytes in parts of `size`. */
static bool part(struct msg_wchunk *out, const uint8_t *bytes, uint64_t n, uint64_t size,
                 uint32_t number)
{
    const uint64_t from = number * size, left = n - from;

    if (from >= n && (number || n))
        return false;
    out->data = n ? bytes + from : bytes;
    out->bytes = (uint32_t)(left < size ? left : size);
    return true;
}

static bool give(const struct blob_place *from, const struct msg_wreq *ask,
                 struct msg_wchunk *out)
{
    const size_t chunks = blob_chunks(from->total);

    switch (ask->kind) {
    case CHUNK_DIGESTS:
        return part(out, from->digest->byte, chunks * HASH_BYTES, MAX_CHUNK, 0);
    case CHUNK_DIGEST_PIECES:
        if (!ask->first && from->bits) {
            out->there = from->bits;
            out->n_there = (uint32_t)blob_bits(chunks);
        }
        return part(out, from->digest->byte, chunks * HASH_BYTES, PIECE, ask->first);
    case CHUNK_BYTES:
        return from->total && part(out, from->bytes, from->total, HASH_CHUNK, ask->first);
    default:
        return from->total && part(out, from->bytes, from->total, PIECE, ask->first);
    }
}

/* The chunk of bytes that `ask` is about is not here: it is on its way. */
static bool is_coming(const struct blob_place *from, const struct msg_wreq *ask)
{
    const bool bytes = ask->kind == CHUNK_BYTES || ask->kind == CHUNK_PIECES;
    const size_t chunk =
        ask->kind == CHUNK_PIECES ? ask->first / BLOB_CHUNK_PIECES : ask->first;
    const size_t chunks = blob_chunks(from->total);

    return bytes && from->bits && chunk < chunks &&
           !blob_bit(from->bits, blob_bits(chunks), chunk);
}

enum blob_have blob_store_answer(const struct blob_store *store, const struct msg_wreq *ask,
                                 struct msg *out)
{
    struct blob_place from;
    const enum blob_have have = place_of(store, &ask->hash, &from);

    if (have == BLOB_NOT_YET || (have == BLOB_HERE && is_coming(&from, ask)))
        return BLOB_NOT_YET;
    memset(out, 0, sizeof *out);
    if (have == BLOB_HERE) {
        out->head.type = MSG_WCHUNK;
        out->wchunk = (struct msg_wchunk){.route = ask->route,
                                          .hash = ask->hash,
                                          .kind = ask->kind,
                                          .index = ask->first,
                                          .total = from.total};
        if (give(&from, ask, &out->wchunk))
            return BLOB_HERE;
    }
    memset(out, 0, sizeof *out);
    out->head.type = MSG_WNONE;
    out->wnone.route = ask->route;
    out->wnone.hash = ask->hash;
    out->wnone.reason = have == BLOB_HERE ? "no such chunk" : "not here";
    return BLOB_NOT_HERE;
}

/* ---- its own queue */

enum err blob_store_ask(struct blob_store *store, const struct msg_wreq *ask)
{
    return blob_asks_add(store->asks, ask);
}

bool blob_store_next(struct blob_store *store, struct msg *out)
{
    return blob_asks_next(store->asks, store, out);
}

void blob_store_sent(struct blob_store *store)
{
    blob_asks_sent(store->asks);
}

void blob_store_clear(struct blob_store *store)
{
    blob_asks_clear(store->asks);
}
