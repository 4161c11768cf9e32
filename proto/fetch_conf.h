/* fetch_conf: what the wire of fetch is made of, and how patient it is. */

#ifndef PROTO_FETCH_CONF_H
#define PROTO_FETCH_CONF_H

#include "proto/blob.h"
#include "proto/peer.h"

enum {
    FETCH_WIRE_PULLS = 32,
    FETCH_WIRE_OFFERED = 32,     /* whole artifacts, each a share of its pages */
    FETCH_WIRE_PARENTS = 4,      /* connections to others than the broker, at once */
    FETCH_WIRE_DIAL_MS = 10000,  /* for a parent to say WELCOME; */
    FETCH_WIRE_HASTE_MS = 5000,  /* after so long of it the broker is asked meanwhile */
    FETCH_WIRE_OWED_MS = 5000,   /* for the next piece of what a parent has */
    FETCH_WIRE_WAIT_MS = 20000,  /* for the next piece of what is on its way to a parent */
    FETCH_WIRE_AGAIN_MS = 30000, /* of the broker: then HELLO is said again; 60 .. 240 */
};

struct fetch_wire_conf {
    void *context;
    struct peer_conf peer; /* of the bulk connection; broker, hello and hb are filled in here */
    enum err (*watch)(void *self, void *socket);
    void (*unwatch)(void *self, void *socket);
    /* An artifact has come whole and was checked. The pages are the owner's now, `digest` is
     * valid during the call; the pull is gone afterwards. */
    enum err (*whole)(void *self, const struct artifact *what, struct shared_memory *shared,
                      const struct hash *digest, int64_t now_ms);
    /* The broker has none of what is pulled, now: its pull asks again later, unless the owner drops it. */
    void (*none)(void *self, const struct hash *hash);
    /* The broker says what makes one image of another; and: a new connection to it is there. */
    void (*offered)(void *self, const struct msg_offer *offer);
    void (*again)(void *self);
    void *self;
};

#endif
