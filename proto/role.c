/* One list in the order of the numbers; what has no number of its own on the wire (a ticket's
 * holder) has no word that a person could ask for. */

#include "proto/role.h"

#include <string.h>

static const char *const names[ROLES] = {
    [ROLE_LEARNER] = "learner",   [ROLE_ACTOR] = "actor",
    [ROLE_REWARDER] = "rewarder", [ROLE_SUPERVISOR] = "supervisor",
    [ROLE_OPERATOR] = "operator", [ROLE_WATCHER] = "watcher",
    [ROLE_AUDITOR] = "auditor",   [ROLE_GUEST] = "ticket",
    [ROLE_FOLLOWER] = "follower", [ROLE_ANNOTATOR] = "annotator",
};

const char *role_name(uint32_t role)
{
    return role < ROLES && names[role] ? names[role] : "";
}

enum err role_find(enum role *out, const char *name)
{
    for (enum role role = ROLE_LEARNER; role <= ROLE_LAST; role++)
        if (role != ROLE_GUEST && !strcmp(name, names[role])) {
            *out = role;
            return OK;
        }
    return err_set(
        ERR_RANGE,
        "role '%.40s': learner, actor, rewarder, supervisor, operator (scale, down), "
        "watcher (the dashboard alone), auditor, follower (weights alone) or "
        "annotator (people's judgements alone) is meant",
        name);
}
