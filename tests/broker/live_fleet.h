/* fleet: a learner, an actor and a rewarder over real sockets, and the real drover-broker as a
 * process between them. The peers know their work by heart: what they say follows from (task,
 * sample). */

#ifndef TESTS_BROKER_LIVE_FLEET_H
#define TESTS_BROKER_LIVE_FLEET_H

#include "proto/curve.h"
#include "proto/fetch.h"
#include "proto/peer.h"

#include <sys/types.h>

enum live_key { LIVE_LEARNER, LIVE_ACTOR, LIVE_REWARDER, LIVE_WATCHER, LIVE_KEYS };
enum { LIVE_TASKS = 3, LIVE_SAMPLES = 2, LIVE_ALL = LIVE_TASKS * LIVE_SAMPLES, LIVE_PORTS = 3 };

struct live_fleet {
    void *context;
    char folder[64], key[80], ports[80];
    struct curve_keys keys[LIVE_KEYS]; /* key: the keys folder */
    bool secure;

    pid_t broker;
    int listener[LIVE_PORTS], pipe[2]; /* when live_listen was called; else -1 */
    char control[128], bulk[128], dashboard[128];

    struct live_learner {
        struct peer *peer, *bulk;
        struct blob_store *store;
        struct id run;
        uint64_t open_to, heard, epoch;
        bool hold; /* settles nothing for now */
        uint32_t got[LIVE_TASKS][LIVE_SAMPLES];
        bool settled[LIVE_TASKS][LIVE_SAMPLES];
        struct range range[LIVE_ALL];
    } learner;
    struct live_actor {
        struct peer *peer;
        struct fetch *fetch;
        bool run, have_image; /* as the last WELCOME said */
        uint32_t welcomes, made[LIVE_TASKS][LIVE_SAMPLES], bodies;
        struct claim claim[LIVE_ALL];
        uint32_t claims;
        uint64_t seen, watermark;
        bool settled[LIVE_TASKS][LIVE_SAMPLES];
    } actor;
    struct live_rewarder {
        struct peer *peer;
        uint32_t asked;
        uint64_t seen;
    } rewarder;
    struct artifact image;
    uint8_t *weights;
};

/* For cmocka's setup and teardown. */
int live_open(void **state);
int live_close(void **state);

void live_secure(struct live_fleet *fleet); /* makes a keys folder */
void live_listen(
    struct live_fleet *fleet); /* makes three listeners and the supervisor's pipe */
/* Starts drover-broker and waits until it listens. */
void live_start(struct live_fleet *fleet);
int live_wait(struct live_fleet *fleet,
              int within_ms); /* exit status; -1: still there, or a signal */

void live_learner(struct live_fleet *fleet);
void live_actor(struct live_fleet *fleet);
void live_rewarder(struct live_fleet *fleet);

void live_turn(struct live_fleet *fleet); /* everybody once */
uint32_t live_delivered(const struct live_fleet *fleet);
uint32_t live_made(const struct live_fleet *fleet);

#define LIVE_UNTIL(fleet, cond) \
    do { \
        const int64_t end_ms_ = clock_mono_ms() + 20000; \
        while (!(cond) && clock_mono_ms() < end_ms_) \
            live_turn(fleet); \
        if (!(cond)) \
            fail_msg("not within 20 s: %s", #cond); \
    } while (0)

#endif
