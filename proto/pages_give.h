/* pages_give: the giver of a host: who of its processes waits for what, who holds what, and the
 * pages themselves.
 *
 * There is one at each place of a run (handover.h). A guest says what it lacks and waits in line
 * while the giver pulls it, once for all; it tells how far that is. What anybody holds is given
 * to whoever asks, and kept as long as somebody holds it (of cards, the last ones longer). Only the
 * descriptor is kept here, nothing is mapped.
 *
 * A guest of our user is taken at its word. Another user names an artifact by a tag, gets what
 * is known here already, and puts nothing. Bounded: GIVE_ITEMS artifacts, GIVE_GUESTS guests,
 * GIVE_LINES each; what is beyond is answered with NONE. */

#ifndef PROTO_PAGES_GIVE_H
#define PROTO_PAGES_GIVE_H

#include "proto/pages_conf.h"

struct pages_give;
/* Errors: ERR_STATE (another gives there), ERR_IO, watch's. */
enum err pages_give_open(struct pages_give **out,
                         const struct pages_give_conf *conf) MUST_CHECK;
void pages_give_close(struct pages_give *give); /* NULL is fine */
int pages_give_slot(const struct pages_give *give);

/* A descriptor of the pages, the caller's, or -1: they are not here. *proved: they are the
 * owner's or of a process that is believed. */
int pages_give_find(const struct pages_give *give, const struct hash *hash, bool *proved);
/* The owner lacks it and pulls it by itself: others may wait in line. */
void pages_give_want(struct pages_give *give, const struct artifact *what);
void pages_give_unwant(struct pages_give *give, const struct hash *hash);
bool pages_give_waited(const struct pages_give *give, const struct hash *hash); /* by guests */
/* What a guest has put meanwhile, though the owner pulls it: once each; the name stays here. */
bool pages_give_came(struct pages_give *give, struct artifact *out);
/* What is here is not what it should be: it is lacked again. */
void pages_give_false(struct pages_give *give, const struct hash *hash);
/* The owner holds these (borrowed), or no longer. */
void pages_give_put(struct pages_give *give, const struct artifact *what,
                    const struct shared_memory *shared);
void pages_give_let_go(struct pages_give *give, const struct hash *hash);

/* Errors: those of pull and watch. */
enum err pages_give_readable(struct pages_give *give, int64_t now_ms) MUST_CHECK;
enum err pages_give_tick(struct pages_give *give, int64_t now_ms) MUST_CHECK;

#endif
