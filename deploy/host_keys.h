/* host_keys: the keys of a host's processes: each is made here, and let in by the head when the
 * host's supervisor asks (ADMIN admit, over its own connection). The secret stays here. */

#ifndef DEPLOY_HOST_KEYS_H
#define DEPLOY_HOST_KEYS_H

#include "deploy/plan.h"
#include "proto/curve.h"
#include "proto/msg.h"

struct peer;

enum { HOST_KEYS = 64, HOST_KEYS_AGAIN_MS = 3000 };

struct host_keys {
    const char *folder, *host; /* FOLDER/keys */
    const struct curve_keys
        *own; /* the supervisor's: whom a worker's key speaks to, is the same */
    struct peer *peer;
    struct host_keys_asked {
        char name[PLAN_NAME];
        struct curve_keys keys;
        uint64_t request;
        int64_t asked_ms;
    } asked[HOST_KEYS]; /* name "": free */
    uint64_t requests;
};

/* The key file of the process of that name. Errors: ERR_STATE: it has been asked for, in words;
 * ERR_IO. */
enum err host_keys_path(struct host_keys *keys, enum plan_role role, const char *name,
                        char path[4096], int64_t now_ms) MUST_CHECK;
/* For peer_on(MSG_ADMIN_OK). */
enum err host_keys_on_admin_ok(void *keys, const struct msg *msg, int64_t now_ms);
void host_keys_wipe(struct host_keys *keys);

#endif
