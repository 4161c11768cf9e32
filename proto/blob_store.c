/* The side that has artifacts; declared in blob.h.
 *
 * Requests wait in a ring. Its owner asks for the next answer (blob_store_next), sends it, and
 * says so (blob_store_sent) only once the pipe took it: an answer that did not go out is made
 * again from the same request. After each chunk a request goes to the end of the ring, so that
 * one that wants a whole image does not keep the others waiting; nothing is copied, for the
 * bytes are the owner's until `release`. */

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

struct blob_ask {
    uint64_t route;
    struct hash hash;
    uint32_t kind, next, end;
};

struct blob_store {
    struct artifact *list; /* what is here, and beside it how */
    struct blob_item *item;
    uint32_t n;
    struct blob_ask *ask; /* [BLOB_ASKS] a ring */
    size_t first, asks;
};

void blob_store_new(struct blob_store **out)
{
    *out = mem_new(1, sizeof **out);
    (*out)->ask = mem_new(BLOB_ASKS, sizeof *(*out)->ask);
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
    free(store->ask);
    free(store);
}

static int find(const struct blob_store *store, const struct hash *hash)
{
    for (uint32_t i = 0; i < store->n; i++)
        if (hash_same(&store->list[i].hash, hash))
            return (int)i;
    return -1;
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
    return OK;
}

void blob_store_remove(struct blob_store *store, const struct hash *hash)
{
    const int at = find(store, hash);

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

/* A child that asks again while its first request still waits here gets one answer. */
static bool waits(const struct blob_store *store, const struct blob_ask *ask)
{
    for (size_t i = 0; i < store->asks; i++) {
        const struct blob_ask *const old = &store->ask[(store->first + i) % BLOB_ASKS];
        if (old->route == ask->route && old->kind == ask->kind &&
            hash_same(&old->hash, &ask->hash) && old->next <= ask->next && ask->end <= old->end)
            return true;
    }
    return false;
}

/* Whether the artifact is here is found when its turn comes: it may be added until then, or
 * gone. */
enum err blob_store_ask(struct blob_store *store, const struct msg_wreq *wreq)
{
    const uint32_t count = wreq->kind == CHUNK_DIGESTS || !wreq->count ? 1 : wreq->count;
    struct blob_ask ask = {wreq->route, wreq->hash, wreq->kind, wreq->first, 0};

    if (wreq->kind == CHUNK_DIGESTS)
        ask.next = 0;
    if (wreq->kind != CHUNK_DIGESTS && wreq->kind != CHUNK_BYTES)
        return err_set(ERR_RANGE, "chunks of kind %u: there is none", wreq->kind);
    if (ask.next > UINT32_MAX - count)
        return err_set(ERR_RANGE, "chunk %u", ask.next);
    ask.end = ask.next + count;
    if (waits(store, &ask))
        return OK;
    if (store->asks == BLOB_ASKS)
        return err_set(ERR_RANGE, "more than %d requests wait", BLOB_ASKS);
    store->ask[(store->first + store->asks++) % BLOB_ASKS] = ask;
    return OK;
}

bool blob_store_next(struct blob_store *store, struct msg *out)
{
    const struct blob_ask *const ask = &store->ask[store->first];
    const int at = store->asks ? find(store, &ask->hash) : -1;
    const size_t chunks = at < 0 ? 0 : blob_chunks(store->list[at].bytes);

    if (!store->asks)
        return false;
    memset(out, 0, sizeof *out);
    if (at < 0 || (ask->kind == CHUNK_BYTES && ask->next >= chunks)) {
        out->head.type = MSG_WNONE;
        out->wnone.route = ask->route;
        out->wnone.hash = ask->hash;
        out->wnone.reason = at < 0 ? "not here" : "no such chunk";
        return true;
    }
    out->head.type = MSG_WCHUNK;
    out->wchunk = (struct msg_wchunk){
        .route = ask->route,
        .hash = ask->hash,
        .kind = ask->kind,
        .index = ask->next,
        .total = store->list[at].bytes,
    };
    if (ask->kind == CHUNK_DIGESTS) {
        out->wchunk.data = store->item[at].digest->byte;
        out->wchunk.bytes = (uint32_t)(chunks * HASH_BYTES);
    } else {
        const uint64_t from = (uint64_t)ask->next * HASH_CHUNK;
        const uint64_t left = store->list[at].bytes - from;
        out->wchunk.data = store->item[at].bytes + from;
        out->wchunk.bytes = (uint32_t)(left < HASH_CHUNK ? left : HASH_CHUNK);
    }
    return true;
}

void blob_store_sent(struct blob_store *store)
{
    struct blob_ask ask = store->ask[store->first];

    store->first = (store->first + 1) % BLOB_ASKS;
    store->asks--;
    if (++ask.next < ask.end) /* the others first */
        store->ask[(store->first + store->asks++) % BLOB_ASKS] = ask;
}
