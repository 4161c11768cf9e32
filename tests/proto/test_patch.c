/* Patches: what comes back is what was, whatever the two images are; nothing else is taken for a
 * patch; and a frame that would unpack to more than its plane is not unpacked. */

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proto/blob.h"
#include "proto/patch.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { MIB = 1 << 20, HEAD = 16 };

static uint8_t *noise(size_t n, uint64_t seed)
{
    uint8_t *const bytes = mem_new(n + 1, 1);

    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(256 * rng_uniform(seed, RNG_INIT, 1, (uint32_t)i, 0));
    return bytes;
}

/* Weights, and the same after a step of about `rate`. */
static void weights(float *base, float *of, size_t n, double rate)
{
    for (size_t i = 0; i < n; i++) {
        base[i] = (float)(.04 * rng_uniform(1, RNG_INIT, 1, (uint32_t)i, 0) - .02);
        of[i] = (float)((double)base[i] +
                        rate * (2 * rng_uniform(1, RNG_INIT, 2, (uint32_t)i, 0) - 1));
    }
}

static enum err apply(const struct patch *p, const void *base, uint8_t *of, struct hash *name)
{
    struct hash *const digest = mem_new(p->blocks + 1, sizeof *digest);
    enum err err = OK;

    /* from the last: blocks stand alone */
    for (size_t i = p->blocks; i > 0 && !err; i--)
        err = patch_block(p, i - 1, base, of, &digest[i - 1]);
    *name = hash_join(digest, p->blocks);
    free(digest);
    return err;
}

static void back_and_forth(const void *base, const void *of, size_t n)
{
    uint8_t *bytes = NULL, *const got = mem_new(n + 1, 1);
    struct patch p;
    struct hash name;
    const struct hash want = hash_of(of, n);
    size_t size = 0;

    assert_ok(patch_make(&bytes, &size, base, of, n, NULL));
    assert_ok(patch_open(&p, bytes, size, n));
    assert_ok(apply(&p, base, got, &name));
    assert_memory_equal(got, of, n);
    assert_true(hash_same(&name, &want));
    patch_close(&p);
    free(bytes);
    free(got);
}

static void test_any_size_comes_back(void **state)
{
    static const size_t size[] = {0, 1, 2, 3, 4, 5, 4096, MIB - 1, MIB, MIB + 1, 2 * MIB + 7};

    (void)state;
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        uint8_t *const base = noise(size[i], 1), *const of = noise(size[i], 1);
        for (size_t k = 0; k < size[i]; k += 1 + k % 97)
            of[k] ^= (uint8_t)(k % 4 == 3); /* little of one plane */
        back_and_forth(base, of, size[i]);
        free(base);
        free(of);
    }
}

static void test_steps_are_smaller_the_smaller_they_are(void **state)
{
    enum { N = 1 << 19 };
    static const double rate[] = {0, 1e-7, 1e-6, 1e-5, 1e-4};
    float *const base = mem_new(N, sizeof *base), *const of = mem_new(N, sizeof *of);
    size_t before = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rate / sizeof *rate; i++) {
        uint8_t *bytes;
        size_t n;
        weights(base, of, N, rate[i]);
        assert_ok(patch_make(&bytes, &n, base, of, N * sizeof *of, NULL));
        assert_true(n > before);
        before = n;
        free(bytes);
        back_and_forth(base, of, N * sizeof *of);
    }
    assert_true(before < N * sizeof *of * 7 / 10); /* of 1e-4 */
    free(base);
    free(of);
}

/* The same weights, rounded to the upper 16 bits: of a step that is small beside their last place few
 * words are others, and the patch is some hundredths of the image. */
static uint16_t *rounded(const float *from, size_t n)
{
    uint16_t *const to = mem_new(n, sizeof *to);

    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, from + i, sizeof bits);
        to[i] = (uint16_t)((bits + 0x8000) >> 16);
    }
    return to;
}

