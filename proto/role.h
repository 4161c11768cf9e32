/* role: what a process is in a fleet, and the words for it in key files, tickets and on command
 * lines. */

#ifndef PROTO_ROLE_H
#define PROTO_ROLE_H

#include "base/err.h"

#include <stdint.h>

enum role {
    ROLE_NONE,
    ROLE_LEARNER,
    ROLE_ACTOR,
    ROLE_REWARDER,
    ROLE_SUPERVISOR,
    ROLE_OPERATOR, /* a person's command line: says ADMIN, hears ADMIN_OK */
    ROLE_WATCHER,  /* reads the dashboard, and that alone */
    ROLE_AUDITOR,
    ROLE_GUEST,     /* never in HELLO: who holds a ticket and no key yet */
    ROLE_FOLLOWER,  /* takes each new version of the policy, and nothing else */
    ROLE_ANNOTATOR, /* shows pairs of answers to people, and brings what they say of them */
    ROLES,
    ROLE_LAST = ROLES - 1, /* that a peer may say it has, but for ROLE_GUEST */
};

/* "actor", ...; "" of what is none. */
const char *role_name(uint32_t role);

/* Errors: ERR_RANGE, naming all that a key may have. */
enum err role_find(enum role *out, const char *name) MUST_CHECK;

#endif
