/* The words of a block that changed: as the format says them, for each pair of words, and nothing that
 * others say leads out of the block. */

#include "base/mem.h"
#include "base/rng.h"
#include "proto/patch_words.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = PATCH_WORDS_ROOM, WORDS = BLOCK / 2 };

static void give_back(const struct patch_words *w, const void *base, const void *of, size_t n)
{
    uint8_t *const got = mem_new(n + 1, 1);

    got[n] = 0xa5;
    assert_true(patch_words_take(w, base, got, n));
    assert_memory_equal(got, of, n);
    assert_int_equal(got[n], 0xa5);
    free(got);
}

/* Written by hand from the header: one step up, one down through both zeros, one too far for a byte,
 * and one behind a gap of more than 254. */
static void test_the_streams_are_those_of_the_format(void **state)
{
    enum { N = 600 };
    static const uint8_t gaps[] = {2, 0, 0, 255, 255, 3}, steps[] = {1, 6, 0, 255},
                         words[] = {0x80, 0x3f};
    uint16_t base[N] = {0}, of[N];
    uint8_t *const room = mem_new(PATCH_WORDS_ROOM, 1);
    struct patch_words w;

    (void)state;
    base[2] = 0x3dcc;
    base[3] = 0x0001; /* keys: 0x8001; 0x7ffe is three below, the second behind -0 */
    base[4] = 0x0000;
    base[518] = 0x1000;
    memcpy(of, base, sizeof of);
    of[2] = 0x3dcd;
    of[3] = 0x8001;
    of[4] = 0x3f80;
    of[518] = 0x1080;
    patch_words_new(&w, room);
    assert_true(patch_words_make(&w, (uint8_t *)base, (uint8_t *)of, sizeof base));
    assert_int_equal(w.n[0], sizeof gaps);
    assert_int_equal(w.n[1], sizeof steps);
    assert_int_equal(w.n[2], sizeof words);
    assert_memory_equal(w.stream[0], gaps, sizeof gaps);
    assert_memory_equal(w.stream[1], steps, sizeof steps);
    assert_memory_equal(w.stream[2], words, sizeof words);
    give_back(&w, base, of, sizeof base);
    free(room);
}

/* A word against each of those that lie around it, and each of the others once: what changed comes
 * back, be it denormal, infinite or no number. */
/* A gap of each length about those that one byte, or several, can say. */
static void test_each_gap_comes_back(void **state)
{
    uint16_t *const base = mem_new(BLOCK, 1), *const of = mem_new(BLOCK, 1);
    uint8_t *const room = mem_new(PATCH_WORDS_ROOM, 1);
    struct patch_words w;
    size_t at = 0;

    (void)state;
    patch_words_new(&w, room);
    for (size_t gap = 0; gap < 1025 && at + gap < WORDS; gap++) {
        at += gap;
        of[at++] = 1;
    }
    assert_true(patch_words_make(&w, (uint8_t *)base, (uint8_t *)of, BLOCK));
    give_back(&w, base, of, BLOCK);
    free(room);
    free(of);
    free(base);
}

static void test_each_pair_comes_back(void **state)
{
    uint16_t *const base = mem_new(BLOCK, 1), *const of = mem_new(BLOCK, 1);
    uint8_t *const room = mem_new(PATCH_WORDS_ROOM, 1);
    static const int by[] = {1, -1, 127, -127, 128, -128, 129, 32767, -32768};
    struct patch_words w;

    (void)state;
    patch_words_new(&w, room);
    for (size_t k = 0; k < sizeof by / sizeof *by; k++) {
        for (int i = 0; i < WORDS; i++) { /* one in eight, far steps are few enough */
            base[i] = (uint16_t)(i / 8);
            of[i] = i % 8 == 5 ? (uint16_t)(base[i] + by[k]) : base[i];
        }
        assert_true(patch_words_make(&w, (uint8_t *)base, (uint8_t *)of, BLOCK));
        assert_int_equal(w.n[1], WORDS / 8);
        give_back(&w, base, of, BLOCK);
    }
    free(room);
    free(of);
    free(base);
}

