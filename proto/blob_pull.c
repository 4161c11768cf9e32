/* The side that lacks an artifact; declared in blob.h.
 *
 * First the digests of all chunks, which together must have the artifact's name (its hash);
 * then chunks, BLOB_WINDOW of them under way at once, each compared with its digest as it
 * comes. So a false byte is found with its chunk, and what is complete is what was named. The
 * owner calls blob_pull_ask until it is false, and again at each tick: what to ask for, first
 * or once more, follows from the window alone. */

#include "proto/blob.h"

#include "base/mem.h"
#include "base/printable.h"
#include "proto/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NOW = -1,
    AGAIN_MAX_MS = 8 * BLOB_AGAIN_MS
}; /* NOW: asked_ms of what to repeat at once */

struct flight { /* a chunk that was asked for; free if `index` is none */
    size_t index;
    int64_t asked_ms;
    bool used, bad;
};

struct blob_pull {
    struct artifact what;
    char *name;
    struct shared_memory *shared;
    uint8_t *bytes; /* the shared memory's */
    struct hash *digest;
    size_t chunks, next, have; /* next: the first that was never asked for */
    bool have_digest, asked_digest;
    int64_t heard_ms, again_ms; /* last good chunk; the silence after which to ask again */
    int64_t digest_ms, none_ms; /* nothing is asked until 2 s after a WNONE */
    bool none;
    struct flight flight[BLOB_WINDOW];
    struct blob_pull_stats stats;
};

enum err blob_pull_new(struct blob_pull **out, const struct artifact *what)
{
    struct blob_pull *const pull = mem_new(1, sizeof *pull);
    enum err err = OK;

    *out = NULL;
    pull->what = *what;
    pull->name = mem_text(what->name ? what->name : "");
    pull->what.name = pull->name;
    pull->chunks = blob_chunks(what->bytes);
    pull->again_ms = BLOB_AGAIN_MS;
    if (what->bytes > LIMIT_ARTIFACT)
        err = err_set(ERR_RANGE, "artifact %s: %llu bytes, at most 32 GiB", pull->name,
                      (unsigned long long)what->bytes);
    if (!err)
        err = shared_memory_new(&pull->shared, (size_t)what->bytes, pull->name);
    if (!err)
        err = mem_big(&pull->digest, pull->chunks + 1, sizeof *pull->digest, "digests");
    if (err) {
        blob_pull_free(pull);
        return err;
    }
    pull->bytes = shared_memory_bytes(pull->shared);
    *out = pull;
    return OK;
}

void blob_pull_free(struct blob_pull *pull)
{
    if (!pull)
        return;
    shared_memory_free(pull->shared);
    free(pull->digest);
    free(pull->name);
    free(pull);
}

static void request(const struct blob_pull *pull, struct msg *out, uint32_t kind, size_t first,
                    size_t count)
{
    memset(out, 0, sizeof *out);
    out->head.type = MSG_WREQ;
    out->wreq.hash = pull->what.hash;
    out->wreq.kind = kind;
    out->wreq.first = (uint32_t)first;
    out->wreq.count = (uint32_t)count;
}

/* While chunks come, however slowly, nothing is lost; on a line too slow for a chunk in 2 s
 * asking again and again would fill it, so the patience doubles. */
static bool due(const struct blob_pull *pull, int64_t asked_ms, int64_t now_ms)
{
    const int64_t last_ms = asked_ms > pull->heard_ms ? asked_ms : pull->heard_ms;

    return asked_ms == NOW || now_ms - last_ms >= pull->again_ms;
}

static void again(struct blob_pull *pull, int64_t asked_ms)
{
    pull->stats.asked_again++;
    if (asked_ms != NOW && pull->again_ms < AGAIN_MAX_MS)
        pull->again_ms *= 2;
}

static void progress(struct blob_pull *pull, int64_t now_ms)
{
    pull->heard_ms = now_ms;
    pull->again_ms = BLOB_AGAIN_MS;
}

static bool ask_digest(struct blob_pull *pull, struct msg *out, int64_t now_ms)
{
    if (pull->asked_digest && !due(pull, pull->digest_ms, now_ms))
        return false;
    if (pull->asked_digest)
        again(pull, pull->digest_ms);
    pull->asked_digest = true;
    pull->digest_ms = now_ms;
    request(pull, out, CHUNK_DIGESTS, 0, 1);
    return true;
}

/* Fills free places of the window with chunks that follow one another. */
static size_t fill(struct blob_pull *pull, int64_t now_ms)
{
    size_t n = 0;

    for (int i = 0; i < BLOB_WINDOW && pull->next + n < pull->chunks; i++)
        if (!pull->flight[i].used)
            pull->flight[i] = (struct flight){pull->next + n++, now_ms, true, false};
    return n;
}

/* A chunk that is asked for again. All that are due were silent equally long: one step of
 * patience for all of them. */
static bool repeat(struct blob_pull *pull, struct msg *out, int64_t now_ms)
{
    for (int i = 0; i < BLOB_WINDOW; i++) {
        struct flight *const flight = &pull->flight[i];
        if (!flight->used || !due(pull, flight->asked_ms, now_ms))
            continue;
        again(pull, flight->asked_ms);
        for (int k = 0; k < BLOB_WINDOW; k++)
            if (k != i && pull->flight[k].asked_ms != NOW &&
                now_ms - pull->flight[k].asked_ms >= BLOB_AGAIN_MS)
                pull->flight[k].asked_ms = NOW;
        flight->asked_ms = now_ms;
        request(pull, out, CHUNK_BYTES, flight->index, 1);
        return true;
    }
    return false;
}

