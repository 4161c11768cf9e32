/* ways_owner: the owner of fetch_ways, played: what it is told to pull, pause, say and rebuild is noted,
 * and answered by hand. */

#ifndef TESTS_PROTO_WAYS_OWNER_H
#define TESTS_PROTO_WAYS_OWNER_H

#include "proto/fetch_ways.h"

enum { MB = 1000000 };
static const struct hash V0 = {{1}}, V1 = {{2}}, V2 = {{3}}, PATCH = {{11}}, ADAPTER = {{12}},
                         none;

struct ways_owner {
    struct fetch_ways *ways;
    struct hash wanted[8]; /* that are still wanted */
    int n_wanted, dropped;
    struct hash last; /* that was dropped */
    bool paused, refuses, mute, busy;
    int asked, blamed;
    struct msg_wreq ask;
    uint64_t left;
    double rate;
    struct fetch_rebuild *job;
};

struct ways_owner *ways_owner_make(double rate); /* of its line; an image is 100 MB */
void ways_owner_end(struct ways_owner *owner);
struct artifact ways_owner_image(const struct hash *hash);
struct shared_memory *ways_owner_pages(void); /* some, the caller's */
/* What happens: an image is here, one is wanted, the broker answers, something came. */
void ways_owner_hold(struct ways_owner *owner, const struct hash *hash);
void ways_owner_begin(struct ways_owner *owner, const struct hash *hash, int64_t now_ms);
void ways_owner_offer(struct ways_owner *owner, const struct hash *name, uint32_t kind,
                      uint64_t bytes, const struct hash *of, const struct hash *base);
bool ways_owner_got(struct ways_owner *owner, const struct artifact *what);
bool ways_owner_got_way(struct ways_owner *owner, const struct hash *name, uint32_t kind);
/* The thread is done: with pages, the caller's share of them if they are waited for, or words. */
struct shared_memory *ways_owner_built(struct ways_owner *owner, bool good, int64_t took_ms);

#endif
