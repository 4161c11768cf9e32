/* pages: what a process lacks, as pages from another of its host (handover.h), before the wire
 * is asked.
 *
 * Each question ends with one call of `answer`, unless it is dropped before: the pages, or NULL:
 * nobody here has them, the wire must. No clock; descriptors are watched by the owner. */

#ifndef PROTO_PAGES_H
#define PROTO_PAGES_H

#include "base/shared_memory.h"
#include "proto/noun.h"

enum { PAGES_MAX = 16 }; /* questions at once */

struct pages_conf {
    /* A descriptor is there, or about to go: call pages_readable when it is readable. */
    enum err (*watch)(void *self, int fd);
    void (*unwatch)(void *self, int fd);
    /* The pages of what was wanted, the owner's now, or NULL. May want and drop others. */
    enum err (*answer)(void *self, const struct hash *hash, struct shared_memory *shared,
                       int64_t now_ms);
    void *self;
};

struct pages;
void pages_new(struct pages **out, const struct pages_conf *conf);
void pages_free(struct pages *pages); /* NULL is fine */

/* From each WELCOME: the run whose processes are asked. */
void pages_run(struct pages *pages, const struct id *run);

/* Asks; false: nobody here can be asked, and no answer comes. `what` is copied, its name is
 * borrowed until the answer. */
bool pages_want(struct pages *pages, const struct artifact *what);
void pages_drop(struct pages *pages, const struct hash *hash);

/* Each PEER_TICK_MS, and when a descriptor is readable. Errors: those of `answer`. */
enum err pages_tick(struct pages *pages, int64_t now_ms) MUST_CHECK;
enum err pages_readable(struct pages *pages, int64_t now_ms) MUST_CHECK;

#endif
