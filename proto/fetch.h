/* fetch: what a worker lacks, pulled by hash: as pages from another process of this host (pages.h),
 * or over the bulk connection, for all of this host.
 *
 * Owns the bulk peer, which goes where WELCOME says, and up to FETCH_MAX pulls at once. No
 * clock; sockets are watched by the owner. */

#ifndef PROTO_FETCH_H
#define PROTO_FETCH_H

#include "proto/blob.h"
#include "proto/fetch_ways.h"
#include "proto/peer.h"

enum { FETCH_MAX = 16 };

struct fetch_conf {
    void *context;
    enum role role;
    const struct curve_keys *keys; /* NULL: plain */
    const char *name;
    struct id id;
    uint64_t incarnation;
    /* The bulk socket is there, or about to go: register it with a loop, or take it away. */
    enum err (*watch)(void *self, void *socket);
    void (*unwatch)(void *self, void *socket);
    /* The same for a plain descriptor: fetch_handed when it is readable. */
    enum err (*watch_fd)(void *self, int fd);
    void (*unwatch_fd)(void *self, int fd);
    /* An artifact has arrived and was checked; the shared memory is the owner's. */
    enum err (*got)(void *self, const struct artifact *what, struct shared_memory *shared,
                    int64_t now_ms);
    /* An image can be made of another: takes the job, and gives it back by fetch_rebuilt. NULL:
     * images are pulled. Errors: ERR_STATE: not now. */
    enum err (*rebuild)(void *self, struct fetch_rebuild *job);
    void *self;
};

struct fetch;
void fetch_new(struct fetch **out, const struct fetch_conf *conf);
void fetch_free(struct fetch *fetch); /* NULL is fine */

/* From each WELCOME: where bulk is. Opens, or moves when it changed. Errors: peer_open's. */
enum err fetch_endpoint(struct fetch *fetch, const char *bulk, const char *bulk_key,
                        int64_t now_ms) MUST_CHECK;

/* Gives others what it holds and pulls, at `endpoint` (tcp://host:port); before fetch_endpoint,
 * whose HELLO says it. Errors: ERR_IO (port in use), ERR_STATE (no keys on an open address). */
enum err fetch_serve(struct fetch *fetch, const char *endpoint) MUST_CHECK;

/* From each WELCOME: the run whose processes here are asked first. */
void fetch_run(struct fetch *fetch, const struct id *run);

/* Asks for an artifact; one that is on its way already is left alone.
 * Errors: ERR_RANGE (FETCH_MAX are on their way; try again later), ERR_NOMEM. */
enum err fetch_want(struct fetch *fetch, const struct artifact *what) MUST_CHECK;
/* What the owner has made or rebuilt, for others of this host and, if its digests are known
 * (blob_digest; else NULL), elsewhere. What came by fetch need not be put. `shared` is sealed; shared,
 * not taken: given as long as anybody else has a share of it. */
void fetch_put(struct fetch *fetch, const struct artifact *what, struct shared_memory *shared,
               const struct hash *digest);
bool fetch_wants(const struct fetch *fetch, const struct hash *hash);
void fetch_drop(struct fetch *fetch, const struct hash *hash);
void fetch_drop_all(struct fetch *fetch);

/* A job of conf.rebuild is done: hands the image over as one that came, or pulls it. Errors: got's. */
enum err fetch_rebuilt(struct fetch *fetch, struct fetch_rebuild *job,
                       int64_t now_ms) MUST_CHECK;

/* Each PEER_TICK_MS, and when the bulk socket is readable. */
enum err fetch_tick(void *fetch, int64_t now_ms) MUST_CHECK;
enum err fetch_readable(void *fetch, int64_t now_ms) MUST_CHECK;
enum err fetch_handed(void *fetch, int64_t now_ms) MUST_CHECK;

/* Taken so far, for progress: a piece, an artifact as pages, or a word of who pulls it for us, is one. */
uint64_t fetch_pieces(const struct fetch *fetch);
/* Over the wire: bytes so far, bytes a second (0: unknown); how much of an artifact is here,
 * itself or what it is rebuilt from, whichever is nearer to its end. */
uint64_t fetch_bytes(const struct fetch *fetch);
double fetch_rate(const struct fetch *fetch);
double fetch_share(const struct fetch *fetch, const struct hash *hash);
bool fetch_by_way(const struct fetch *fetch,
                  const struct hash *hash); /* is it made of another? */
/* Why the oldest pull is not done, "" if nothing is wanted. */
const char *fetch_note(struct fetch *fetch);

#endif
