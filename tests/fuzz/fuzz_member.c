/* What peers' words meet inside the members: the learner's store of artifacts and its journal,
 * a child's pull, an actor's inflight, a rewarder's tickets.
 *
 * Input: a byte that says which, then what happens. Messages are full examples
 * (tests/proto/every.c) whose frames are changed behind a mended header; what the codec takes
 * is handed on as the member's loop would. */

#include "actor/inflight.h"
#include "base/mem.h"
#include "learner/journal/record.h"
#include "proto/arena.h"
#include "proto/blob.h"
#include "proto/codec.h"
#include "rewarder/score.h"
#include "tests/fuzz/mend.h"
#include "tests/proto/every.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 64, SMALL = 5000, LARGE = (1 << 20) + 77 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct version any;

static struct arena *arena;
static const uint8_t *at, *end;

static uint32_t draw(uint32_t below)
{
    uint32_t word = at < end ? *at++ : 0;

    if (below > 256)
        word = word << 8 | (at < end ? *at++ : 0u);
    return word % below;
}

static void give_up(const char *what)
{
    fprintf(stderr, "member: %s\n", what);
    abort();
}

/* `msg` as it arrives after some changes; false: the codec refuses it. `ours`: a member said
 * it, so that it must be possible to say. */
static bool arrives(struct msg *out, const struct msg *msg, uint32_t changes, bool ours)
{
    struct codec_head head;
    struct frames frames;
    bool good;

    frames_init(&frames);
    if (codec_encode(&frames, msg) || codec_peek(&head, &frames)) {
        if (ours)
            give_up(err_text()); /* what a member says must be sayable */
        return false;
    }
    for (; changes; changes--) {
        const int part = 1 + (int)draw((uint32_t)frames.n - 1);
        const size_t size = frames_size(&frames, part);

        if (size)
            ((uint8_t *)zmq_msg_data(&frames.part[part]))[draw(65536) % size] ^=
                (uint8_t)draw(256);
    }
    mend_head(&frames, &head);
    arena_reset(arena);
    good = !codec_decode(out, &frames, arena);
    frames_fini(&frames); /* what was decoded lies in the arena */
    return good;
}

/* ---- artifacts: the store answers anything, the pull takes nothing that is wrong */

static uint8_t small[SMALL], large[LARGE];
static struct artifact what[2];

static struct blob_store *stock(void)
{
    struct blob_store *store;

    if (!what[1].bytes) {
        struct hash digest[2];

        memset(small, 3, sizeof small);
        memset(large, 5, sizeof large);
        what[0] = (struct artifact){.bytes = SMALL, .kind = ARTIFACT_CARD, .name = "card"};
        what[0].hash = blob_digest(digest, small, SMALL);
        what[1] = (struct artifact){.bytes = LARGE, .kind = ARTIFACT_IMAGE, .name = "policy"};
        what[1].hash = blob_digest(digest, large, LARGE);
    }
    blob_store_new(&store);
    if (blob_store_add(store, &what[0], small, SMALL, NULL, NULL, NULL) ||
        blob_store_add(store, &what[1], large, LARGE, NULL, NULL, NULL))
        give_up("an artifact cannot be offered");
    return store;
}

static void asked_anything(void)
{
    struct blob_store *store = stock();

    for (int i = 0; i < STEPS && at < end; i++) {
        struct msg ask = {.head.type = MSG_WREQ,
                          .wreq = {.route = draw(9),
                                   .hash = what[draw(2)].hash,
                                   .kind = 1 + draw(4),
                                   .first = draw(4) ? draw(3) : UINT32_MAX - draw(70),
                                   .count = draw(65)}};
        struct msg got, out = {.head.type = MSG_WNONE};

        if (arrives(&got, &ask, draw(4) / 3, false) && blob_store_ask(store, &got.wreq))
            continue; /* a full table: it is asked again */
        for (int k = 0; k < 8 && blob_store_next(store, &out); k++) {
            arrives(&got, &out, 0, true);
            blob_store_sent(store);
        }
    }
    blob_store_free(store);
}

/* One answer, perhaps bent, or from the wrong side. What then does not come is due again by a new
 * connection, or another source. */
