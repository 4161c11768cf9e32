/* What becomes of an answer; declared in blob.h, the state in blob_state.h.
 *
 * Whatever comes is compared with what is owed by who sent it: what nobody asked for is passed
 * over. A chunk is hashed when its last piece comes, in place, and is here or not at all: a
 * false one goes back whole, since which of its pieces is false cannot be told. */

#include "proto/blob.h"

#include "proto/blob_state.h"

#include <stdio.h>
#include <string.h>

/* Asked for again, at once only the first time: a liar gets no tight loop. */
static void bad(struct blob_pull *pull, int64_t now_ms)
{
    pull->next[0] = pull->next[1] = 0;
    if (pull->stats.bad++ && now_ms >= pull->again_ms)
        blob_pull_pause(pull, now_ms);
}

/* Notes a piece of n bytes that should be `want`: one of another length is wrong. What was never
 * asked for, or is here, is useless. */
static enum blob_took note(struct blob_pull *pull, struct pieces *part, size_t piece,
                           bool before, size_t bytes, uint64_t want, int64_t now_ms)
{
    const unsigned bit = 1u << piece;
    uint16_t *const owes = before ? &part->before : &part->asked;
    const uint8_t turn =
        (uint8_t)(before ? (pull->turn + BLOB_MIXED - 1) % BLOB_MIXED : pull->turn);

    pull->stats.pieces++;
    if (!(*owes & bit)) {
        pull->stats.useless++;
        return BLOB_USELESS;
    }
    *owes &= (uint16_t)~bit;
    pull->owed[before]--;
    if (bytes != want) {
        bad(pull, now_ms);
        return BLOB_WRONG;
    }
    part->by = !part->here || part->by == turn ? turn : BLOB_MIXED;
    part->here |= (uint16_t)bit;
    return BLOB_KEPT;
}

/* All of it, or nothing: which piece is false cannot be told. Only what is from one source is
 * that one's fault. */
static enum blob_took undo(struct blob_pull *pull, struct pieces *part, int64_t now_ms)
{
    pull->stats.asked_again += (unsigned)__builtin_popcount(part->here);
    part->here = 0;
    bad(pull, now_ms);
    return part->by == BLOB_MIXED ? BLOB_USELESS : BLOB_WRONG;
}

static void take_map(struct blob_pull *pull, const struct msg_wchunk *chunk)
{
    const size_t bytes = blob_bits(pull->chunks);

    if (chunk->index)
        return;
    memset(pull->there, 0, bytes);
    if (chunk->n_there)
        memcpy(pull->there, chunk->there, chunk->n_there < bytes ? chunk->n_there : bytes);
    pull->next[0] = pull->next[1] = 0;
    pull->mapped = true;
}

/* Only digests that have the name are kept: chunks are judged by them. */
static enum blob_took take_list(struct blob_pull *pull, const struct msg_wchunk *chunk,
                                bool before, int64_t now_ms)
{
    const size_t all = pull->chunks * HASH_BYTES, n = blob_pull_lists(pull);
    const size_t at = (size_t)chunk->index * PIECE, left = all - at;
    enum blob_took took;
    struct hash name;

    if (chunk->index >= n)
        return BLOB_USELESS;
    took = note(pull, &pull->list, chunk->index, before, chunk->bytes,
                left < PIECE ? left : PIECE, now_ms);
    if (took != BLOB_KEPT)
        return took;
    if (!before)
        take_map(pull, chunk);
    if (pull->have_digest)
        return BLOB_KEPT;
    if (chunk->bytes)
        memcpy((uint8_t *)pull->digest + at, chunk->data, chunk->bytes);
    if (pull->list.here != (1u << n) - 1)
        return BLOB_KEPT;
    name = hash_join(pull->digest, pull->chunks);
    pull->have_digest = hash_same(&name, &pull->what.hash);
    return pull->have_digest ? BLOB_PART : undo(pull, &pull->list, now_ms);
}

static enum blob_took take_piece(struct blob_pull *pull, const struct msg_wchunk *chunk,
                                 bool before, int64_t now_ms)
{
    const size_t number = chunk->index / BLOB_CHUNK_PIECES;
    const uint64_t from = (uint64_t)number * HASH_CHUNK, at = (uint64_t)chunk->index * PIECE;
    const uint64_t left = pull->what.bytes - at, all = pull->what.bytes - from;
    struct pieces *part;
    struct hash digest;
    enum blob_took took;

    if (at >= pull->what.bytes)
        return BLOB_USELESS;
    part = &pull->chunk[number];
    took = note(pull, part, chunk->index % BLOB_CHUNK_PIECES, before, chunk->bytes,
                left < PIECE ? left : PIECE, now_ms);
    if (took != BLOB_KEPT)
        return took;
    memcpy(pull->bytes + at, chunk->data, chunk->bytes);
    if (part->here != (1u << blob_pull_pieces(pull, number)) - 1)
        return BLOB_KEPT;
    digest =
        hash_chunk(pull->bytes + from, all < HASH_CHUNK ? (size_t)all : (size_t)HASH_CHUNK);
    if (!hash_same(&digest, &pull->digest[number]))
        return undo(pull, part, now_ms);
    pull->bits[number / 8] |= (uint8_t)(1u << number % 8);
    pull->have++;
    pull->told = false;
    pull->pauses = 0;
    return BLOB_PART;
}

enum blob_took blob_take(struct blob_pull *pull, const struct msg_wchunk *chunk, bool before,
                         int64_t now_ms)
{
    enum blob_took took = BLOB_USELESS;

    if (!hash_same(&chunk->hash, &pull->what.hash))
        return BLOB_OTHERS;
    if (chunk->total != pull->what.bytes) { /* nothing that it has is what is wanted */
        blob_pull_release(pull, !before, before);
        bad(pull, now_ms);
        snprintf(pull->stats.reason, sizeof pull->stats.reason, "%llu bytes, not %llu",
                 (unsigned long long)chunk->total, (unsigned long long)pull->what.bytes);
        return BLOB_WRONG;
    }
    if (chunk->kind == CHUNK_DIGEST_PIECES)
        took = take_list(pull, chunk, before, now_ms);
    else if (chunk->kind == CHUNK_PIECES && pull->have_digest && !blob_pull_done(pull))
        took = take_piece(pull, chunk, before, now_ms);
    if (took == BLOB_KEPT || took == BLOB_PART)
        pull->stats.heard_ms = now_ms;
    return took;
}
