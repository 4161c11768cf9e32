#include "tests/support/test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "proto/arena.h"
#include "proto/codec.h"
#include "tests/proto/every.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;

static int open_arena(void **state)
{
    (void)state;
    arena_new(&arena, CODEC_ARENA);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void encode(struct frames *out, const struct msg *msg)
{
    frames_init(out);
    assert_ok(codec_encode(out, msg));
}

/* Frames of which one is replaced by a shorter, or changed, copy of itself. */
static void copy(struct frames *out, const struct frames *in, int part, size_t n)
{
    frames_init(out);
    for (int i = 0; i < in->n; i++) {
        const size_t size = i == part ? n : frames_size(in, i);
        uint8_t *to;
        assert_ok(frames_add(out, size, &to));
        if (size)
            memcpy(to, frames_data(in, i), size);
    }
}

static void assert_same(const struct frames *a, const struct frames *b)
{
    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        assert_int_equal(frames_size(a, i), frames_size(b, i));
        if (frames_size(a, i))
            assert_memory_equal(frames_data(a, i), frames_data(b, i), frames_size(a, i));
    }
}

static void every_message_comes_back(void **state)
{
    (void)state;
    for (int type = MSG_HELLO; type < MSG_TYPES; type++) {
        const struct msg msg = every_message((enum msg_type)type);
        const uint8_t *const was = (const uint8_t *)&msg.hello;
        struct frames frames, again;
        struct msg got;
        encode(&frames, &msg);
        assert_ok(codec_decode(&got, &frames, arena));
        assert_memory_equal(&got.head, &msg.head, sizeof msg.head);
        encode(&again, &got);
        assert_same(&frames, &again);
        /* Word by word: equal, or pointers both. A member that no table row has is caught. */
        for (size_t at = 0; at + 8 <= every_size((enum msg_type)type); at += 8) {
            uint64_t a, b;
            memcpy(&a, was + at, 8);
            memcpy(&b, (const uint8_t *)&got.hello + at, 8);
            if (b >> 32 == 0) /* perhaps padding, of which nothing is promised */
                a = (uint32_t)a;
            if (a != b && !(a >> 40 && b >> 40))
                fail_msg("%s: word %zu: %llx became %llx", msg_name((enum msg_type)type),
                         at / 8, (unsigned long long)a, (unsigned long long)b);
        }
        frames_fini(&frames);
        frames_fini(&again);
        arena_reset(arena);
    }
}

static void every_member_of_a_rollout_comes_back(void **state)
{
    const struct msg msg = every_message(MSG_SAMPLE);
    const struct rollout *const was = &msg.sample.rollout;
    const struct rollout *r;
    struct frames frames;
    struct msg got;

    (void)state;
    encode(&frames, &msg);
    assert_ok(codec_decode(&got, &frames, arena));
    r = &got.sample.rollout;
    assert_int_equal(r->task, 99);
    assert_int_equal(r->sample, 3);
    assert_memory_equal(r->token, was->token, 10 * sizeof *r->token);
    assert_memory_equal(r->logprob, was->logprob, 10 * sizeof *r->logprob);
    assert_memory_equal(r->mask, was->mask, 2);
    assert_int_equal(r->span[1].start, 4);
    assert_int_equal(r->span[1].version.number, 7);
    assert_string_equal(r->text, was->text);
    assert_int_equal(got.sample.n_score, 2);
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(got.sample.score[i].value, msg.sample.score[i].value, 12);
        assert_memory_equal(got.sample.score[i].rollout, msg.sample.score[i].rollout, 64);
        assert_int_equal(got.sample.score[i].each[1], 2);
    }
    frames_fini(&frames);
    arena_reset(arena);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (int type = MSG_HELLO; type < MSG_TYPES; type++) {
        const struct msg msg = every_message((enum msg_type)type);
        struct frames whole, cut;
        struct msg got;
        encode(&whole, &msg);
        for (int part = 0; part < whole.n; part++)
            for (size_t n = 0; n < frames_size(&whole, part); n++) {
                copy(&cut, &whole, part, n);
                assert_int_not_equal(codec_decode(&got, &cut, arena), OK);
                frames_fini(&cut);
                arena_reset(arena);
            }
        copy(&cut, &whole, -1, 0);
        while (cut.n) { /* a frame less each time; empty ones may be left out */
            const bool empty = !frames_size(&cut, cut.n - 1);
            zmq_msg_close(&cut.part[--cut.n]);
            if (!empty || cut.n < 2)
                assert_int_not_equal(codec_decode(&got, &cut, arena), OK);
            arena_reset(arena);
        }
        frames_fini(&whole);
    }
}

