/* blob: artifacts by hash: chunks of 1 MiB, each checked by its digest, which travel in pieces of
 * 64 KiB. No socket, no clock.
 *
 * A child first asks for the digests of all chunks, which must join to the hash, then for
 * pieces, as many ahead as its owner gives room for (pace.h); a chunk is checked when its last
 * piece comes. What is on its way is not asked for twice: again only on a new connection, after
 * WNONE, or when a chunk was wrong. What has arrived stays. */

#ifndef PROTO_BLOB_H
#define PROTO_BLOB_H

#include "base/shared_memory.h"
#include "proto/msg.h"

#include <stddef.h>

enum { BLOB_AGAIN_MS = 2000, BLOB_ASKS = 4096, BLOB_CHUNK_PIECES = HASH_CHUNK / PIECE };

/* ---- an artifact's parts */
size_t blob_chunks(uint64_t bytes);
size_t blob_pieces(uint64_t bytes);
/* Digests of all chunks; returns the name. `digest` holds blob_chunks(n). */
struct hash blob_digest(struct hash *digest, const void *bytes, size_t n);
/* A bit a chunk, as `have` and `there` travel; bytes of them; is one set? */
size_t blob_bits(size_t chunks);
bool blob_bit(const uint8_t *bits, size_t bytes, size_t chunk);

/* ---- the side that lacks one */
struct blob_pull;
/* Errors: ERR_RANGE (more than 32 GiB), ERR_NOMEM. */
enum err blob_pull_new(struct blob_pull **out, const struct artifact *what) MUST_CHECK;
void blob_pull_free(struct blob_pull *pull);

/* The next request, for at most `room` bytes but at least one piece; false if none is due.
 * blob_pull_lost when it could not be sent. `have` lies in the pull: encode at once. */
bool blob_pull_ask(struct blob_pull *pull, struct msg *out, size_t room, int64_t now_ms);
void blob_pull_lost(struct blob_pull *pull, const struct msg *ask);
/* A request for nothing (count 0) that says what is here, if that is news and nothing is asked. */
bool blob_pull_tell(struct blob_pull *pull, struct msg *out, int64_t now_ms);
/* Bytes on their way, about: from the source asked now, or from the one before. Are there some
 * that the source asked now has said it has? */
size_t blob_pull_owed(const struct blob_pull *pull, bool before);
bool blob_pull_promised(const struct blob_pull *pull);

/* The connection ended (a new WELCOME): all that was asked for there is due again. */
void blob_pull_cut(struct blob_pull *pull);
/* From now on another source is asked. What is on its way from the one before may still come
 * (`before` in blob_take), until blob_pull_forget. */
void blob_pull_move(struct blob_pull *pull);
void blob_pull_forget(struct blob_pull *pull);
/* Asks for nothing more while `hold`; what came stays. */
void blob_pull_hold(struct blob_pull *pull, bool hold);

/* What became of a WCHUNK. PART: with it a chunk, or the digests, are here and right. WRONG: they
 * are not what the name says, and are asked for again; all of them came from its sender. */
enum blob_took { BLOB_OTHERS, BLOB_KEPT, BLOB_PART, BLOB_USELESS, BLOB_WRONG };
/* `before`: it came from the source before blob_pull_move. */
enum blob_took blob_take(struct blob_pull *pull, const struct msg_wchunk *chunk, bool before,
                         int64_t now_ms);
/* The source asked now has it not: all that it owes is due again after 2 s, then 4 .. 32;
 * `reason` stands for people. False if it is about another artifact. */
bool blob_pull_none(struct blob_pull *pull, const struct msg_wnone *none, int64_t now_ms);

bool blob_pull_done(const struct blob_pull *pull);
const struct artifact *blob_pull_what(const struct blob_pull *pull);
/* The bytes, checked and sealed; the caller's now. NULL until done.
 * Errors: shared_memory_seal's. */
enum err blob_pull_detach(struct blob_pull *pull, struct shared_memory **out) MUST_CHECK;

/* For who gives on what has come: the bytes; digests of all chunks, NULL before they are here;
 * the chunks that are (blob_bits). */
const uint8_t *blob_pull_bytes(const struct blob_pull *pull);
const struct hash *blob_pull_digest(const struct blob_pull *pull);
const uint8_t *blob_pull_bits(const struct blob_pull *pull);

struct blob_pull_stats {
    uint64_t chunks, missing, bad; /* bad: chunks, digests, pieces that were wrong */
    uint64_t pieces, useless;      /* that came; of these, here already or never asked for */
    uint64_t asked_again;          /* pieces */
    int64_t heard_ms;              /* when something useful last came; 0: never */
    char reason[128];              /* of the last WNONE */
};
struct blob_pull_stats blob_pull_stats(const struct blob_pull *pull);

/* ---- the side that has them */
struct blob_store;
void blob_store_new(struct blob_store **out);
void blob_store_free(struct blob_store *store);

/* Offers `n` bytes, which must stay as they are until removal, then `release(hint)` (may be
 * NULL) is called. digest [chunks] may be NULL: then they are computed, 1 ms a MiB; a caller on
 * the compute thread gets them from blob_digest. what->hash is checked against them. A hash
 * that is there already is OK and releases the bytes at once; after an error they are still the
 * caller's. Errors: ERR_RANGE (more than 32 GiB; hash or size does not match). */
enum err blob_store_add(struct blob_store *store, const struct artifact *what,
                        const void *bytes, size_t n, const struct hash *digest,
                        void (*release)(void *hint), void *hint) MUST_CHECK;
/* Gives what has come of a pull, and the rest as it comes; borrowed until removal. Not listed.
 * A hash that is there already stays as it is. */
void blob_store_pull(struct blob_store *store, const struct blob_pull *pull);
void blob_store_remove(struct blob_store *store, const struct hash *hash);
/* NULL if it is not here, or not whole. */
const void *blob_store_find(const struct blob_store *store, const struct hash *hash, size_t *n);
/* For OFFER and HELLO: what is whole; valid until the next add or remove. */
const struct artifact *blob_store_list(const struct blob_store *store, uint32_t *n);

/* An answer to `ask`, of number ask->first. */
enum blob_have { BLOB_NOT_HERE, BLOB_NOT_YET, BLOB_HERE };
enum blob_have blob_store_answer(const struct blob_store *store, const struct msg_wreq *ask,
                                 struct msg *out);

/* ---- requests that wait: of one who asks, or of all routes of a connection */
struct blob_asks;
void blob_asks_new(struct blob_asks **out, size_t most);
void blob_asks_free(struct blob_asks *asks); /* NULL is fine */

/* Notes a request. Errors: ERR_RANGE: the queue is full (say WNONE: nobody asks again by
 * itself), or there is no such kind. */
enum err blob_asks_add(struct blob_asks *asks, const struct msg_wreq *ask) MUST_CHECK;
/* Gives the next answer (WCHUNK or WNONE) without taking it off; false if nothing is due: what
 * is not yet there waits. Call blob_asks_sent once it went out. Routes are served in turn, a
 * piece each. A WNONE takes all of its route for that hash with it. */
bool blob_asks_next(struct blob_asks *asks, const struct blob_store *store, struct msg *out);
void blob_asks_sent(struct blob_asks *asks);
void blob_asks_clear(struct blob_asks *asks); /* a new connection: they mean nothing there */

/* The same of a queue of the store's own. */
enum err blob_store_ask(struct blob_store *store, const struct msg_wreq *ask) MUST_CHECK;
bool blob_store_next(struct blob_store *store, struct msg *out);
void blob_store_sent(struct blob_store *store);
void blob_store_clear(struct blob_store *store);

#endif
