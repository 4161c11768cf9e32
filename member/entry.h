/* entry: by which key a process comes into the fleet, and where it dials: a key file and an
 * address, or a ticket that is exchanged for a key. */

#ifndef MEMBER_ENTRY_H
#define MEMBER_ENTRY_H

#include "proto/invite.h"
#include "proto/peer.h"

/* As the options say; "" or NULL: not given. */
struct entry_conf {
    const char *broker, *key, *ticket_file, *name;
    enum role role;
};

struct entry {
    struct curve_keys keys;
    bool secure;                   /* there is a key */
    char broker[INVITE_ADDRESSES]; /* one or several with commas */
};

/* Blocks while a ticket is exchanged, at most a minute an address. Errors: what is wrong with
 * the file or the ticket; ERR_STATE in the broker's words. */
enum err entry_open(struct entry *out, const struct entry_conf *conf) MUST_CHECK;

/* Each tick: what the broker says of its own keys goes into the process's, and into `file` ("":
 * none), so that a later start finds it. */
void entry_learn(struct entry *entry, const struct peer *peer, const char *file);

#endif