static void answer(struct blob_pull *pull, struct blob_store *store, int64_t now_ms)
{
    const uint32_t lie = at < end ? draw(4) : 0;
    const bool before = lie && draw(4) == 1;
    struct msg got, out;

    if (!blob_store_next(store, &out))
        return;
    if (!arrives(&got, &out, lie, true))
        ;
    else if (got.head.type == MSG_WCHUNK)
        (void)blob_take(pull, &got.wchunk, before, now_ms);
    else if (got.head.type == MSG_WNONE)
        (void)blob_pull_none(pull, &got.wnone, now_ms);
    blob_store_sent(store);
    if (lie == 3)
        blob_pull_move(pull);
    if (lie)
        blob_pull_cut(pull);
    if (lie || at >= end)
        blob_pull_forget(pull);
}

static void pulled_from_a_liar(void)
{
    const int which = (int)draw(2);
    struct blob_store *store = stock();
    struct blob_pull *pull;
    struct shared_memory *shared = NULL;
    struct msg ask;

    if (blob_pull_new(&pull, &what[which]))
        give_up("a pull cannot begin");
    for (int i = 0; i < 2000 && !blob_pull_done(pull); i++) {
        const int64_t now_ms = i * INT64_C(40000);

        while (blob_pull_ask(pull, &ask, (1 + draw(40)) * (size_t)PIECE, now_ms))
            if (blob_store_ask(store, &ask.wreq))
                blob_pull_lost(pull, &ask);
        answer(pull, store, now_ms);
    }
    if (!blob_pull_done(pull))
        give_up("a pull does not end after the lies");
    if (blob_pull_detach(pull, &shared) ||
        memcmp(shared_memory_bytes(shared), which ? large : small, (size_t)what[which].bytes) !=
            0)
        give_up("a pull took what is wrong");
    shared_memory_free(shared);
    blob_pull_free(pull);
    blob_store_free(store);
}

/* ---- the learner's journal: what a message becomes comes back out of it the same */

static void journaled(void)
{
    const struct msg msg = every_message(MSG_SAMPLE);
    struct record_sample sample, again;
    struct record_bytes once = {0}, twice = {0};
    struct msg got;

    if (!arrives(&got, &msg, draw(8), true) || record_sample_from(&sample, &got.sample))
        return;
    record_write(&once, JOURNAL_SAMPLE, &sample);
    if (!record_read(&again, JOURNAL_SAMPLE, once.byte, once.n)) {
        record_write(&twice, JOURNAL_SAMPLE, &again);
        if (once.n != twice.n || memcmp(once.byte, twice.byte, once.n) != 0)
            give_up("a record does not come back the same");
        record_fini(JOURNAL_SAMPLE, &again);
    } else {
        give_up("a record cannot be read");
    }
    record_fields_bytes_fini(&once);
    record_fields_bytes_fini(&twice);
    record_fini(JOURNAL_SAMPLE, &sample);
}

/* ---- an actor's inflight, a rewarder's tickets */

static void let_go(void *self, uint64_t task, uint32_t sample)
{
    (void)self, (void)task, (void)sample;
}

static void booked(void)
{
    struct inflight *inflight;
    const uint32_t *unbegun;
    uint32_t n;

    inflight_new(&inflight);
    for (int i = 0; i < STEPS && at < end; i++) {
        const struct msg msg = every_message(draw(2) ? MSG_HB : MSG_SETTLED);
        struct msg got;

        (void)inflight_add(inflight, draw(4), draw(4), draw(3), &any, draw(2));
        if (draw(3) == 0)
            inflight_remove(inflight, draw(4), draw(4));
        if (draw(3) == 0 && arrives(&got, &msg, draw(6), true))
            (void)inflight_settle(
                inflight, got.head.type == MSG_HB ? &got.hb.settled : &got.settled.settled,
                let_go, NULL);
        (void)inflight_claims(inflight, &n);
        inflight_begun(inflight, draw(4), draw(4), draw(3));
        (void)inflight_leases(inflight, &unbegun, &n);
        if (n > inflight_running(inflight) + inflight_done(inflight))
            give_up("more leases than samples");
    }
    inflight_free(inflight);
}

static void ticketed(void)
{
    const struct msg msg = every_message(MSG_ASK);
    const struct msg hello = every_message(MSG_HELLO);
    struct msg got;

    if (hello.hello.n_scorer && arrives(&got, &msg, draw(8), true))
        score_work_free(
            score_ticket(&got.ask, &hello.hello.scorer[draw(hello.hello.n_scorer)]));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static void (*const part[])(void) = {asked_anything, pulled_from_a_liar, journaled, booked,
                                         ticketed};

    if (!arena)
        arena_new(&arena, CODEC_ARENA);
    at = bytes;
    end = bytes + n;
    part[draw(sizeof part / sizeof *part)]();
    return 0;
}
