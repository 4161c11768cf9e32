/* The side that lacks an artifact; declared in blob.h.
 *
 * First the digests of all chunks, which together must have the artifact's name (its hash), in
 * pieces as all else; with the first the source says which chunks it has now. Then pieces: of
 * those chunks first, then of the others, ascending. Each piece is in one of four states, two
 * bits of its chunk: not asked for, on its way (from the source asked now, or from the one
 * before), here. When all pieces of a chunk are here it is compared with its digest: so a false
 * byte is found with its chunk, and what is complete is what was named.
 *
 * The owner calls blob_pull_ask while it has room; what is due, first or once more, follows
 * from those bits alone. Nothing here asks again because time has passed: what is on its way on
 * a connection that lives comes, or is taken back by WNONE. */

#include "proto/blob.h"

#include "base/mem.h"
#include "base/printable.h"
#include "proto/blob_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ASK_MOST = 64,   /* pieces of one request */
    HAVE_SMALL = 64, /* bytes of `have` that go with each request; more only each second */
    HAVE_MS = 1000,
    DOUBLINGS = 4, /* of the pause after WNONE: 2 .. 32 s */
};
_Static_assert(BLOB_CHUNK_PIECES == 16, "the pieces of a chunk are the bits of a uint16_t");
_Static_assert(BLOB_LISTS == 16, "so are those of the list of digests");

enum err blob_pull_new(struct blob_pull **out, const struct artifact *what)
{
    struct blob_pull *const pull = mem_new(1, sizeof *pull);
    enum err err = OK;

    *out = NULL;
    pull->what = *what;
    pull->name = mem_text(what->name ? what->name : "");
    pull->what.name = pull->name;
    pull->chunks = blob_chunks(what->bytes);
    pull->mapped = true;
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
    pull->chunk = mem_new(pull->chunks + 1, sizeof *pull->chunk);
    pull->bits = mem_new(blob_bits(pull->chunks) + 1, 1);
    pull->there = mem_new(blob_bits(pull->chunks) + 1, 1);
    *out = pull;
    return OK;
}

void blob_pull_free(struct blob_pull *pull)
{
    if (!pull)
        return;
    shared_memory_free(pull->shared);
    free(pull->digest);
    free(pull->chunk);
    free(pull->bits);
    free(pull->there);
    free(pull->name);
    free(pull);
}

/* ---- what is due */

size_t blob_pull_lists(const struct blob_pull *pull)
{
    const size_t n = (pull->chunks + PIECE_DIGESTS - 1) / PIECE_DIGESTS;

    return n ? n : 1; /* of nothing, too: that it is there */
}

size_t blob_pull_pieces(const struct blob_pull *pull, size_t chunk)
{
    const size_t left = blob_pieces(pull->what.bytes) - chunk * BLOB_CHUNK_PIECES;

    return left < BLOB_CHUNK_PIECES ? left : BLOB_CHUNK_PIECES;
}

static bool is_due(const struct pieces *part, size_t piece)
{
    return !((part->here | part->asked | part->before) >> piece & 1);
}

/* Marks at most `most` pieces in a row, the first that are due; false if none is. */
static bool ask_part(struct blob_pull *pull, struct pieces *part, size_t pieces, size_t most,
                     size_t *first, size_t *n)
{
    size_t i = 0;

    while (i < pieces && !is_due(part, i))
        i++;
    *first = i;
    for (*n = 0; i < pieces && *n < most && is_due(part, i); i++, ++*n)
        part->asked |= (uint16_t)(1u << i);
    pull->owed[0] += *n;
    return *n > 0;
}

/* Of the chunks that the source has (`there`), or of the others. Goes on into the chunks that
 * follow, as long as one request can name it all. */
static bool ask_chunks(struct blob_pull *pull, bool there, size_t most, size_t *first,
                       size_t *n)
{
    const size_t bytes = blob_bits(pull->chunks);
    size_t *const next = &pull->next[there], at, more;

    for (*n = 0; *next < pull->chunks; ++*next) {
        const size_t chunk = *next, pieces = blob_pull_pieces(pull, chunk);
        if (blob_bit(pull->there, bytes, chunk) != there) {
            if (*n)
                return true;
            continue;
        }
        if (!ask_part(pull, &pull->chunk[chunk], pieces, most - *n, &at, &more)) {
            if (*n)
                return true;
            continue;
        }
        at += chunk * BLOB_CHUNK_PIECES;
        if (!*n)
            *first = at;
        else if (at != *first + *n) { /* a gap: that is another request */
            pull->chunk[chunk].asked &=
                (uint16_t) ~(((1u << more) - 1) << at % BLOB_CHUNK_PIECES);
            pull->owed[0] -= more;
            return true;
        }
        *n += more;
        if (*n == most || at % BLOB_CHUNK_PIECES + more < pieces)
            return true;
    }
    return *n > 0;
}

static void say_have(struct blob_pull *pull, struct msg_wreq *out, int64_t now_ms)
{
    const size_t bytes = blob_bits(pull->chunks);

    if (pull->told || !pull->have || (bytes > HAVE_SMALL && now_ms - pull->told_ms < HAVE_MS))
        return;
    out->have = pull->bits;
    out->n_have = (uint32_t)bytes;
    pull->told = true;
    pull->told_ms = now_ms;
}

