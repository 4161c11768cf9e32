/* What the files of the server share: the server itself. */

#ifndef ANNOTATE_STATE_H
#define ANNOTATE_STATE_H

#include "annotate/conf.h"
#include "annotate/figures.h"
#include "base/hash.h"
#include "http/desk.h"
#include "http/guard.h"
#include "http/limiter.h"
#include "http/route.h"
#include "prefs/prefs.h"

/* What is left for a person, as it was counted last. */
enum { STATE_LEFT = 1024 };
struct state_left {
    int64_t person, at, done, left;
};

/* What admins were told of the whole study last; NULL: anew. */
struct state_told {
    json_t *state;
    uint64_t changes; /* of the store, when it was counted */
    int64_t next_ms;  /* by clock_mono_ms: not again before */
};

struct annotate {
    struct annotate_conf conf;
    struct prefs *prefs;
    struct desk *desk;
    const struct route *routes; /* the table (routes.h) */
    size_t n_routes;
    struct guard guard;
    unsigned port;
    char cookie[32]; /* the name of the session's cookie */
    char *tls_cert, *tls_key;
    /* the one-time address, its token's hash, and whether a turn has used it */
    char *address, *base;
    struct hash token;
    bool used;
    unsigned char key[16];            /* of what limiters count by: nothing of it is kept */
    struct limiter people, strangers; /* requests of somebody who is in; of others */
    struct state_left left[STATE_LEFT];
    struct state_told told;
    struct figures figures;
    struct limiter logins; /* tries of an account, from one address */
};

/* What was told last is told no more: an admin has changed something and wants to see it, or what was
 * counted was taken back. */
void annotate_forget_told(struct annotate *annotate);
/* Makes a new one-time address. */
void annotate_renew(struct annotate *annotate);

#endif
