/* The bulk port's state machine against peers that say anything in any order: whatever comes, it
 * goes on, holds no more than its cache, and gives on nothing that is false. The first of four
 * seeds may be given. */

#include "tests/support/test.h"

#include "base/mem.h"
#include "broker/bulk/depot.h"
#include "broker/bulk/stock.h"
#include "proto/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEERS = 12, IMAGES = 4, STEPS = 60000, CACHE = 4 << 20, MOST = 9 };

struct noise_peer {
    struct depot_peer *peer;
    enum role role;
    bool full, gone; /* what its pipe says */
};

static struct depot *depot;
static struct noise_peer peers[PEERS];
static uint8_t *image[IMAGES];
static struct hash digest[IMAGES][MOST];
static struct artifact what[IMAGES];
static uint64_t state, given, strikes;
static int64_t now_ms;
static struct msg asked[4096]; /* of sources, to answer some of it */
static int n_asked;

static uint32_t roll(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

static int image_of(const struct hash *hash)
{
    for (int i = 0; i < IMAGES; i++)
        if (hash_same(&what[i].hash, hash))
            return i;
    return -1;
}

static void check_given(const struct msg_wchunk *c)
{
    const int i = image_of(&c->hash);
    const size_t unit = c->kind == CHUNK_BYTES ? HASH_CHUNK : PIECE;
    const uint8_t *from;

    assert_true(i >= 0);
    assert_int_equal(c->total, what[i].bytes);
    from = image[i] + c->index * unit;
    if (c->kind == CHUNK_DIGESTS || c->kind == CHUNK_DIGEST_PIECES)
        from = digest[i][0].byte;
    assert_memory_equal(c->data, from, c->bytes);
    given++;
}

static enum err say(void *self, void *link, struct msg *msg)
{
    struct noise_peer *to = link;

    (void)self;
    if (to->gone)
        return err_set(ERR_IO, "gone");
    if (to->full)
        return err_set(ERR_STATE, "full");
    if (msg->head.type == MSG_WCHUNK)
        check_given(&msg->wchunk);
    if (msg->head.type == MSG_WREQ && n_asked < 4096)
        asked[n_asked++] = *msg;
    if (msg->head.type == MSG_GUESTS)
        assert_in_range(msg->guests.n_key, 0, MAX_GUESTS);
    return OK;
}

static void hello(int i)
{
    char name[16], serve[24];
    struct msg_hello msg = {
        .role = (uint32_t)peers[i].role, .peer = {{(uint8_t)i}}, .host = name, .serve = serve};
    const struct depot_origin from = {&peers[i], "10.1.1.1", {{(uint8_t)(i / 2)}}};

    snprintf(name, sizeof name, "h%d", i % 5);
    snprintf(serve, sizeof serve, roll(3) ? "tcp://*:%d" : "%d", i);
    peers[i].gone = peers[i].full = false;
    peers[i].peer = depot_hello(depot, peers[i].peer, &msg, &from, now_ms);
}

static void offer(struct msg *msg, struct artifact *list)
{
    uint32_t n = 0;

    for (int i = 0; i < IMAGES; i++)
        if (roll(3))
            list[n++] = what[i];
    if (n && !roll(8))
        list[roll(n)].bytes += roll(3) * HASH_CHUNK;
    if (n && !roll(8))
        list[roll(n)].hash.byte[7] ^= 1;
    msg->head.type = MSG_OFFER;
    msg->offer = (struct msg_offer){list, n};
}

/* What it was asked for, mostly true; or anything. */
static void chunk(struct msg *msg, uint8_t *bytes)
{
    const bool answer = n_asked && roll(8);
    const struct msg_wreq ask =
        answer ? asked[roll((uint32_t)n_asked)].wreq : (struct msg_wreq){0};
    const int i = answer ? image_of(&ask.hash) : (int)roll(IMAGES);
    const uint32_t kind = answer ? ask.kind : 1 + roll(4);
    const uint32_t index = answer ? ask.first + (ask.count ? roll(ask.count) : 0) : roll(200);
    uint64_t at = (uint64_t)index * PIECE;

    msg->head.type = MSG_WCHUNK;
    msg->wchunk = (struct msg_wchunk){.kind = kind, .index = index, .data = bytes};
    if (i < 0)
        return;
    msg->wchunk.hash = what[i].hash;
    msg->wchunk.total = what[i].bytes + !roll(64);
    if (kind == CHUNK_DIGEST_PIECES) {
        msg->wchunk.bytes =
            (uint32_t)((what[i].bytes + HASH_CHUNK - 1) / HASH_CHUNK) * HASH_BYTES;
        msg->wchunk.data = digest[i][0].byte;
    } else if (at < what[i].bytes) {
        msg->wchunk.bytes =
            (uint32_t)(what[i].bytes - at < PIECE ? what[i].bytes - at : (uint64_t)PIECE);
        memcpy(bytes, image[i] + at, msg->wchunk.bytes);
        bytes[0] ^= !roll(64);
    }
    if (!roll(64))
        msg->wchunk.bytes = roll(PIECE);
}

static void speak(int i)
{
    static uint8_t bytes[PIECE], bits[MAX_HAVE];
    struct artifact list[IMAGES];
    struct msg msg = {.head.type = MSG_HB, .hb.progress = roll(1 << 30)};
    const int about = (int)roll(IMAGES);

    switch (roll(8)) {
    case 0:
        if (!roll(4))
            offer(&msg, list);
        break;
    case 1:
    case 2:
    case 3:
        chunk(&msg, bytes);
        break;
    case 4:
        msg.head.type = MSG_WNONE;
        msg.wnone = (struct msg_wnone){roll(2), what[about].hash, "no"};
        if (roll(6))
            msg.head.type = MSG_HB;
        break;
    case 5:
        break;
    default:
        if (peers[i].role == ROLE_LEARNER)
            break;
        for (uint32_t k = 0; k < 2; k++)
            bits[k] = (uint8_t)roll(256);
        msg.head.type = MSG_WREQ;
        msg.wreq = (struct msg_wreq){
            0,    what[about].hash, 1 + roll(4), roll(roll(2) ? 8 : 200), roll(65),
            bits, roll(3),          {{0}}};
        if (!roll(50))
            msg.wreq.hash.byte[3] ^= (uint8_t)roll(256);
    }
    strikes += depot_take(depot, peers[i].peer, &msg, now_ms) != OK;
}

static void step(void)
{
    const int i = (int)roll(PEERS);
    const struct hash key = {{(uint8_t)roll(PEERS)}};

    now_ms += roll(20);
    if (n_asked > 64)
        n_asked = 0;
    if (!peers[i].peer || !roll(400)) {
        hello(i);
    } else if (!roll(400)) {
        depot_gone(depot, peers[i].peer, now_ms);
        peers[i].peer = NULL;
    } else if (!roll(50)) {
        peers[i].full = !peers[i].full;
    } else if (!roll(300)) {
        peers[i].gone = true;
    } else if (!roll(1000)) {
        depot_revoked(depot, &key, now_ms);
    } else if (!roll(200)) {
        depot_learner(depot, roll(3) ? &(struct id){{(uint8_t)i}} : NULL, &key);
    } else if (!roll(5)) {
        depot_tick(depot, now_ms);
    } else {
        speak(i);
    }
    assert_in_range(depot_stats(depot)->held, 0, CACHE);
}

static void make_images(void)
{
    for (int i = 0; i < IMAGES; i++) {
        const size_t bytes = i ? ((size_t)(2 * i + 2) << 20) + 12345 : 1000;
        const uint32_t chunks = (uint32_t)((bytes + HASH_CHUNK - 1) / HASH_CHUNK);

        image[i] = mem_new(bytes, 1);
        for (size_t k = 0; k < bytes; k++)
            image[i][k] = (uint8_t)(k * 31 + k / 977 + (size_t)i);
        for (uint32_t k = 0; k < chunks; k++) {
            const size_t left = bytes - (size_t)k * HASH_CHUNK;
            digest[i][k] = hash_chunk(image[i] + (size_t)k * HASH_CHUNK,
                                      left < HASH_CHUNK ? left : (size_t)HASH_CHUNK);
        }
        what[i] = (struct artifact){
            .hash = hash_join(digest[i], chunks), .bytes = bytes, .kind = ARTIFACT_IMAGE};
    }
}

static uint64_t first_seed = 1;

static void anything_in_any_order(void **unused)
{
    const struct depot_sink sink = {.send = say};

    (void)unused;
    make_images();
    for (uint64_t seed = first_seed; seed < first_seed + 4; seed++) {
        state = seed;
        now_ms = 1000;
        depot_new(&depot, &sink, CACHE);
        memset(peers, 0, sizeof peers);
        for (int i = 0; i < PEERS; i++)
            peers[i].role = i < 2 ? ROLE_LEARNER : i % 3 ? ROLE_ACTOR : ROLE_REWARDER;
        for (int i = 0; i < STEPS / 4; i++)
            step();
        depot_free(depot);
    }
    print_message("%llu pieces given, %llu strikes\n", (unsigned long long)given,
                  (unsigned long long)strikes);
    assert_true(given > 500 && strikes > 20);
    for (int i = 0; i < IMAGES; i++)
        free(image[i]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(anything_in_any_order)};

    if (argc > 1)
        first_seed = strtoull(argv[1], NULL, 10);
    return cmocka_run_group_tests_name("broker/depot_noise", tests, NULL, NULL);
}
