#include "lm/file/quant.h"

#include "base/mem.h"
#include "lm/file/half.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/golden/quant.inc"

enum { MANY = 512 }; /* blocks */

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void blocks_decode_to_the_bits_of_gguf_py(void **state)
{
    float got[512];

    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        const struct quant_kind *kind = quant_kind((uint32_t)golden[i].type);
        assert_non_null(kind);
        kind->decode(got, golden[i].raw, golden[i].blocks);
        for (size_t v = 0; v < golden[i].blocks * kind->values; v++)
            if (bits_of(got[v]) != golden[i].bits[v])
                fail_msg("%s value %zu: %08X, gguf-py has %08X", kind->name, v, bits_of(got[v]),
                         golden[i].bits[v]);
    }
}

/* As quant.py draws them. */
static void draw_blocks(uint8_t *raw, const struct quant_kind *kind)
{
    uint32_t state = (uint32_t)kind->type;

    for (size_t i = 0; i < MANY * kind->bytes; i++) {
        state = state * 1664525 + 1013904223;
        raw[i] = (uint8_t)(state >> 24);
    }
    for (unsigned i = 0; i < MANY; i++) {
        uint8_t *block = raw + i * kind->bytes;
        const unsigned half = 0x2C00 + 37 * i;

        for (int q = 0; q < 4 && kind->type == QUANT_IQ1_M; q++)
            block[49 + 2 * q] = (uint8_t)((block[49 + 2 * q] & 15) | (half >> 4 * q & 15) << 4);
        if (kind->type != QUANT_IQ1_M) {
            block[0] = (uint8_t)half;
            block[1] = (uint8_t)(half >> 8);
        }
    }
}

/* So many codes that every point of a grid is among them, and each scale and sign. */
static void all_points_of_the_grids_are_gguf_pys(void **state)
{
    uint8_t *raw = mem_new(MANY, 128);
    float *got = mem_new(MANY, 256 * sizeof *got);

    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        const struct quant_kind *kind = quant_kind((uint32_t)points[i].type);
        uint64_t hash = 0;

        assert_non_null(kind);
        assert_true(kind->values == 256 && kind->bytes <= 128);
        draw_blocks(raw, kind);
        kind->decode(got, raw, MANY);
        for (size_t v = 0; v < MANY * kind->values; v++)
            hash = (hash ^ bits_of(got[v])) * 0x100000001B3;
        if (hash != points[i].hash)
            fail_msg("%s: values are not gguf-py's, the first is %g", kind->name,
                     (double)got[0]);
    }
    free(raw);
    free(got);
}

static void every_half_is_the_number_ieee_says(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float got = half_f16((uint16_t)h);
        const int exponent = (int)(h >> 10 & 31);
        const double mantissa = (double)(h & 1023);
        const double sign = h & 0x8000 ? -1 : 1;
        if (exponent == 31) {
            assert_true(mantissa > 0 ? isnan(got) : isinf(got) && (got < 0) == (sign < 0));
            continue;
        }
        const double want =
            exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
        assert_true((double)got == sign * want && !signbit(got) == (sign > 0));
    }
}

/* Among the two neighbours that keep the upper 16 bits, the nearer; on a tie the even one. */
static void bf16_rounds_to_nearest_even(void **state)
{
    const uint32_t low[] = {0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF};

    (void)state;
    for (uint32_t high = 0; high < 0x7F80; high += 7)
        for (size_t i = 0; i < sizeof low / sizeof *low; i++) {
            const uint32_t bits = high << 16 | low[i];
            const uint32_t want = high + (low[i] > 0x8000 || (low[i] == 0x8000 && high & 1));
            float value;
            memcpy(&value, &bits, sizeof value);
            assert_int_equal(half_to_bf16(value), want);
            assert_int_equal(half_to_bf16(-value), want | 0x8000);
        }
    assert_true(isnan(half_bf16(half_to_bf16(NAN))));
    assert_true(isinf(half_bf16(half_to_bf16(INFINITY))));
    for (uint32_t h = 0; h < 0x7F80; h++)
        assert_int_equal(half_to_bf16(half_bf16((uint16_t)h)), h);
}

/* The loop of vectors says what one value's function says: every upper half, NaN's among them. */
static void bf16_of_many_is_that_of_each(void **state)
{
    enum { VALUES = 5 * 65536 + 3 };
    const uint32_t low[] = {0, 1, 0x7FFF, 0x8000, 0x8001};
    float *const from = calloc(VALUES, sizeof *from);
    uint16_t *const to = calloc(VALUES, sizeof *to);

    (void)state;
    for (uint32_t i = 0; i < VALUES; i++) {
        const uint32_t bits = (i / 5 & 0xFFFF) << 16 | low[i % 5];
        memcpy(from + i, &bits, sizeof bits);
    }
    half_to_bf16_all(to, from, VALUES);
    for (size_t i = 0; i < VALUES; i++)
        assert_int_equal(to[i], half_to_bf16(from[i]));
    free(from);
    free(to);
}

static void other_types_are_unknown(void **state)
{
    (void)state;
    for (uint32_t type = 0; type < 64; type++) {
        const struct quant_kind *kind = quant_kind(type);
        if (kind)
            assert_non_null(strstr(quant_list(), kind->name));
    }
    assert_null(quant_kind(4)); /* types 4 and 5 are long gone, 9 is for activations */
    assert_null(quant_kind(9));
    assert_null(quant_kind(UINT32_MAX));
    assert_string_equal(quant_unread(28), "F64");
    assert_string_equal(quant_unread(UINT32_MAX), "unknown");
    for (uint32_t type = 0; type < 64; type++) /* one or the other, or nobody's */
        assert_true(!quant_kind(type) || !strcmp(quant_unread(type), "unknown"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_decode_to_the_bits_of_gguf_py),
        cmocka_unit_test(all_points_of_the_grids_are_gguf_pys),
        cmocka_unit_test(every_half_is_the_number_ieee_says),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(bf16_of_many_is_that_of_each),
        cmocka_unit_test(other_types_are_unknown),
    };

    return cmocka_run_group_tests_name("quant", tests, NULL, NULL);
}
