/* bed: a hub and some peers in one process, over real sockets, with a clock that runs fast. */

#ifndef TESTS_PROTO_BED_H
#define TESTS_PROTO_BED_H

#include "proto/curve.h"
#include "proto/hub.h"
#include "proto/peer.h"

enum { BED_PEERS = 3 };

struct end { /* a peer and what it heard */
    struct peer *peer;
    int welcomes, refusals, settled;
    uint32_t refusal;
    char bulk[64]; /* as WELCOME said */
};

struct bed {
    void *context;
    struct hub *hub;
    struct curve_zap *zap;
    struct end end[BED_PEERS];
    int ends, joined, gone, hellos, heard, fails;
    char why[64];
    uint32_t number; /* of the last that joined */
    uint64_t last_lease;
    struct hub_peer *from; /* of the last HELLO */
    int peers_max;         /* for bed_hub; 0: the hub's own */
    void *extra[4];        /* sockets that bed_close closes */
    int extras;
};

/* For cmocka's setup and teardown; *state is the bed. */
int bed_open(void **state);
int bed_close(void **state);

/* Actors are welcome, say HB and FAIL; one with 666 slots is refused as busy. */
void bed_hub(struct bed *bed, const char *endpoint, const struct curve_keys *keys);

/* Role, id and hello may be given in `conf`; the rest is filled in. */
struct end *bed_dial(struct bed *bed, const char *endpoint, const struct curve_keys *keys,
                     struct peer_conf conf);

int64_t bed_now(void);
void bed_turn(struct bed *bed);           /* everybody once */
void bed_during(struct bed *bed, int ms); /* turns, so long by bed_now */
void bed_skip(struct bed *bed, int ms);   /* the same for long times, in which little happens */

/* Turns until `cond`, at most 20 s by bed_now; then the test fails. */
#define BED_UNTIL(bed, cond) \
    do { \
        const int64_t end_ms_ = bed_now() + 20000; \
        while (!(cond) && bed_now() < end_ms_) \
            bed_turn(bed); \
        if (!(cond)) \
            fail_msg("not within 20 s: %s", #cond); \
    } while (0)

#endif
