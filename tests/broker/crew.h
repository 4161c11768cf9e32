/* crew: a learner, an actor and a rewarder over real sockets, and the real drover-broker as a
 * process between them. The peers know their work by heart: what they say follows from (task,
 * sample). */

#ifndef TESTS_BROKER_CREW_H
#define TESTS_BROKER_CREW_H

#include "proto/curve.h"
#include "proto/fetch.h"
#include "proto/peer.h"

#include <sys/types.h>

enum { CREW_TASKS = 3, CREW_SAMPLES = 2, CREW_ALL = CREW_TASKS * CREW_SAMPLES, CREW_PORTS = 3 };

struct crew {
    void *context;
    char folder[64], key[80], ports[80];
    struct curve_keys keys;
    bool secure;

    pid_t broker;
    int listener[CREW_PORTS], pipe[2]; /* when crew_listen was called; else -1 */
    char control[128], bulk[128], dashboard[128];

    struct learner {
        struct peer *peer, *bulk;
        struct blob_store *store;
        struct id run;
        uint64_t open_to, heard, epoch;
        bool hold; /* settles nothing for now */
        uint32_t got[CREW_TASKS][CREW_SAMPLES];
        bool settled[CREW_TASKS][CREW_SAMPLES];
        struct range range[CREW_ALL];
    } learner;
    struct actor {
        struct peer *peer;
        struct fetch *fetch;
        bool run, have_image; /* as the last WELCOME said */
        uint32_t welcomes, made[CREW_TASKS][CREW_SAMPLES], bodies;
        struct claim claim[CREW_ALL];
        uint32_t claims;
        uint64_t seen, watermark;
        bool settled[CREW_TASKS][CREW_SAMPLES];
    } actor;
    struct rewarder {
        struct peer *peer;
        uint32_t asked;
        uint64_t seen;
    } rewarder;
    struct artifact image;
    uint8_t *weights;
};

/* For cmocka's setup and teardown. */
int crew_open(void **state);
int crew_close(void **state);

void crew_secure(struct crew *crew); /* makes a fleet key */
void crew_listen(struct crew *crew); /* makes three listeners and the supervisor's pipe */
/* Starts drover-broker and waits until it listens. */
void crew_start(struct crew *crew);
int crew_wait(struct crew *crew, int within_ms); /* exit status; -1: still there, or a signal */

void crew_learner(struct crew *crew);
void crew_actor(struct crew *crew);
void crew_rewarder(struct crew *crew);

void crew_turn(struct crew *crew); /* everybody once */
uint32_t crew_delivered(const struct crew *crew);
uint32_t crew_made(const struct crew *crew);

#define CREW_UNTIL(crew, cond) \
    do { \
        const int64_t end_ms_ = clock_mono_ms() + 20000; \
        while (!(cond) && clock_mono_ms() < end_ms_) \
            crew_turn(crew); \
        if (!(cond)) \
            fail_msg("not within 20 s: %s", #cond); \
    } while (0)

#endif
