/* Requests that wait for an answer; declared in blob.h.
 *
 * They stand in a ring. Its owner asks for the next answer (blob_asks_next), sends it, and says
 * so (blob_asks_sent) only once the pipe took it: an answer that did not go out is made again
 * from the same request. After each piece a request goes to the end of the ring, so that one
 * that wants a whole image does not keep the others waiting. What is not there yet (a pull under
 * way) is passed over and waits; whoever asked goes elsewhere when that lasts. */

#include "proto/blob.h"

#include "base/mem.h"
#include "proto/limit.h"

#include <stdlib.h>
#include <string.h>

struct blob_ask {
    uint64_t route;
    struct hash hash;
    uint32_t kind, next, end;
};

struct blob_asks {
    struct blob_ask *ask; /* [most] a ring */
    size_t most, first, n;
    bool none; /* what blob_asks_next gave last is a WNONE */
};

void blob_asks_new(struct blob_asks **out, size_t most)
{
    struct blob_asks *const asks = mem_new(1, sizeof *asks);

    asks->ask = mem_new(most, sizeof *asks->ask);
    asks->most = most;
    *out = asks;
}

void blob_asks_free(struct blob_asks *asks)
{
    if (!asks)
        return;
    free(asks->ask);
    free(asks);
}

static struct blob_ask *at(const struct blob_asks *asks, size_t i)
{
    return &asks->ask[(asks->first + i) % asks->most];
}

static bool is_same(const struct blob_ask *a, const struct blob_ask *b)
{
    return a->route == b->route && a->kind == b->kind && hash_same(&a->hash, &b->hash);
}

/* What continues, or repeats, a request that waits is one with it: so a child has few. */
static bool joins(struct blob_asks *asks, const struct blob_ask *ask)
{
    for (size_t i = 0; i < asks->n; i++) {
        struct blob_ask *const old = at(asks, i);
        if (!is_same(old, ask) || ask->next < old->next || ask->next > old->end)
            continue;
        if (ask->end > old->end)
            old->end = ask->end;
        return true;
    }
    return false;
}

/* Whether the artifact is here is found when its turn comes: it may be added until then, or
 * gone. */
enum err blob_asks_add(struct blob_asks *asks, const struct msg_wreq *wreq)
{
    const uint32_t count = wreq->kind == CHUNK_DIGESTS || !wreq->count ? 1 : wreq->count;
    struct blob_ask ask = {wreq->route, wreq->hash, wreq->kind, wreq->first, 0};

    if (wreq->kind == CHUNK_DIGESTS)
        ask.next = 0;
    if (wreq->kind == CHUNK_PIECES && !wreq->count) /* it says `have` alone */
        return OK;
    if (wreq->kind < CHUNK_DIGESTS || wreq->kind > CHUNK_DIGEST_PIECES)
        return err_set(ERR_RANGE, "chunks of kind %u: there is none", wreq->kind);
    if (ask.next > UINT32_MAX - count)
        return err_set(ERR_RANGE, "chunk %u", ask.next);
    ask.end = ask.next + count;
    if (joins(asks, &ask))
        return OK;
    if (asks->n == asks->most)
        return err_set(ERR_RANGE, "more than %zu requests wait", asks->most);
    *at(asks, asks->n++) = ask;
    return OK;
}

static struct blob_ask take(struct blob_asks *asks)
{
    const struct blob_ask ask = *at(asks, 0);

    asks->first = (asks->first + 1) % asks->most;
    asks->n--;
    return ask;
}

static void put(struct blob_asks *asks, const struct blob_ask *ask)
{
    *at(asks, asks->n) = *ask;
    asks->n++;
}

bool blob_asks_next(struct blob_asks *asks, const struct blob_store *store, struct msg *out)
{
    for (size_t i = asks->n; i; i--) {
        const struct blob_ask ask = *at(asks, 0);
        const struct msg_wreq wreq = {
            .route = ask.route, .hash = ask.hash, .kind = ask.kind, .first = ask.next};
        const enum blob_have have = blob_store_answer(store, &wreq, out);

        asks->none = have == BLOB_NOT_HERE;
        if (have != BLOB_NOT_YET)
            return true;
        take(asks);
        put(asks, &ask);
    }
    return false;
}

/* Nothing of it will come: whoever hears WNONE asks anew for all that is missing. */
static void drop(struct blob_asks *asks, const struct blob_ask *none)
{
    for (size_t i = asks->n; i; i--) {
        const struct blob_ask ask = take(asks);
        if (ask.route != none->route || !hash_same(&ask.hash, &none->hash))
            put(asks, &ask);
    }
}

void blob_asks_sent(struct blob_asks *asks)
{
    struct blob_ask ask = take(asks);

    if (asks->none)
        drop(asks, &ask);
    else if (++ask.next < ask.end) /* the others first */
        put(asks, &ask);
}

void blob_asks_clear(struct blob_asks *asks)
{
    asks->n = 0;
}
