/* The sixteen lanes as plain C: any CPU, and what the others are compared with. */

#include "lm/kernel/isa_list.h"

#include "lm/kernel/bf16.h"
#include "lm/kernel/int8.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/isa_fetch.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/turn.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

struct lanes_scalar {
    float f[16];
};

#define ISA_TABLE isa_scalar
#define ISA_NAME "scalar"
#define LANES struct lanes_scalar
#define WIDE_ROWS 3
#define SLICE 192
#define AHEAD(p, ldb, width) (void)0 /* nothing to be gained by asking early */
#define BF16_ROWS NARROW_ROWS
#define INT8_ROWS NARROW_ROWS
#define NARROW_ROWS 6
/* clang-format off */
#define TILES(T) T(1, 1) T(2, 1) T(3, 1) T(4, 1) T(5, 1) T(6, 1) T(1, 2) T(2, 2) T(3, 2)
#define NARROW(T) {0, T##_1_1, T##_2_1, T##_3_1, T##_4_1, T##_5_1, T##_6_1}
#define WIDE(T) {0, T##_1_2, T##_2_2, T##_3_2}
/* clang-format on */
#define EACH(expr) \
    struct lanes_scalar r; \
    for (int i = 0; i < 16; i++) \
        r.f[i] = expr; \
    return r

static inline struct lanes_scalar v_load(const float *p)
{
    EACH(p[i]);
}

static inline void v_store(float *p, struct lanes_scalar x)
{
    memcpy(p, x.f, sizeof x.f);
}

/* Of sixteen pairs the second half, and the first: see pairs.h for which depths those are. */
static inline struct lanes_scalar v_upper(const uint16_t *p)
{
    EACH(bf16_widen(p[2 * i + 1]));
}

static inline struct lanes_scalar v_lower(const uint16_t *p)
{
    EACH(bf16_widen(p[2 * i]));
}

static inline struct lanes_scalar v_round(struct lanes_scalar x)
{
    EACH(bf16_widen(bf16_round(x.f[i])));
}

static inline struct lanes_scalar v_all(float x)
{
    EACH(x);
}

static inline struct lanes_scalar v_add(struct lanes_scalar x, struct lanes_scalar y)
{
    EACH(x.f[i] + y.f[i]);
}

static inline struct lanes_scalar v_sub(struct lanes_scalar x, struct lanes_scalar y)
{
    EACH(x.f[i] - y.f[i]);
}

static inline struct lanes_scalar v_mul(struct lanes_scalar x, struct lanes_scalar y)
{
    EACH(x.f[i] * y.f[i]);
}

static inline struct lanes_scalar v_div(struct lanes_scalar x, struct lanes_scalar y)
{
    EACH(x.f[i] / y.f[i]);
}

/* As MAXPS: the second operand on NaN and on equal zeros (R2). */
static inline struct lanes_scalar v_max(struct lanes_scalar x, struct lanes_scalar y)
{
    EACH(x.f[i] > y.f[i] ? x.f[i] : y.f[i]);
}

static inline struct lanes_scalar v_fma(struct lanes_scalar x, struct lanes_scalar y,
                                        struct lanes_scalar z)
{
    EACH(fmaf(x.f[i], y.f[i], z.f[i]));
}

/* p * 2^n for whole n, by the exponent bits. An n out of range can only come from an x whose
 * exp v_above makes 0, or from a NaN, which p carries. */
static inline struct lanes_scalar v_scale(struct lanes_scalar p, struct lanes_scalar n)
{
    struct lanes_scalar r;

    for (int i = 0; i < 16; i++) {
        const int shift = n.f[i] > -200.0f && n.f[i] < 200.0f ? (int)n.f[i] : 0;
        uint32_t bits;

        memcpy(&bits, &p.f[i], 4);
        bits += (uint32_t)shift << 23;
        memcpy(&r.f[i], &bits, 4);
    }
    return r;
}

/* e where not x < limit, +0 elsewhere. */
static inline struct lanes_scalar v_above(struct lanes_scalar e, struct lanes_scalar x,
                                          float limit)
{
    EACH(x.f[i] < limit ? 0.0f : e.f[i]);
}

struct ints_scalar {
    int32_t i[16];
};

#define INTS struct ints_scalar
#define HALVES 2
#define EACH_INT(expr) \
    struct ints_scalar r; \
    for (int i = 0; i < 16; i++) \
        r.i[i] = expr; \
    return r

static inline struct ints_scalar i_all(int32_t x)
{
    EACH_INT(x);
}

static inline struct ints_scalar i_load(const void *p)
{
    struct ints_scalar r;

    memcpy(&r, p, sizeof r);
    return r;
}

static inline void i_store(void *p, struct ints_scalar x)
{
    memcpy(p, &x, sizeof x);
}

static inline struct ints_scalar i_max(struct ints_scalar x, struct ints_scalar y)
{
    EACH_INT(x.i[i] > y.i[i] ? x.i[i] : y.i[i]);
}

static inline int32_t i_most(struct ints_scalar x)
{
    for (int i = 1; i < 16; i++)
        x.i[0] = x.i[i] > x.i[0] ? x.i[i] : x.i[0];
    return x.i[0];
}

static inline struct ints_scalar i_add(struct ints_scalar x, struct ints_scalar y)
{
    EACH_INT(x.i[i] + y.i[i]);
}

static inline int32_t i_sum(struct ints_scalar x)
{
    for (int i = 1; i < 16; i++)
        x.i[0] += x.i[i];
    return x.i[0];
}

static inline struct ints_scalar i_size(struct lanes_scalar x)
{
    struct ints_scalar r;

    memcpy(&r, &x, sizeof r);
    for (int i = 0; i < 16; i++)
        r.i[i] &= 0x7FFFFFFF;
    return r;
}

static inline struct lanes_scalar i_float(struct ints_scalar x)
{
    EACH((float)x.i[i]);
}

static inline struct ints_scalar i_near(struct lanes_scalar x)
{
    EACH_INT(int8_round(x.f[i], 1.0f));
}

static inline void i_bytes(int8_t *to, struct ints_scalar x)
{
    for (int i = 0; i < 16; i++)
        to[i] = (int8_t)x.i[i];
}

/* Two of a lane's four bytes, as numbers of sixteen bits in one: 0 and 2, or 1 and 3. */
static inline struct ints_scalar i_half(struct ints_scalar x, size_t h)
{
    EACH_INT((int32_t)((uint32_t)x.i[i] >> 8 * h & 0x00FF00FFu));
}

static inline int16_t signed_byte(int32_t four, int at)
{
    return (int16_t)(int8_t)((uint32_t)four >> 8 * at & 0xFF);
}

static inline struct ints_scalar i_spread(struct ints_scalar x, int h)
{
    EACH_INT((int32_t)((uint32_t)(uint16_t)signed_byte(x.i[i], h) |
                       (uint32_t)(uint16_t)signed_byte(x.i[i], h + 2) << 16));
}

static inline struct ints_scalar i_madd(struct ints_scalar sum, struct ints_scalar w,
                                        struct ints_scalar a)
{
    EACH_INT(sum.i[i] + (int16_t)(uint16_t)w.i[i] * (int16_t)(uint16_t)a.i[i] +
             (int16_t)(uint16_t)(w.i[i] >> 16) * (int16_t)(uint16_t)(a.i[i] >> 16));
}

#include "lm/kernel/isa.inc"
