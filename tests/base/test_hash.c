#include "tests/support/test.h"

#include "base/hash.h"
#include "base/rng.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void crc32c_golden(void **state)
{
    uint8_t bytes[200];

    (void)state; /* RFC 3720 B.4 */
    assert_int_equal(hash_crc32c(0, "123456789", 9), 0xE3069283u);
    assert_int_equal(hash_crc32c(hash_crc32c(0, "1234", 4), "56789", 5), 0xE3069283u);
    /* Byte by byte it goes through the table, as a whole by the instruction if there is one. */
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i * 7 + i);
    for (size_t from = 0; from < 9; from++)
        for (size_t n = 0; n + from <= sizeof bytes; n++) {
            uint32_t crc = 0;

            for (size_t i = 0; i < n; i++)
                crc = hash_crc32c(crc, bytes + from + i, 1);
            assert_int_equal(crc, hash_crc32c(0, bytes + from, n));
        }
}

static void sha256_golden(void **state)
{
    struct hash_sha256 s;
    struct hash h, back;
    char text[HASH_TEXT];

    (void)state; /* FIPS 180-2, "abc" */
    hash_sha256_init(&s);
    hash_sha256_add(&s, "ab", 2);
    hash_sha256_add(&s, "c", 1);
    h = hash_sha256_end(&s);
    assert_string_equal(hash_text(text, &h),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_ok(hash_parse(&back, text));
    assert_true(hash_same(&h, &back));
    assert_err(ERR_PARSE, hash_parse(&back, "ba78"));
    text[3] = 'g';
    assert_err(ERR_PARSE, hash_parse(&back, text));
}

/* Long, in pieces of every length up to two blocks and more, from every place in a block: libsodium's in one. */
static void sha256_in_pieces(void **state)
{
    enum { BYTES = 70000 };
    uint8_t *const bytes = calloc(BYTES, 1);
    struct hash whole, h;
    char text[HASH_TEXT];
    struct hash_sha256 s;

    (void)state;
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)(i * i * 7 + (i >> 8));
    crypto_hash_sha256(whole.byte, bytes, BYTES);
    for (size_t piece = 1; piece < 200; piece++) {
        hash_sha256_init(&s);
        for (size_t at = 0; at < BYTES; at += piece)
            hash_sha256_add(&s, bytes + at, piece < BYTES - at ? piece : BYTES - at);
        h = hash_sha256_end(&s);
        assert_true(hash_same(&h, &whole));
    }
    for (size_t n = 0; n < 300; n++) {
        crypto_hash_sha256(whole.byte, bytes + n, n);
        hash_sha256_init(&s);
        hash_sha256_add(&s, bytes + n, n);
        h = hash_sha256_end(&s);
        assert_true(hash_same(&h, &whole));
    }
    memset(bytes, 'a', BYTES); /* FIPS 180-2, B.3: a million of them */
    hash_sha256_init(&s);
    for (int i = 0; i < 50; i++)
        hash_sha256_add(&s, bytes, 20000);
    h = hash_sha256_end(&s);
    assert_string_equal(hash_text(text, &h),
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(bytes);
}

static void an_artifact_is_named_by_its_chunks(void **state)
{
    const size_t n = HASH_CHUNK + 5;
    uint8_t *bytes = calloc(n, 1);
    struct hash part[2], whole;

    (void)state;
    bytes[n - 1] = 7;
    part[0] = hash_chunk(bytes, HASH_CHUNK);
    part[1] = hash_chunk(bytes + HASH_CHUNK, 5);
    whole = hash_of(bytes, n);
    part[0] = hash_join(part, 2);
    assert_true(hash_same(&whole, &part[0]));
    free(bytes);
}

static void philox_golden(void **state)
{
    /* Random123 kat_vectors: philox4x32 10 rounds */
    const uint32_t zero[4] = {0}, zkey[2] = {0};
    const uint32_t pi[4] = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
    const uint32_t pikey[2] = {0xa4093822, 0x299f31d0};
    uint32_t out[4];

    (void)state;
    rng_philox(out, zero, zkey);
    assert_int_equal(out[0], 0x6627e8d5u);
    assert_int_equal(out[3], 0x9b00dbd8u);
    assert_int_equal(out[1], 0xe169c58du);
    rng_philox(out, pi, pikey);
    assert_int_equal(out[0], 0xd16cfe09u);
    assert_int_equal(out[3], 0x24126ea1u);
}

static void a_shuffle_is_a_permutation(void **state)
{
    uint32_t order[100];
    int seen[100] = {0}, moved = 0;

    (void)state;
    rng_shuffle(order, 100, 42, RNG_ORDER, 1);
    for (int i = 0; i < 100; i++) {
        seen[order[i]]++;
        moved += order[i] != (uint32_t)i;
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(seen[i], 1);
    assert_true(moved > 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_golden),
        cmocka_unit_test(sha256_golden),
        cmocka_unit_test(sha256_in_pieces),
        cmocka_unit_test(an_artifact_is_named_by_its_chunks),
        cmocka_unit_test(philox_golden),
        cmocka_unit_test(a_shuffle_is_a_permutation),
    };
    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
