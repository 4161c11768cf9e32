/* fetch_ways: how an image is come by for less than its bytes: rebuilt from one that is here already
 * and from a patch or an adapter (docs/PROTOCOL.md §3.3), where that is sooner.
 *
 * Decides; pulls, sends and rebuilds nothing itself: its owner does (fetch.c), by the calls of conf.
 * Where NULL is given for it no image is ever made of another: nothing happens, and nothing is found.
 * No clock. */

#ifndef PROTO_FETCH_WAYS_H
#define PROTO_FETCH_WAYS_H

#include "base/shared_memory.h"
#include "proto/msg.h"

#include <stdbool.h>

/* What is to be made, lent to a thread that computes. `made` has the hash of `of`, which whoever
 * makes it has compared, or err says why there is none. */
struct fetch_rebuild {
    struct artifact of, way;
    struct shared_memory *bytes, *base; /* of the way, of the image that it is of; shares */
    struct shared_memory *made;         /* out, sealed */
    struct hash *digest;                /* out: of its chunks */
    int64_t took_ms;                    /* out */
    enum err err;
    char words[200];
};
void fetch_ways_rebuild_free(struct fetch_rebuild *job); /* NULL is fine */

struct fetch_ways_conf {
    /* Pulls for us: fetch_ways_got brings it. Errors: ERR_RANGE, ERR_NOMEM: it cannot be had. */
    enum err (*want)(void *self, const struct artifact *what);
    void (*drop)(void *self, const struct hash *hash); /* what was wanted so */
    /* An image that is being pulled: asks for nothing more, or goes on. */
    void (*pause)(void *self, const struct hash *of, bool on);
    /* To the broker. Errors: ERR_STATE: not now. */
    enum err (*say)(void *self, struct msg *msg);
    /* Bytes that an image still lacks, and bytes a second that come (0: unknown). */
    void (*view)(void *self, const struct hash *of, uint64_t *left, double *rate);
    /* To the thread that computes: it takes the job and gives it back to fetch_ways_built. Errors:
     * ERR_STATE: it takes none now, and the job is still ours. */
    enum err (*rebuild)(void *self, struct fetch_rebuild *job);
    void *self;
};

struct fetch_ways;
void fetch_ways_new(struct fetch_ways **out, const struct fetch_ways_conf *conf);
void fetch_ways_free(struct fetch_ways *ways); /* NULL is fine */

/* An image's pull over the wire has begun; is over, whole or dropped. */
void fetch_ways_begin(struct fetch_ways *ways, const struct artifact *of);
void fetch_ways_end(struct fetch_ways *ways, const struct hash *of);
/* A new connection: what was asked is asked again. */
void fetch_ways_again(struct fetch_ways *ways);
/* The broker's answer. */
void fetch_ways_offer(struct fetch_ways *ways, const struct msg_offer *offer);
/* The broker has answered that nobody offers this: a way, or the base of ways, that is pulled for us
 * is not waited for. */
void fetch_ways_none(struct fetch_ways *ways, const struct hash *hash);
/* Something is here whole. True: it was wanted for us (too); shared, not taken. */
bool fetch_ways_got(struct fetch_ways *ways, const struct artifact *what,
                    struct shared_memory *shared);
/* An image came over the wire or was rebuilt: the newest such stays, to make the next one of. */
void fetch_ways_hold(struct fetch_ways *ways, const struct artifact *what,
                     struct shared_memory *shared);
/* A job is back, and stays the caller's. True: its image is waited for. False: nobody waits any more,
 * or it was no use and the image is pulled. */
bool fetch_ways_built(struct fetch_ways *ways, const struct fetch_rebuild *job);
/* Each PEER_TICK_MS. */
void fetch_ways_tick(struct fetch_ways *ways, int64_t now_ms);

/* Another run: nothing of the old one leads anywhere. */
void fetch_ways_forget(struct fetch_ways *ways);

/* What is being pulled in place of an image; false: the image is. */
struct fetch_ways_parts {
    struct artifact way, base;
    bool way_here, base_here;
};
bool fetch_ways_taken(const struct fetch_ways *ways, const struct hash *of,
                      struct fetch_ways_parts *out);
/* Is it being rebuilt? All that it takes is here then. */
bool fetch_ways_builds(const struct fetch_ways *ways, const struct hash *of);
/* How an image is being come by, in words for people; "" if it is just pulled. */
const char *fetch_ways_note(const struct fetch_ways *ways, const struct hash *of);

#endif