/* Writes the header that a liar would: right length and checksum over wrong bytes. */
static void seal(struct frames *frames)
{
    uint8_t *const h = zmq_msg_data(&frames->part[0]);
    const size_t n = frames_size(frames, 0);
    uint32_t crc = 0;
    struct codec_head head;

    for (int i = 1; i < frames->n; i++)
        crc = hash_crc32c(crc, frames_data(frames, i), frames_size(frames, i));
    assert_ok(codec_peek(&head, frames));
    if (h[n - 5] == 0xce) /* a checksum of four bytes, as all but few are */
        for (int i = 0; i < 4; i++)
            h[n - 4 + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void check_bounds(const struct msg *msg)
{
    struct frames again;

    frames_init(&again);
    if (!codec_encode(&again, msg)) /* what was accepted is within all limits */
        frames_fini(&again);
    else
        fail_msg("accepted, but not within limits: %s", err_text());
}

static void flips_are_refused_or_within_limits(void **state)
{
    uint32_t word[4];
    int accepted = 0, tried = 0;

    (void)state;
    for (int type = MSG_HELLO; type < MSG_TYPES; type++) {
        const struct msg msg = every_message((enum msg_type)type);
        struct frames whole;
        encode(&whole, &msg);
        for (uint32_t k = 0; k < 1500; k++) {
            struct frames bad;
            struct msg got;
            uint8_t *bytes;
            int part;
            copy(&bad, &whole, -1, 0);
            rng_words(word, 1, RNG_TEST, (uint64_t)type, k, 0);
            part = (int)(word[0] % (unsigned)bad.n);
            bytes = zmq_msg_data(&bad.part[part]);
            if (frames_size(&bad, part))
                bytes[word[1] % frames_size(&bad, part)] ^= (uint8_t)(1u << word[2] % 8);
            if (part && word[3] % 4) /* a liar mends the checksum */
                seal(&bad);
            tried++;
            if (!codec_decode(&got, &bad, arena)) {
                accepted++;
                check_bounds(&got);
            }
            frames_fini(&bad);
            arena_reset(arena);
        }
        frames_fini(&whole);
    }
    assert_true(accepted > tried / 20); /* the flips do reach past the checksum */
    assert_true(accepted < tried);
}

static void an_unsealed_flip_is_always_refused(void **state)
{
    const struct msg msg = every_message(MSG_ROLLOUT);
    struct frames whole, bad;
    struct msg got;

    (void)state;
    encode(&whole, &msg);
    for (int part = 1; part < whole.n; part++)
        for (size_t bit = 0; bit < 8 * frames_size(&whole, part); bit++) {
            copy(&bad, &whole, -1, 0);
            ((uint8_t *)zmq_msg_data(&bad.part[part]))[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_err(ERR_PARSE, codec_decode(&got, &bad, arena));
            frames_fini(&bad);
        }
    frames_fini(&whole);
}

static void later_minor_versions_are_understood(void **state)
{
    /* WREQ with a ninth header element, a map key and a frame that we do not know. */
    static const uint8_t fields[] = "\x84\xa4have\x00\xa4kind\x02\xa5"
                                    "first"
                                    "\x03\xa6"
                                    "colour"
                                    "\x92\x81\xa1z\xc0\xcb\0\0\0\0\0\0\0\0";
    struct msg got;
    struct frames frames;
    uint8_t *to, header[64] = {0x99, 1, MSG_WREQ, 0xc4, 16};
    size_t n = 5 + 16;
    uint32_t crc = hash_crc32c(0, fields, sizeof fields - 1);

    (void)state;
    crc = hash_crc32c(crc, "xyz", 3);
    memcpy(header + n, "\x05\x07\x00", 3);
    n += 3;
    header[n++] = (uint8_t)(sizeof fields - 1 + 3);
    header[n++] = 0xce;
    for (int i = 3; i >= 0; i--)
        header[n++] = (uint8_t)(crc >> (8 * i));
    memcpy(header + n, "\xa3new", 4);
    n += 4;
    frames_init(&frames);
    assert_ok(frames_add(&frames, n, &to));
    memcpy(to, header, n);
    assert_ok(frames_add(&frames, sizeof fields - 1, &to));
    memcpy(to, fields, sizeof fields - 1);
    assert_ok(frames_add(&frames, 0, &to));
    assert_ok(frames_add(&frames, 3, &to));
    memcpy(to, "xyz", 3);
    assert_ok(codec_decode(&got, &frames, arena));
    assert_int_equal(got.head.epoch, 5);
    assert_int_equal(got.wreq.route, 7);
    assert_int_equal(got.wreq.first, 3);
    frames_fini(&frames);
}

static void columns_of_later_versions_cost_no_frame(void **state)
{
    struct msg msg = every_message(MSG_WCHUNK);
    struct frames frames;

    (void)state;
    encode(&frames, &msg);
    assert_int_equal(frames.n, 4);
    frames_fini(&frames);
    msg.wchunk.n_there = 0;
    encode(&frames, &msg);
    assert_int_equal(frames.n, 3);
    frames_fini(&frames);
}

static void another_major_version_is_named(void **state)
{
    const struct msg msg = every_message(MSG_HB);
    struct frames frames;
    struct msg got;

    (void)state;
    encode(&frames, &msg);
    ((uint8_t *)zmq_msg_data(&frames.part[0]))[1] = 2;
    assert_err(ERR_RANGE, codec_decode(&got, &frames, arena));
    assert_non_null(strstr(err_text(), "version 2"));
    frames_fini(&frames);
}

static void refuse_to_encode(struct msg msg, const char *word)
{
    struct frames frames;

    frames_init(&frames);
    assert_err(ERR_RANGE, codec_encode(&frames, &msg));
    assert_int_equal(frames.n, 0);
    if (!strstr(err_text(), word))
        fail_msg("'%s' does not name %s", err_text(), word);
}

/* What adds one to an id, or a window to it, must not come out at 0. */
static void task_ids_end_long_before_integers_do(void **state)
{
    const uint64_t end = TASK_IDS + 1;
    struct msg m = every_message(MSG_OPEN);

    (void)state;
    m.open.task.id = TASK_IDS; /* what comes after it is the end */
    refuse_to_encode(m, "at most 4611686018427387903");
    m = every_message(MSG_ROLLOUT);
    m.rollout.rollout.task = UINT64_MAX;
    refuse_to_encode(m, "at most 46116860184273879");
    m = every_message(MSG_HELLO);
    m.hello.settled.watermark = UINT64_MAX;
    refuse_to_encode(m, "at most 46116860184273879");
    m = every_message(MSG_HB);
    m.hb.settled.watermark = end;
    refuse_to_encode(m, "at most 46116860184273879");
    m = every_message(MSG_HB);
    m.hb.open_to = end;
    refuse_to_encode(m, "at most 46116860184273879");
    m = every_message(MSG_FAIL);
    m.fail.task = end;
    refuse_to_encode(m, "at most 46116860184273879");
    m = every_message(MSG_CANCEL);
    m.cancel.task = &end;
    m.cancel.n_task = 1;
    refuse_to_encode(m, "at most 46116860184273879");
}

/* Who reads a judgement may go by that: it is of somebody, and says something or takes it back. */
static void a_judgement_is_one_or_the_other(void **state)
{
    static const uint32_t none = 0;
    struct msg m = every_message(MSG_JUDGEMENT);

    (void)state;
    m.judgement.undo = m.judgement.id;
    refuse_to_encode(m, "undoes another");
    m = every_message(MSG_JUDGEMENT);
    m.judgement.verdict = 0;
    refuse_to_encode(m, "undoes nothing");
    m = every_message(MSG_JUDGEMENT);
    m.judgement.annotator = "";
    refuse_to_encode(m, "annotator");
    m = every_message(MSG_JUDGEMENT);
    m.judgement.id = (struct id){{0}};
    refuse_to_encode(m, "id");
    m = every_message(MSG_EXPORT);
    m.export.a.sample = m.export.b.sample;
    refuse_to_encode(m, "pair");
    m = every_message(MSG_EXPORT_OK);
    m.export_ok.n_pair = 0;
    refuse_to_encode(m, "pair");
    m = every_message(MSG_JUDGED);
    m.judged.answer = &none;
    refuse_to_encode(m, "judged");
}

static void limits_hold_when_sending(void **state)
{
    struct msg m = every_message(MSG_ROLLOUT);
    static float bad[10] = {0, 1.0f / 3, 0, 0, 0};
    char *const large = mem_new((1 << 16) + 2, 1);

    (void)state;
    memset(large, 'x', (1 << 16) + 1);
    m.rollout.rollout.text = "half \xc3";
    refuse_to_encode(m, "text");
    m = every_message(MSG_ROLLOUT);
    bad[7] = NAN;
    m.rollout.rollout.logprob = bad;
    refuse_to_encode(m, "logprob");
    m = every_message(MSG_ROLLOUT);
    m.rollout.rollout.n_mask = 1;
    refuse_to_encode(m, "mask");
    m = every_message(MSG_OPEN);
    m.open.task.meta = large;
    refuse_to_encode(m, "meta");
    m.open.task.meta = "";
    m.open.task.samples = 1025;
    refuse_to_encode(m, "samples");
    m = every_message(MSG_WCHUNK);
    m.wchunk.bytes = (1 << 20) + 32;
    m.wchunk.kind = CHUNK_BYTES;
    refuse_to_encode(m, "data");
    m = every_message(MSG_SAMPLE);
    ((struct score *)m.sample.score)[0].n_value = 2;
    refuse_to_encode(m, "values");
    m = every_message(MSG_SAMPLE);
    ((struct score *)m.sample.score)[1].value = bad + 5;
    refuse_to_encode(m, "value");
    free(large);
}

/* The broker is to say what is wrong with it, and who said it: to a learner it never goes. */
static void what_a_scorer_says_arrives_as_it_is(void **state)
{
    static const float none[] = {1, NAN};
    struct msg m = every_message(MSG_SCORE), got;
    struct frames frames;

    (void)state;
    m.score.score.value = none;
    m.score.score.n_value = 2; /* for rollouts that say three */
    frames_init(&frames);
    assert_ok(codec_encode(&frames, &m));
    assert_ok(codec_decode(&got, &frames, arena));
    assert_int_equal(got.score.score.n_value, 2);
    assert_true(isnan(got.score.score.value[1]));
    frames_fini(&frames);
}

static void a_small_message_cannot_ask_for_much(void **state)
{
    /* SCORE? whose map says: items, an array of 2^32 - 1. */
    struct msg msg = every_message(MSG_WHO), got;
    struct frames frames, bad;
    uint8_t *to;

    (void)state;
    encode(&frames, &msg);
    copy(&bad, &frames, -1, 0);
    zmq_msg_close(&bad.part[1]);
    bad.n = 1;
    assert_ok(frames_add(&bad, 11, &to));
    memcpy(to, "\x81\xa4item\xdd\xff\xff\xff\xff", 11);
    ((uint8_t *)zmq_msg_data(&bad.part[0]))[2] = MSG_ASK;
    ((uint8_t *)zmq_msg_data(&bad.part[0]))[frames_size(&bad, 0) - 6] = 11;
    seal(&bad);
    assert_err(ERR_PARSE, codec_decode(&got, &bad, arena));
    assert_non_null(strstr(err_text(), "ends early"));
    frames_fini(&frames);
    frames_fini(&bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back),
        cmocka_unit_test(every_member_of_a_rollout_comes_back),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(flips_are_refused_or_within_limits),
        cmocka_unit_test(an_unsealed_flip_is_always_refused),
        cmocka_unit_test(later_minor_versions_are_understood),
        cmocka_unit_test(columns_of_later_versions_cost_no_frame),
        cmocka_unit_test(another_major_version_is_named),
        cmocka_unit_test(task_ids_end_long_before_integers_do),
        cmocka_unit_test(limits_hold_when_sending),
        cmocka_unit_test(a_judgement_is_one_or_the_other),
        cmocka_unit_test(what_a_scorer_says_arrives_as_it_is),
        cmocka_unit_test(a_small_message_cannot_ask_for_much),
    };

    return cmocka_run_group_tests_name("proto/codec", tests, open_arena, close_arena);
}
