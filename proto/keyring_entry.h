/* keyring_entry: one that may join a fleet, or a ticket, as the keys folder has it. Struct only. */

#ifndef PROTO_KEYRING_ENTRY_H
#define PROTO_KEYRING_ENTRY_H

#include "base/hash.h"
#include "proto/curve.h"

enum {
    KEYRING_MAX = 16384, /* workers and tickets, revoked ones among them */
    KEYRING_USES = 4096, /* of a ticket: as many as a broker lets in */
    KEYRING_HOST = 256,  /* workers of a host's supervisor that are valid at once */
};

struct keyring_entry {
    char name[CURVE_NAME];    /* letters, digits, . _ - */
    char host[CURVE_NAME];    /* where a ticket was used, as it said; "" */
    char ticket[CURVE_NAME];  /* by which it came in; "" */
    char address[CURVE_NAME]; /* from which that was asked */
    struct hash key;
    enum role role;
    bool is_ticket;
    int64_t made_s, expires_s, revoked_s; /* 0: never */
    uint32_t uses, used;                  /* of a ticket */
};

#endif
