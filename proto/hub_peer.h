/* hub_peer: who is there, as the hub shows it to the broker; how long silence and strikes last. */

#ifndef PROTO_HUB_PEER_H
#define PROTO_HUB_PEER_H

#include "proto/msg.h"

enum {
    HUB_SILENCE_MS = 5000,
    HUB_ENDED_MS = 2000,
    HUB_STRIKES = 20,
    HUB_STRIKES_MS = 60000,
    HUB_DRAIN = 64
};

/* Who is there: one (peer id, incarnation). It stays the same through cuts, until gone. */
struct hub_peer {
    uint32_t number; /* small, not reused while the hub lives */
    enum role role;
    struct id id;
    uint64_t incarnation;
    char name[64], build[64];
    char address[64]; /* from which its connection came */
    struct hash key;  /* CURVE public key of that; zeros: none */
    int64_t heard_ms;
    bool reachable; /* its connection stood at the last send */
    uint32_t strikes;
    uint64_t frames, bytes; /* from it */
    void *owner;            /* the broker's */
};

#endif