bool blob_pull_ask(struct blob_pull *pull, struct msg *out, int64_t now_ms)
{
    size_t n;

    if (blob_pull_done(pull) || (pull->none && now_ms - pull->none_ms < BLOB_AGAIN_MS))
        return false;
    pull->none = false;
    if (!pull->have_digest)
        return ask_digest(pull, out, now_ms);
    if (repeat(pull, out, now_ms))
        return true;
    n = fill(pull, now_ms);
    if (n)
        request(pull, out, CHUNK_BYTES, pull->next, n);
    pull->next += n;
    return n > 0;
}

void blob_pull_lost(struct blob_pull *pull, const struct msg *ask)
{
    const size_t first = ask->wreq.first, end = first + ask->wreq.count;

    if (ask->wreq.kind == CHUNK_DIGESTS)
        pull->digest_ms = NOW;
    for (int i = 0; ask->wreq.kind == CHUNK_BYTES && i < BLOB_WINDOW; i++)
        if (pull->flight[i].used && pull->flight[i].index >= first &&
            pull->flight[i].index < end)
            pull->flight[i].asked_ms = NOW;
}

void blob_pull_cut(struct blob_pull *pull)
{
    pull->digest_ms = NOW;
    for (int i = 0; i < BLOB_WINDOW; i++)
        pull->flight[i].asked_ms = NOW;
}

/* Only digests that have the name are kept: chunks are judged by them. */
static void take_digest(struct blob_pull *pull, const struct msg_wchunk *chunk, int64_t now_ms)
{
    struct hash name;

    if (pull->have_digest)
        return;
    if (chunk->bytes != pull->chunks * HASH_BYTES) {
        pull->stats.bad++;
        return;
    }
    if (chunk->bytes)
        memcpy(pull->digest->byte, chunk->data, chunk->bytes);
    name = hash_join(pull->digest, pull->chunks);
    pull->have_digest = hash_same(&name, &pull->what.hash);
    pull->stats.bad += !pull->have_digest;
    if (pull->have_digest)
        progress(pull, now_ms);
}

static void take_chunk(struct blob_pull *pull, const struct msg_wchunk *chunk, int64_t now_ms)
{
    const uint64_t at = (uint64_t)chunk->index * HASH_CHUNK;
    struct flight *flight = NULL;
    struct hash digest;
    uint64_t want;

    for (int i = 0; i < BLOB_WINDOW; i++)
        if (pull->flight[i].used && pull->flight[i].index == chunk->index)
            flight = &pull->flight[i];
    if (!flight) /* asked for twice, and here already */
        return;
    want = pull->what.bytes - at < HASH_CHUNK ? pull->what.bytes - at : (uint64_t)HASH_CHUNK;
    if (chunk->bytes == want) {
        digest = hash_chunk(chunk->data, chunk->bytes);
        if (hash_same(&digest, &pull->digest[chunk->index])) {
            memcpy(pull->bytes + at, chunk->data, chunk->bytes);
            flight->used = false;
            pull->have++;
            progress(pull, now_ms);
            return;
        }
    }
    pull->stats.bad++;
    if (!flight->bad) /* a liar gets no tight loop: at once only the first time */
        flight->asked_ms = NOW;
    flight->bad = true;
}

bool blob_pull_take(struct blob_pull *pull, const struct msg_wchunk *chunk, int64_t now_ms)
{
    if (!hash_same(&chunk->hash, &pull->what.hash))
        return false;
    if (chunk->total != pull->what.bytes) {
        pull->stats.bad++;
        snprintf(pull->stats.reason, sizeof pull->stats.reason, "%llu bytes, not %llu",
                 (unsigned long long)chunk->total, (unsigned long long)pull->what.bytes);
    } else if (chunk->kind == CHUNK_DIGESTS)
        take_digest(pull, chunk, now_ms);
    else if (pull->have_digest)
        take_chunk(pull, chunk, now_ms);
    return true;
}

/* Its words go to logs and terminals, and it may be anybody's. */
bool blob_pull_none(struct blob_pull *pull, const struct msg_wnone *none, int64_t now_ms)
{
    if (!hash_same(&none->hash, &pull->what.hash))
        return false;
    printable(pull->stats.reason, sizeof pull->stats.reason, none->reason, strlen(none->reason),
              PRINTABLE_LINE);
    pull->none = true;
    pull->none_ms = now_ms;
    return true;
}

bool blob_pull_done(const struct blob_pull *pull)
{
    return pull->have_digest && pull->have == pull->chunks;
}

const struct artifact *blob_pull_what(const struct blob_pull *pull)
{
    return &pull->what;
}

enum err blob_pull_detach(struct blob_pull *pull, struct shared_memory **out)
{
    enum err err;

    *out = NULL;
    if (!blob_pull_done(pull) || !pull->shared)
        return OK;
    err = shared_memory_seal(pull->shared);
    if (err)
        return err_add("%s", pull->name);
    *out = pull->shared;
    pull->shared = NULL;
    pull->bytes = NULL;
    return OK;
}

struct blob_pull_stats blob_pull_stats(const struct blob_pull *pull)
{
    struct blob_pull_stats stats = pull->stats;

    stats.chunks = pull->have;
    stats.missing = pull->chunks - pull->have;
    return stats;
}
