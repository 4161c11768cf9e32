#include "lm/file/quant_encode.h"

#include "base/rng.h"
#include "lm/file/half.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "tests/golden/quant_write.inc"

enum { VALUES = sizeof value_bits / sizeof *value_bits, MANY = 64 * 256 };

static void blocks_have_the_bytes_of_gguf_py_or_ggml(void **state)
{
    static uint8_t got[4 * VALUES];
    float value[VALUES];

    (void)state;
    memcpy(value, value_bits, sizeof value);
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        const struct quant_kind *kind = quant_kind((uint32_t)written[i].type);

        assert_int_equal(written[i].bytes, VALUES / kind->values * kind->bytes);
        quant_encode_of(written[i].type)(got, value, VALUES / kind->values);
        for (size_t k = 0; k < written[i].bytes; k++)
            if (got[k] != written[i].raw[k])
                fail_msg("%s block %zu byte %zu: %u, wanted %u", kind->name, k / kind->bytes,
                         k % kind->bytes, got[k], written[i].raw[k]);
    }
}

/* Every half comes back as it was; half way between two of them the even one is taken. */
static void f16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7C00; h++) {
        const float low = half_f16((uint16_t)h), high = half_f16((uint16_t)(h + 1));
        const float middle = (float)(((double)low + (double)high) / 2);

        assert_int_equal(half_to_f16(low), h);
        assert_int_equal(half_to_f16(-low), h | 0x8000);
        if (h + 1 == 0x7C00)
            break;
        assert_int_equal(half_to_f16(middle), h % 2 ? h + 1 : h);
        assert_int_equal(half_to_f16(nextafterf(middle, 0)), h);
        assert_int_equal(half_to_f16(nextafterf(middle, INFINITY)), h + 1);
    }
    assert_int_equal(half_to_f16(65519.996f), 0x7BFF);
    assert_int_equal(half_to_f16(65520.0f), 0x7C00);
    assert_int_equal(half_to_f16(-INFINITY), 0xFC00);
    assert_true(isnan(half_f16(half_to_f16(NAN))));
}

/* Root of the mean square of what is lost, of values with deviation 1. */
static double lost(enum quant type, const float *value)
{
    static uint8_t bytes[4 * MANY];
    static float back[MANY];
    const struct quant_kind *kind = quant_kind((uint32_t)type);
    double sum = 0;

    quant_encode_of(type)(bytes, value, MANY / kind->values);
    kind->decode(back, bytes, MANY / kind->values);
    for (size_t i = 0; i < MANY; i++)
        sum += ((double)back[i] - (double)value[i]) * ((double)back[i] - (double)value[i]);
    return sqrt(sum / MANY);
}

static const float *normal_values(void)
{
    static float value[MANY];

    for (size_t i = 0; i < MANY; i++)
        value[i] = (float)rng_normal(5, RNG_TEST, i, 0, 0);
    return value;
}

/* More bits lose less; at as many, a scale that was sought loses less than one of the extremes. */
static void sought_scales_lose_less(void **state)
{
    const float *value = normal_values();
    const double q4_0 = lost(QUANT_Q4_0, value), q4_k = lost(QUANT_Q4_K, value);
    const double q5_0 = lost(QUANT_Q5_0, value), q5_k = lost(QUANT_Q5_K, value);
    const double q6_k = lost(QUANT_Q6_K, value), q8_0 = lost(QUANT_Q8_0, value);

    (void)state;
    print_message("lost: Q4_0 %.4f Q4_K %.4f Q5_0 %.4f Q5_K %.4f Q6_K %.4f Q8_0 %.4f\n", q4_0,
                  q4_k, q5_0, q5_k, q6_k, q8_0);
    assert_true(q8_0 < q6_k && q6_k < q5_k && q5_k < q5_0 && q5_0 < q4_k && q4_k < q4_0);
}

/* What the type can say is written without loss, apart from the rounding of its scales: blocks
 * read, written and read again. */
static void what_a_type_can_say_is_kept(void **state)
{
    static const enum quant types[] = {QUANT_Q4_K, QUANT_Q5_K, QUANT_Q6_K};
    static uint8_t bytes[4 * MANY];
    static float once[MANY], twice[MANY];

    (void)state;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        const struct quant_kind *kind = quant_kind((uint32_t)types[t]);
        double sum = 0;

        quant_encode_of(types[t])(bytes, normal_values(), MANY / 256);
        kind->decode(once, bytes, MANY / 256);
        quant_encode_of(types[t])(bytes, once, MANY / 256);
        kind->decode(twice, bytes, MANY / 256);
        for (size_t i = 0; i < MANY; i++)
            sum += fabs((double)once[i] - (double)twice[i]);
        print_message("%s again: %.5f\n", kind->name, sum / MANY);
        assert_true(sum / MANY < 0.01);
    }
}

/* Zeros, one value, the least floats, the largest halves: bytes that read as numbers near, as far
 * as an f16 can say a scale. */
static void extremes_stay_numbers(void **state)
{
    static const float extreme[] = {0.0f, 1e-45f, -1e-38f, 1e-20f, 65504.0f, -65504.0f};
    static uint8_t bytes[1024];
    float value[256], back[256];

    (void)state;
    for (uint32_t type = 0; type < 64; type++) {
        const struct quant_kind *kind = quant_kind(type);
        quant_encode *encode = kind ? quant_encode_of(kind->type) : NULL;

        for (size_t e = 0; encode && e < 2 * sizeof extreme / sizeof *extreme; e++) {
            for (int i = 0; i < 256; i++)
                value[i] = e % 2 && i % 3 ? 0.0f : extreme[e / 2];
            encode(bytes, value, 256 / kind->values);
            kind->decode(back, bytes, 256 / kind->values);
            for (int i = 0; i < 256; i++)
                if (!(fabsf(back[i] - value[i]) <=
                      fabsf(value[i]) * 0.13f + fabsf(extreme[e / 2]) / 1024 + 1e-7f))
                    fail_msg("%s: %g became %g", kind->name, (double)value[i], (double)back[i]);
        }
    }
    assert_null(quant_encode_of(QUANT_Q2_K));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_have_the_bytes_of_gguf_py_or_ggml),
        cmocka_unit_test(f16_rounds_to_nearest_even),
        cmocka_unit_test(sought_scales_lose_less),
        cmocka_unit_test(what_a_type_can_say_is_kept),
        cmocka_unit_test(extremes_stay_numbers),
    };

    return cmocka_run_group_tests_name("quant_encode", tests, NULL, NULL);
}
