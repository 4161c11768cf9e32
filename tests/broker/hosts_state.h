/* hosts_state: what hosts*.c share. */

#ifndef TESTS_BROKER_HOSTS_STATE_H
#define TESTS_BROKER_HOSTS_STATE_H

#include "broker/bulk/depot.h"
#include "tests/broker/hosts_result.h"

enum { HOSTS_TICK_MS = 100, HOSTS_WAITS = 4096, HOSTS_BROKER = -1 };
enum { HOSTS_UP = 1, HOSTS_DOWN, HOSTS_SLEEP, HOSTS_SLEEP_MS, HOSTS_DIAL }; /* chances */

struct hosts_waits { /* of a child at one who serves */
    int child;
    uint32_t piece;
};

struct hosts_one {
    double up, down, up_free, down_free; /* ms at which the line is free again */
    bool serve, lives, stopped, lies, undialled, pulls, digests, dialled;
    uint8_t id;
    struct depot_peer *peer;
    uint8_t *piece, *chunk; /* bit each */
    uint8_t *asked; /* [pieces] 0 no, 1 on its way, 2 from the broker, before a parent */
    uint32_t n_chunks, under_way, window;
    uint64_t progress, second; /* bytes in all, in this second */
    int64_t second_ms, heard_ms, pause_ms, hb_ms;
    int64_t dial_ms, there_ms; /* a parent is dialled since, and will be there */
    double asleep_ms;          /* until then */
    int from;                  /* HOSTS_BROKER, or a host */
    int next; /* a host that is dialled while the broker is asked; HOSTS_BROKER: none */
    size_t in_pipe;
    struct hash guest[HOSTS_MAX];
    int guests;
    struct hosts_waits wait[HOSTS_WAITS];
    int n_wait;
    struct hosts_result result;
};

struct hosts_event {
    double at_ms;
    uint64_t order;
    enum { EV_MSG, EV_TICK, EV_START, EV_KILL, EV_STOP, EV_FORGET } kind;
    int from, to;
    uint64_t life; /* of the broker: what was sent to an earlier one is lost */
    struct msg msg;
    uint8_t *bits; /* owned */
    size_t bytes;
};

struct hosts {
    struct depot *depot;
    struct hosts_one host[HOSTS_MAX];
    int n;
    size_t bytes, cache;
    uint32_t pieces, chunks;
    uint8_t *image, *wrong;
    struct hash *digest;
    struct artifact what;      /* the newest */
    struct artifact past[256]; /* what is on its way names may be older */
    int versions;
    struct shared_memory *pages; /* of the broker's own machine, or NULL */
    bool lend;
    double now_ms, broker_up, broker_free;
    struct hosts_event *heap;
    size_t n_event, room;
    uint64_t order, strikes, bad, life;
    uint32_t seed; /* of the noise; 0: none */
    struct depot_stats stats;
};

static inline bool hosts_bit(const uint8_t *bits, uint32_t i)
{
    return bits[i / 8] >> i % 8 & 1;
}

static inline void hosts_set(uint8_t *bits, uint32_t i)
{
    bits[i / 8] |= (uint8_t)(1u << i % 8);
}

/* A message from one to another, HOSTS_BROKER among them, over their lines. */
void hosts_carry(struct hosts *h, int from, int to, const struct msg *msg);
double hosts_chance(const struct hosts *h, int host, int what); /* [0, 1) */
void hosts_order(struct hosts *h, int kind, int host, int64_t at_ms);

void hosts_child_offer(struct hosts *h, int i);
void hosts_child_ask(struct hosts *h, int i); /* what is due */
void hosts_child_unask(struct hosts *h,
                       struct hosts_one *me); /* all that was asked for is due */
void hosts_child_hear(struct hosts *h, int i, int from, const struct msg *msg);
void hosts_child_tick(struct hosts *h, int i);

#endif
