/* What pages.h and pages_give.h are told by their owners, and how much there may be at once. */

#ifndef PROTO_PAGES_CONF_H
#define PROTO_PAGES_CONF_H

#include "base/shared_memory.h"
#include "proto/noun.h"

enum {
    PAGES_MAX = 16,  /* questions at once */
    PAGES_HELD = 16, /* kept for others: beyond it the oldest is no longer */
    PAGES_SILENT_MS = 1200,
    PAGES_STARVED_MS = 10000,       /* of our user, and not stopped: its processor is busy */
    PAGES_OPENS_TICKS = 10,         /* for one who took a place to listen there */
    PAGES_STILL_MS = 20000,         /* of our user: the wire may be cut for all of us */
    PAGES_STRANGER_STILL_MS = 5000, /* of another */
};

struct pages_conf {
    /* A descriptor is there, or about to go: call pages_readable when it is readable. */
    enum err (*watch)(void *self, int fd);
    void (*unwatch)(void *self, int fd);
    /* The pages of what was wanted, the owner's now, or NULL. May want and drop others. Pages
     * may also come for what is on the wire already: somebody here made them. */
    enum err (*answer)(void *self, const struct hash *hash, struct shared_memory *shared,
                       int64_t now_ms);
    /* Others of this host wait for it, the owner does not: pull it, then pages_put. ERR_RANGE:
     * not now, asked again each tick; other errors: never. NULL: the owner does not pull. */
    enum err (*pull)(void *self, const struct artifact *what, int64_t now_ms);
    void (*unpull)(void *self, const struct hash *hash);
    /* Bytes of it that have come over the wire; NULL: unknown. */
    uint64_t (*progress)(void *self, const struct hash *hash);
    /* How many shares of it the owner keeps for giving it away elsewhere, and: nobody but those
     * has it any more, let them go. NULL: none. */
    unsigned (*shares)(void *self, const struct hash *hash);
    void (*let_go)(void *self, const struct hash *hash);
    /* Does that process of ours stand still, as far as can be told? NULL: who is silent does. */
    bool (*stopped)(int pid);
    bool guest; /* never gives; asks for what is there now, nobody pulls it for this one, */
    bool waits; /* but who waits like others for what this host pulls */
    void *self;
};

/* ---- of a giver */

enum { GIVE_ITEMS = 64, GIVE_GUESTS = 256, GIVE_LINES = 48 };

struct pages_give_conf {
    struct id run;
    int slot; /* 0 .. HANDOVER_SLOTS-1 */
    /* As pages_conf's. */
    enum err (*watch)(void *self, int fd);
    void (*unwatch)(void *self, int fd);
    enum err (*pull)(void *self, const struct artifact *what, int64_t now_ms);
    void (*unpull)(void *self, const struct hash *hash);
    uint64_t (*progress)(void *self, const struct hash *hash);
    void *self;
};

#endif