static void test_bfloat16_takes_what_changed(void **state)
{
    enum { N = (3 << 19) + 40 }; /* words: three blocks and some */
    static const struct {
        double rate, most; /* of the image */
    } step[] = {{0, 1e-4}, {1e-7, .005}, {1e-6, .02}, {1e-5, .12}, {1e-4, .4}};
    float *const base = mem_new(N, sizeof *base), *const of = mem_new(N, sizeof *of);

    (void)state;
    for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
        uint16_t *was, *is;
        uint8_t *bytes;
        size_t n;

        weights(base, of, N, step[i].rate);
        was = rounded(base, N);
        is = rounded(of, N);
        assert_ok(patch_make(&bytes, &n, was, is, N * sizeof *is, NULL));
        print_message("[          ] a step of %g: %.4f of the image\n", step[i].rate,
                      (double)n / (N * sizeof *is));
        assert_true((double)n < step[i].most * N * sizeof *is);
        back_and_forth(was, is, N * sizeof *is);
        free(bytes);
        free(is);
        free(was);
    }
    free(base);
    free(of);
}

static void test_what_saves_nothing_is_not_made(void **state)
{
    uint8_t *const base = noise(3 * MIB, 1), *const of = noise(3 * MIB, 2), *bytes;
    const atomic_bool stop = true;
    size_t n;

    (void)state;
    assert_err(ERR_RANGE, patch_make(&bytes, &n, base, of, 3 * MIB, NULL));
    assert_null(bytes);
    assert_err(ERR_STATE, patch_make(&bytes, &n, base, base, 3 * MIB, &stop));
    assert_null(bytes);
    free(base);
    free(of);
}

/* A patch to damage: 2 MiB of weights, in planes or in words. */
static uint8_t *some(size_t *n, void *base, bool words)
{
    enum { FLOATS = MIB };
    float *const was = mem_new(FLOATS, sizeof *was), *const is = mem_new(FLOATS, sizeof *is);
    void *of = is;
    uint8_t *bytes;

    weights(was, is, FLOATS, 1e-6);
    if (words) {
        uint16_t *const pairs = rounded(was, FLOATS);
        memcpy(base, pairs, 2 * MIB);
        free(pairs);
        of = rounded(is, FLOATS);
    } else {
        memcpy(base, was, 2 * MIB);
    }
    assert_ok(patch_make(&bytes, n, base, of, 2 * MIB, NULL));
    assert_int_equal(bytes[HEAD + 3] >> 7, words); /* as the format says */
    if (words)
        free(of);
    free(is);
    free(was);
    return bytes;
}

static void refuse_what_is_none(bool words)
{
    uint8_t *const base = mem_new(2 * MIB, 1);
    size_t n;
    uint8_t *const bytes = some(&n, base, words);
    struct patch p;

    for (size_t cut = 0; cut < n; cut += 1 + cut / 3)
        assert_err(ERR_PARSE, patch_open(&p, bytes, cut, 2 * MIB));
    assert_err(ERR_PARSE, patch_open(&p, bytes, n, 2 * MIB + 4)); /* of another image */
    assert_err(ERR_PARSE, patch_open(&p, bytes, n, 3 * MIB));
    for (int i = 0; i < HEAD + 2 * 4 * 4; i++) { /* its head and its table */
        bytes[i] ^= 0x80;
        if (!words || (i - HEAD) % 16 != 3) /* there, planes of such sizes may be: below */
            assert_err(ERR_PARSE, patch_open(&p, bytes, n, 2 * MIB));
        bytes[i] ^= 0x80;
    }
    assert_ok(patch_open(&p, bytes, n, 2 * MIB));
    patch_close(&p);
    free(bytes);
    free(base);
}

/* Each byte of what is packed: refused, or another name than the one that was asked for. */
static void show_damage(bool words)
{
    uint8_t *const base = mem_new(2 * MIB, 1);
    uint8_t *const got = mem_new(2 * MIB, 1);
    size_t n, refused = 0;
    uint8_t *const bytes = some(&n, base, words);
    struct hash name, right;
    struct patch p;

    assert_ok(patch_open(&p, bytes, n, 2 * MIB));
    assert_ok(apply(&p, base, got, &right));
    for (size_t at = HEAD + 2 * 4 * 4; at < n; at += n / 40) {
        bytes[at] ^= 1;
        if (!apply(&p, base, got, &name))
            assert_false(hash_same(&name, &right));
        else
            refused++;
        bytes[at] ^= 1;
    }
    assert_true(!words || refused);
    base[1] ^= 1; /* and another base */
    assert_ok(apply(&p, base, got, &name));
    assert_false(hash_same(&name, &right));
    patch_close(&p);
    if (words) { /* streams that are called planes: no such patch, or a damaged one */
        bytes[HEAD + 3] ^= 0x80;
        if (!patch_open(&p, bytes, n, 2 * MIB)) {
            assert_err(ERR_PARSE, apply(&p, base, got, &name));
            patch_close(&p);
        }
    }
    free(bytes);
    free(got);
    free(base);
}

