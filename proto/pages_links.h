/* pages_links: who gives at the places of a run, and what this process holds for them. For pages.c
 * alone. */

#ifndef PROTO_PAGES_LINKS_H
#define PROTO_PAGES_LINKS_H

#include "proto/pages_state.h"

/* Of our user, or let into our folder: hashes may be said. And: is it taken at its word? */
bool pages_links_plain(const struct pages_link *link);
bool pages_links_believed(const struct pages_link *link);

/* Is there somebody to ask at this place? Connects, or takes it if it is free; false then, and
 * if it is passed over. */
bool pages_links_reach(struct pages *pages, int slot);
bool pages_links_own(const struct pages *pages, int slot); /* do we give there? */
/* A link for what is held, if there is none. */
void pages_links_attach(struct pages *pages);
/* Passed over for `ms` at least, longer each time; its next good word ends that. */
void pages_links_pass_over(struct pages *pages, int slot, int ms);
/* How long it may be silent while it is waited for. */
int pages_links_patience_ms(const struct pages *pages, int slot);
void pages_links_good(struct pages *pages, int slot);
/* Its end. Who ends again and again without a good word is passed over. */
void pages_links_gone(struct pages *pages, int slot);
void pages_links_hang_up(struct pages *pages, int slot);
bool pages_links_say(const struct pages *pages, int slot, struct handover_packet *packet);
void pages_links_leave(struct pages *pages, int slot, uint32_t ticket);

/* Keeps a share and lets every giver have the pages. */
void pages_links_hold(struct pages *pages, const struct artifact *what,
                      struct shared_memory *shared, uint32_t ticket);
void pages_links_remove(struct pages *pages, const struct hash *hash);
/* Lets go of what nobody else has a share of. */
void pages_links_look_through(struct pages *pages);
void pages_links_end(struct pages *pages);

#endif