static void test_more_than_half_is_for_planes(void **state)
{
    uint16_t *const base = mem_new(BLOCK, 1), *const of = mem_new(BLOCK, 1);
    uint8_t *const room = mem_new(PATCH_WORDS_ROOM, 1);
    struct patch_words w;

    (void)state;
    patch_words_new(&w, room);
    for (int i = 0; i < WORDS; i += 2)
        of[i] = 1;
    assert_true(patch_words_make(&w, (uint8_t *)base, (uint8_t *)of, BLOCK));
    give_back(&w, base, of, BLOCK);
    assert_false(
        patch_words_make(&w, (uint8_t *)base, (uint8_t *)of, BLOCK - 1)); /* half a word */
    of[1] = 1;
    assert_false(patch_words_make(&w, (uint8_t *)base, (uint8_t *)of, BLOCK));
    memset(of, 0, BLOCK); /* as many far ones as there may be, and one more */
    for (int i = 0; i < WORDS / 8; i++)
        of[4 * i] = 0x7fff;
    assert_true(patch_words_make(&w, (uint8_t *)base, (uint8_t *)of, BLOCK));
    assert_int_equal(w.n[2], patch_words_most(BLOCK, 2));
    give_back(&w, base, of, BLOCK);
    of[WORDS - 1] = 0x7fff;
    assert_false(patch_words_make(&w, (uint8_t *)base, (uint8_t *)of, BLOCK));
    free(room);
    free(of);
    free(base);
}

static bool takes(const void *gaps, size_t n_gaps, const void *steps, size_t n_steps,
                  size_t n_words, size_t bytes)
{
    uint8_t base[16] = {0}, *const words = mem_new(n_words + 1, 1);
    uint8_t *const of = mem_new(bytes, 1); /* to the byte: a sanitizer sees a step beyond */
    uint8_t *const gap = mem_new(n_gaps + 1, 1), *const step = mem_new(n_steps + 1, 1);
    struct patch_words w = {{gap, step, words}, {n_gaps, n_steps, n_words}};
    bool took;

    memcpy(gap, gaps, n_gaps);
    memcpy(step, steps, n_steps);
    took = patch_words_take(&w, base, of, bytes);
    free(words);
    free(gap);
    free(step);
    free(of);
    return took;
}

static void test_what_says_too_much_or_too_little_is_refused(void **state)
{
    static const uint8_t far[] = {255, 255, 255, 0};

    (void)state;
    assert_true(takes("\7", 1, "\1", 1, 0, 16));
    assert_false(takes("\10", 1, "\1", 1, 0, 16));    /* behind the block */
    assert_false(takes("\7\0", 2, "\1\1", 2, 0, 16)); /* likewise, by the second */
    assert_false(takes(far, 4, "\1", 1, 0, 16));
    assert_false(takes("\1\1", 2, "\1", 1, 0, 16)); /* a gap without its step */
    assert_false(takes("\1", 1, "\1\1", 2, 0, 16)); /* a step without its gap */
    assert_false(takes("\1", 1, "\1", 1, 2, 16));   /* a word that no step asks for */
    assert_false(takes("\1", 1, "\0", 1, 0, 16));   /* a step without its word */
    assert_false(takes("\1", 1, "\0", 1, 1, 16));   /* half of one */
    assert_true(takes("\1", 1, "\0", 1, 2, 16));
    assert_false(takes("\1", 1, "\1", 1, 0, 15)); /* no whole number of words */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_streams_are_those_of_the_format),
        cmocka_unit_test(test_each_gap_comes_back),
        cmocka_unit_test(test_each_pair_comes_back),
        cmocka_unit_test(test_more_than_half_is_for_planes),
        cmocka_unit_test(test_what_says_too_much_or_too_little_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
