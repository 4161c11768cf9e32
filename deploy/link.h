/* link: an ssh session to one of the fleet's machines: brings the bundle when it lacks it, has its
 * supervisor started (attach.h), and watches it; made again whenever it breaks.
 *
 * Time is an argument; the loop is the owner's. */

#ifndef DEPLOY_LINK_H
#define DEPLOY_LINK_H

#include "deploy/link_state.h"

struct ssh_link *link_new(const struct link_fleet *fleet, const struct hosts_entry *entry);
void link_free(struct ssh_link *link); /* the session ends; the supervisor there does not */

void link_tick(struct ssh_link *link, int64_t now_ms);
/* Another entry for the same machine: the supervisor there starts again with it. */
void link_change(struct ssh_link *link, const struct hosts_entry *entry);
/* The supervisor there shall end; state LINK_ENDED when it has, or cannot be told. */
void link_end(struct ssh_link *link);

#endif