static void test_what_is_none_is_refused(void **state)
{
    (void)state;
    refuse_what_is_none(false);
    refuse_what_is_none(true);
}

static void test_damage_shows(void **state)
{
    (void)state;
    show_damage(false);
    show_damage(true);
}

/* 1 MiB of image whose plane 0, or stream of gaps, claims what `frame` unpacks to. */
static enum err of_frame(const void *frame, size_t took, uint32_t words)
{
    uint8_t *const bytes = mem_new(HEAD + 16 + took, 1), *const image = mem_new(2 * MIB, 1);
    const uint64_t size = MIB;
    const uint32_t first = (uint32_t)took | words << 31;
    struct patch p;
    struct hash digest;
    enum err err;

    memcpy(bytes, "drvpatch", 8);
    memcpy(bytes + 8, &size, sizeof size);
    memcpy(bytes + HEAD, &first, sizeof first);
    memcpy(bytes + HEAD + 16, frame, took);
    err = patch_open(&p, bytes, HEAD + 16 + took, MIB);
    if (!err) {
        err = patch_block(&p, 0, image, image + MIB, &digest);
        patch_close(&p);
    }
    free(bytes);
    free(image);
    return err;
}

static void test_a_bomb_stays_packed(void **state)
{
    static uint8_t zeros[64 << 20], frame[1 << 16], plane[MIB / 4];
    size_t n = ZSTD_compress(frame, sizeof frame, zeros, sizeof zeros, 19);
    const size_t before = mem_peak();

    (void)state;
    plane[7] = 1;
    assert_true(n < sizeof frame); /* 64 MiB in some KiB */
    assert_err(ERR_PARSE, of_frame(frame, n, 1));
    assert_non_null(strstr(err_text(), "a stream"));
    n = ZSTD_compress(frame, sizeof frame, zeros, MIB / 2 + 1,
                      3); /* gaps of one word too many */
    assert_err(ERR_PARSE, of_frame(frame, n, 1));
    assert_non_null(strstr(err_text(), "a stream"));
    n = ZSTD_compress(frame, sizeof frame, zeros, MIB / 2,
                      3); /* as many as words, and no steps */
    assert_err(ERR_PARSE, of_frame(frame, n, 1));
    assert_non_null(strstr(err_text(), "what its words are"));
    n = ZSTD_compress(frame, sizeof frame, zeros, sizeof zeros, 19);
    assert_err(ERR_PARSE, of_frame(frame, n, 0));
    n = ZSTD_compress(frame, sizeof frame, plane, sizeof plane, 3);
    assert_ok(of_frame(frame, n, 0)); /* the right size is taken */
    assert_err(ERR_PARSE, of_frame(frame, n - 1, 0));
    n = ZSTD_compress(frame, sizeof frame, plane, sizeof plane - 1, 3);
    assert_err(ERR_PARSE, of_frame(frame, n, 0));
    /* one that does not say its size, and unpacks to 64 MiB */
    ZSTD_CCtx *const c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
    n = ZSTD_compress2(c, frame, sizeof frame, zeros, sizeof zeros);
    ZSTD_freeCCtx(c);
    assert_false(ZSTD_isError(n));
    assert_err(ERR_PARSE, of_frame(frame, n, 0));
    assert_err(ERR_PARSE, of_frame(frame, n, 1));
    assert_true(mem_peak() - before < (16 << 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_size_comes_back),
        cmocka_unit_test(test_steps_are_smaller_the_smaller_they_are),
        cmocka_unit_test(test_bfloat16_takes_what_changed),
        cmocka_unit_test(test_what_saves_nothing_is_not_made),
        cmocka_unit_test(test_what_is_none_is_refused),
        cmocka_unit_test(test_damage_shows),
        cmocka_unit_test(test_a_bomb_stays_packed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
