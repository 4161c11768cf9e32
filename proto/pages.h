/* pages: artifacts as pages within a host, so that a host takes each over the wire once.
 *
 * The first process of a host that lacks something of a run becomes its giver (pages_give.h); the
 * others ask it and wait while it pulls. Whoever holds something puts it there, so that a new
 * giver, when the old one ends, has all that the host has. A giver that is silent for
 * PAGES_SILENT_MS, or brings nothing for PAGES_STILL_MS, is passed over: the next place of the
 * run is asked, then the wire. Processes of our user are taken at their word; what comes from
 * another's, or by a shared folder, is hashed before use (pages_check.h), and such a giver must
 * show that it knows the hash.
 *
 * Each question ends with one call of `answer`, unless it is dropped before: the pages, or NULL:
 * the wire must. No clock; descriptors are watched by the owner. */

#ifndef PROTO_PAGES_H
#define PROTO_PAGES_H

#include "proto/pages_conf.h"

struct pages;
void pages_new(struct pages **out, const struct pages_conf *conf);
void pages_free(struct pages *pages); /* NULL is fine */

/* From each WELCOME: the run whose processes are asked. Another one lets go of all. */
void pages_run(struct pages *pages, const struct id *run);

/* Asks. False: no answer comes, the owner is to pull (and others may wait for it: pages_put when
 * it is whole, pages_drop if it is given up). */
bool pages_want(struct pages *pages, const struct artifact *what);
void pages_drop(struct pages *pages, const struct hash *hash);
/* Do others of this host wait for it here? Then `pull` will be said after pages_drop. */
bool pages_wanted(const struct pages *pages, const struct hash *hash);

/* What came over the wire, or was made here. `shared` (sealed; shared, not taken) is given to
 * others as long as anybody but `pages` has a share of it: no one needs to take it back. */
void pages_put(struct pages *pages, const struct artifact *what, struct shared_memory *shared);
void pages_remove(struct pages *pages, const struct hash *hash); /* or sooner */

/* Each PEER_TICK_MS, and when a descriptor is readable. Errors: those of `answer` and `pull`. */
enum err pages_tick(struct pages *pages, int64_t now_ms) MUST_CHECK;
enum err pages_readable(struct pages *pages, int64_t now_ms) MUST_CHECK;

/* Grows with what givers say they have, for progress. */
uint64_t pages_moved(const struct pages *pages);
/* For people: who pulls it and how far that is; "" if it is not waited for. */
const char *pages_note(struct pages *pages, const struct hash *hash);

#endif
