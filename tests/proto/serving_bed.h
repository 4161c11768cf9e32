/* serving_bed: a learner's artifact, a broker and two workers of which the first serves others, in one
 * process. Real sockets and keys, a context for each; the clock runs SPEED times as fast. */

#ifndef TESTS_PROTO_SERVING_BED_H
#define TESTS_PROTO_SERVING_BED_H

#include "base/clock.h"
#include "proto/curve.h"
#include "proto/fetch.h"
#include "proto/hub.h"

enum { MIB = 1 << 20, SIZE = 12 * MIB + 777, SPEED = 4, NEAR, FAR, ENDS };

/* What one who poses as a parent gives: digests as they are, and then false pieces, halves, or some
 * true ones before it hangs up; all of it as another version's; nothing at all. */
enum serving_liar { LIAR_FALSE, LIAR_HALVES, LIAR_CUTS, LIAR_OTHERS, LIAR_SILENT };

struct serving_end { /* a worker that pulls: NEAR serves, FAR is sent to it */
    void *context;
    struct curve_keys keys;
    struct fetch *fetch;
    struct shared_memory *got;
    struct fetch_rebuild *job; /* what it is to make of another image */
    struct hub_peer *peer;     /* as the broker sees it */
    struct blob_asks *asks;
    char serve[256], none[128]; /* of its HELLO; of its last WNONE */
    uint64_t bytes;             /* that the broker gave it */
};

struct serving_bed {
    void *context;
    struct curve_zap *zap;
    struct curve_keys keys;
    struct hub *hub;
    struct blob_store *store;
    struct artifact what;
    uint8_t *bytes;
    struct serving_end end[ENDS];
    struct fetch *mate; /* another process of NEAR's host; NULL: none */
    int pieces_a_turn;  /* that the broker gives each */
    /* who poses as a parent */
    struct hub *liar;
    void *liar_context;
    enum serving_liar how;
    bool liar_asked;
    int liar_gave; /* pieces */
};

int64_t serving_bed_now(void);
/* Plain, or with keys. Open: both workers are there; start: and the broker has heard them. */
void serving_bed_open(struct serving_bed *bed, bool keyed);
void serving_bed_start(struct serving_bed *bed, bool keyed);
void serving_bed_close(struct serving_bed *bed);
void serving_bed_turn(struct serving_bed *bed);
void serving_bed_open_liar(struct serving_bed *bed, enum serving_liar how,
                           const char *endpoint);
void serving_bed_close_liar(struct serving_bed *bed);
/* The broker's words: whom NEAR lets in (FAR or nobody), of whom FAR shall ask. */
void serving_bed_say_guests(struct serving_bed *bed, bool far);
void serving_bed_say_parent(struct serving_bed *bed, const char *endpoint, const char *key);
/* Another process of NEAR's host, which has no wire; the caller frees it. */
void serving_bed_mate(struct serving_bed *bed, const struct id *run);
double serving_bed_share(const struct serving_bed *bed, int end); /* that it has */
void serving_bed_is_whole(const struct serving_bed *bed, int end);

#define UNTIL(bed, cond) \
    do { \
        const int64_t end_ms_ = clock_mono_ms() + 30000; \
        while (!(cond) && clock_mono_ms() < end_ms_) \
            serving_bed_turn(bed); \
        if (!(cond)) \
            fail_msg("not within 30 s: %s", #cond); \
    } while (0)

#endif
