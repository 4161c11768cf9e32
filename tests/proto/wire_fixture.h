/* wire_fixture: a hub and some peers in one process, over real sockets, with a clock that runs fast, but no faster than the
 * sockets do on a busy machine. */

#ifndef TESTS_PROTO_WIRE_FIXTURE_H
#define TESTS_PROTO_WIRE_FIXTURE_H

#include "proto/curve.h"
#include "proto/hub.h"
#include "proto/peer.h"

enum { WIRE_FIXTURE_PEERS = 3 };

struct wire_end { /* a peer and what it heard */
    struct peer *peer;
    int welcomes, refusals, settled;
    uint32_t refusal;
    char bulk[64]; /* as WELCOME said */
};

struct wire_fixture {
    void *context;
    struct hub *hub;
    struct curve_zap *zap;
    struct hub_gate *gate; /* for wire_fixture_hub; NULL: none */
    struct wire_end end[WIRE_FIXTURE_PEERS];
    int ends, joined, gone, hellos, heard, fails;
    char why[64];
    uint32_t number; /* of the last that joined */
    uint64_t last_lease;
    struct hub_peer *from; /* of the last HELLO */
    int peers_max;         /* for wire_fixture_hub; 0: the hub's own */
    void *extra[4];        /* sockets that wire_fixture_close closes */
    int extras;
};

/* For cmocka's setup and teardown; *state is the fixture. */
int wire_fixture_open(void **state);
int wire_fixture_close(void **state);

/* Actors are welcome, say HB and FAIL; one with 666 slots is refused as busy. */
void wire_fixture_hub(struct wire_fixture *fixture, const char *endpoint,
                      const struct curve_keys *keys);

/* Role, id and hello may be given in `conf`; the rest is filled in. */
struct wire_end *wire_fixture_dial(struct wire_fixture *fixture, const char *endpoint,
                                   const struct curve_keys *keys, struct peer_conf conf);

/* What libzmq's thread was told before this is done after it. */
void wire_fixture_round(void);

int64_t wire_fixture_now(void);
/* Before anything is made: for libzmq's own waits, which know no other clock. */
void wire_fixture_by_the_wall(void);
void wire_fixture_turn(struct wire_fixture *fixture); /* everybody once */
void wire_fixture_during(struct wire_fixture *fixture,
                         int ms); /* turns, so long by wire_fixture_now */
void wire_fixture_skip(struct wire_fixture *fixture,
                       int ms); /* the same for long times, in which little happens */

/* Turns until `cond`, at most 60 s by wire_fixture_now; then the test fails. */
#define WIRE_FIXTURE_UNTIL(fixture, cond) \
    do { \
        const int64_t end_ms_ = wire_fixture_now() + 60000; \
        while (!(cond) && wire_fixture_now() < end_ms_) \
            wire_fixture_turn(fixture); \
        if (!(cond)) \
            fail_msg("not within 60 s: %s", #cond); \
    } while (0)

#endif
