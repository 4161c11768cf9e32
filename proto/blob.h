/* blob: artifacts by hash, in checked chunks of 1 MiB. No socket, no clock.
 *
 * A child first asks for the digests of all chunks, which must join to the hash, then for
 * chunks, at most a window of them at once; each is checked when it comes, and asked for again
 * after 2 s (then 4, 8, 16) in which nothing good came. What has arrived stays: a cut costs the
 * chunks in flight. */

#ifndef PROTO_BLOB_H
#define PROTO_BLOB_H

#include "base/shared_memory.h"
#include "proto/msg.h"

#include <stddef.h>

enum { BLOB_WINDOW = 8, BLOB_AGAIN_MS = 2000, BLOB_ASKS = 4096 };

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
void blob_store_remove(struct blob_store *store, const struct hash *hash);
/* NULL if it is not here. */
const void *blob_store_find(const struct blob_store *store, const struct hash *hash, size_t *n);
/* For OFFER and HELLO; valid until the next add or remove. */
const struct artifact *blob_store_list(const struct blob_store *store, uint32_t *n);

/* Notes a request. Errors: ERR_RANGE: a full table (the child asks again), or no such kind. */
enum err blob_store_ask(struct blob_store *store, const struct msg_wreq *ask) MUST_CHECK;
/* Gives the next answer (WCHUNK or WNONE) without taking it off; false if nothing is due. Call
 * blob_store_sent once it went out. Requests are served in turn, a chunk each. */
bool blob_store_next(struct blob_store *store, struct msg *out);
void blob_store_sent(struct blob_store *store);

/* Digests of all chunks; returns the name. `digest` holds blob_chunks(n). */
size_t blob_chunks(uint64_t bytes);
struct hash blob_digest(struct hash *digest, const void *bytes, size_t n);

/* ---- the side that lacks one */
struct blob_pull;
/* Errors: ERR_RANGE (more than 32 GiB), ERR_NOMEM. */
enum err blob_pull_new(struct blob_pull **out, const struct artifact *what) MUST_CHECK;
void blob_pull_free(struct blob_pull *pull);

/* The next request that is due; false if none. Call until false, after each chunk and each
 * 100 ms; blob_pull_lost when a request could not be sent. */
bool blob_pull_ask(struct blob_pull *pull, struct msg *out, int64_t now_ms);
void blob_pull_lost(struct blob_pull *pull, const struct msg *ask);
/* The connection ended (a new WELCOME): all that was asked for is due again. */
void blob_pull_cut(struct blob_pull *pull);

/* A chunk for any pull: false if it is not this one's. A chunk that does not match its digest
 * is dropped, counted and asked for again. */
bool blob_pull_take(struct blob_pull *pull, const struct msg_wchunk *chunk, int64_t now_ms);
/* The other side has it not: asked again after 2 s; `reason` stands for people. */
bool blob_pull_none(struct blob_pull *pull, const struct msg_wnone *none, int64_t now_ms);

bool blob_pull_done(const struct blob_pull *pull);
const struct artifact *blob_pull_what(const struct blob_pull *pull);
/* The bytes, checked and sealed; the caller's now. NULL until done.
 * Errors: shared_memory_seal's. */
enum err blob_pull_detach(struct blob_pull *pull, struct shared_memory **out) MUST_CHECK;

struct blob_pull_stats {
    uint64_t chunks, missing, bad, asked_again;
    char reason[128]; /* of the last WNONE */
};
struct blob_pull_stats blob_pull_stats(const struct blob_pull *pull);

#endif