bool blob_pull_ask(struct blob_pull *pull, struct msg *out, size_t room, int64_t now_ms)
{
    const bool list = !pull->have_digest || !pull->mapped;
    size_t most = room / PIECE, first = 0, n = 0;
    bool due;

    most = most < 1 ? 1 : most > ASK_MOST ? ASK_MOST : most;
    if (pull->hold || blob_pull_done(pull) || now_ms < pull->again_ms)
        return false;
    if (list) /* with its first piece comes what the source has */
        due = ask_part(pull, &pull->list, pull->have_digest ? 1 : blob_pull_lists(pull), most,
                       &first, &n);
    else
        due = ask_chunks(pull, true, most, &first, &n) ||
              ask_chunks(pull, false, most, &first, &n);
    if (!due)
        return false;
    memset(out, 0, sizeof *out);
    out->head.type = MSG_WREQ;
    out->wreq.hash = pull->what.hash;
    out->wreq.kind = list ? CHUNK_DIGEST_PIECES : CHUNK_PIECES;
    out->wreq.first = (uint32_t)first;
    out->wreq.count = (uint32_t)n;
    say_have(pull, &out->wreq, now_ms);
    return true;
}

bool blob_pull_tell(struct blob_pull *pull, struct msg *out, int64_t now_ms)
{
    memset(out, 0, sizeof *out);
    out->head.type = MSG_WREQ;
    out->wreq.hash = pull->what.hash;
    out->wreq.kind = CHUNK_PIECES;
    say_have(pull, &out->wreq, now_ms);
    return out->wreq.n_have > 0;
}

static void take_back(uint16_t *bits, uint64_t *owed, uint64_t *again)
{
    const unsigned n = (unsigned)__builtin_popcount(*bits);

    *bits = 0;
    *owed -= n;
    *again += n;
}

static void release(struct blob_pull *pull, struct pieces *part, bool asked, bool before)
{
    if (asked)
        take_back(&part->asked, &pull->owed[0], &pull->stats.asked_again);
    if (before)
        take_back(&part->before, &pull->owed[1], &pull->stats.asked_again);
}

void blob_pull_release(struct blob_pull *pull, bool asked, bool before)
{
    release(pull, &pull->list, asked, before);
    for (size_t i = 0; i < pull->chunks; i++)
        release(pull, &pull->chunk[i], asked, before);
    pull->next[0] = pull->next[1] = 0;
}

void blob_pull_lost(struct blob_pull *pull, const struct msg *ask)
{
    const bool list = ask->wreq.kind == CHUNK_DIGEST_PIECES;

    for (size_t i = ask->wreq.first; i < (size_t)ask->wreq.first + ask->wreq.count; i++) {
        struct pieces *const part = list ? &pull->list : &pull->chunk[i / BLOB_CHUNK_PIECES];
        const unsigned bit = 1u << i % BLOB_CHUNK_PIECES;
        pull->owed[0] -= (part->asked & bit) != 0;
        part->asked &= (uint16_t)~bit;
    }
    pull->next[0] = pull->next[1] = 0;
    pull->told &= !ask->wreq.n_have;
}

void blob_pull_cut(struct blob_pull *pull)
{
    blob_pull_release(pull, true, false);
    pull->told = false;
}

void blob_pull_forget(struct blob_pull *pull)
{
    blob_pull_release(pull, false, true);
}

static void move_part(struct pieces *part)
{
    part->before = part->asked;
    part->asked = 0;
}

/* The new source has said nothing yet of what it has. */
void blob_pull_move(struct blob_pull *pull)
{
    blob_pull_forget(pull);
    pull->owed[1] = pull->owed[0];
    pull->owed[0] = 0;
    move_part(&pull->list);
    for (size_t i = 0; i < pull->chunks; i++)
        move_part(&pull->chunk[i]);
    memset(pull->there, 0, blob_bits(pull->chunks));
    pull->mapped = false;
    pull->owed[1] -= pull->list.before & 1u;
    pull->list.here &= (uint16_t)~1u;
    pull->list.before &= (uint16_t)~1u;
    pull->told = false;
    pull->again_ms = 0;
    pull->pauses = 0;
    pull->turn = (uint8_t)((pull->turn + 1) % BLOB_MIXED);
}

void blob_pull_hold(struct blob_pull *pull, bool hold)
{
    pull->hold = hold;
}

size_t blob_pull_owed(const struct blob_pull *pull, bool before)
{
    return (size_t)pull->owed[before] * PIECE;
}

/* Digests are always there; of chunks only those that the source has named. */
bool blob_pull_promised(const struct blob_pull *pull)
{
    const size_t bytes = blob_bits(pull->chunks);

    for (size_t i = 0; i < pull->chunks; i++)
        if (pull->chunk[i].asked && blob_bit(pull->there, bytes, i))
            return true;
    return pull->list.asked != 0;
}

void blob_pull_pause(struct blob_pull *pull, int64_t now_ms)
{
    pull->again_ms = now_ms + ((int64_t)BLOB_AGAIN_MS << pull->pauses);
    pull->pauses += pull->pauses < DOUBLINGS;
}

/* Its words go to logs and terminals, and it may be anybody's. */
bool blob_pull_none(struct blob_pull *pull, const struct msg_wnone *none, int64_t now_ms)
{
    if (!hash_same(&none->hash, &pull->what.hash))
        return false;
    printable(pull->stats.reason, sizeof pull->stats.reason, none->reason, strlen(none->reason),
              PRINTABLE_LINE);
    blob_pull_release(pull, true, false);
    blob_pull_pause(pull, now_ms);
    return true;
}

/* ---- what is here */

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

const uint8_t *blob_pull_bytes(const struct blob_pull *pull)
{
    return pull->bytes;
}

const struct hash *blob_pull_digest(const struct blob_pull *pull)
{
    return pull->have_digest ? pull->digest : NULL;
}

const uint8_t *blob_pull_bits(const struct blob_pull *pull)
{
    return pull->bits;
}

struct blob_pull_stats blob_pull_stats(const struct blob_pull *pull)
{
    struct blob_pull_stats stats = pull->stats;

    stats.chunks = pull->have;
    stats.missing = pull->chunks - pull->have;
    return stats;
}
