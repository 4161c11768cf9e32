/* Weights are quantised once, group by group of a row, by the definition itself; activations by vectors of
 * the same steps (isa_int8.inc).
 *
 * Whoever has the weights as panels of bfloat16 already (a learner after each step, an actor that was sent
 * an image) turns those, block by block: both orders have the same 32 columns and the same 32 of the depth
 * side by side, so that four depths of all columns are four halves each of two rows of pairs, and all that
 * a column's scale depends on is in the block. A panel is one thread's. */

#include "lm/kernel/int8.h"

#include "lm/kernel/pairs.h"
#include "lm/kernel/share.h"

_Static_assert((int)INT8_GROUP == (int)PAIRS_DEPTH && (int)INT8_PANEL == (int)PAIRS_PANEL,
               "a block of pairs is a group of a panel");

size_t int8_panel(int panels, int k)
{
    return (size_t)panels * int8_depth(k + INT8_GROUP - 1);
}

size_t int8_size(int n, int k)
{
    return int8_panel((n + INT8_PANEL - 1) / INT8_PANEL, k);
}

/* A column's scale in its panel's first block; its depth d, of a group, is this much behind it. */
static size_t column_at(int column, int k)
{
    return int8_panel(column / INT8_PANEL, k) + 4 * (size_t)(column % INT8_PANEL);
}

static size_t place(int d)
{
    return (size_t)(1 + d / 4) * INT8_LINE + (size_t)(d % 4);
}

/* Of a group of n numbers. */
static struct int8_scale scale_of(const float *x, int n)
{
    uint32_t largest = 0;

    for (int i = 0; i < n; i++) {
        uint32_t size;

        memcpy(&size, &x[i], sizeof size);
        size &= 0x7FFFFFFFu;
        largest = size > largest ? size : largest;
    }
    return int8_scale_of(largest);
}

/* A group of a column, of n numbers. */
static void group_put(uint8_t *to, const float *x, int n)
{
    const struct int8_scale s = scale_of(x, n);

    memcpy(to, &s.scale, sizeof s.scale);
    for (int i = 0; i < INT8_GROUP; i++)
        to[place(i)] = (uint8_t)((i < n ? int8_round(x[i], s.rate) : 0) + INT8_ZERO);
}

void int8_pack(uint8_t *panels, int at, const float *w, size_t ldw, int n, int k)
{
#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int j = 0; j < n; j++) {
        const float *from = w + (size_t)j * ldw;
        uint8_t *to = panels + column_at(at + j, k);

        for (int d = 0; d < k; d += INT8_GROUP)
            group_put(to + int8_depth(d), from + d, k - d < INT8_GROUP ? k - d : INT8_GROUP);
    }
}

/* Of each column of a block of pairs: the bits of its largest size, and from them rate and scale. */
static void block_scales(uint8_t *to, float rate[INT8_PANEL], const uint32_t *pair)
{
    uint32_t most[INT8_PANEL] = {0};

    for (int r = 0; r < INT8_GROUP / 2; r++, pair += INT8_PANEL)
        for (int c = 0; c < INT8_PANEL; c++) {
            const uint32_t high = pair[c] & 0x7FFF0000u, low = (pair[c] & 0x7FFFu) << 16;
            const uint32_t size = high > low ? high : low;

            most[c] = size > most[c] ? size : most[c];
        }
    for (int c = 0; c < INT8_PANEL; c++) {
        const struct int8_scale s = int8_scale_of(most[c]);

        memcpy(to + sizeof s.scale * (size_t)c, &s.scale, sizeof s.scale);
        rate[c] = s.rate;
    }
}

static uint32_t byte_of(uint32_t bits, float rate)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return (uint32_t)(int8_round(rate == 0.0f ? 0.0f : x, rate) + INT8_ZERO);
}

/* Depths 4 i .. 4 i + 3 of a block of pairs are its rows i and 8 + i (pairs.h): first in a pair's upper
 * halves, then in the lower ones. */
static void block_of_pairs(uint8_t *to, const uint32_t *pair)
{
    float rate[INT8_PANEL];
    uint32_t word[INT8_PANEL];

    block_scales(to, rate, pair);
    for (int i = 0; i < INT8_GROUP / 4; i++) {
        const uint32_t *const even = pair + (size_t)i * PAIRS_PANEL;
        const uint32_t *const odd = even + (size_t)8 * PAIRS_PANEL;

        for (int c = 0; c < INT8_PANEL; c++)
            word[c] = byte_of(even[c] & 0xFFFF0000u, rate[c]) |
                      byte_of(odd[c] & 0xFFFF0000u, rate[c]) << 8 |
                      byte_of(even[c] << 16, rate[c]) << 16 |
                      byte_of(odd[c] << 16, rate[c]) << 24;
        memcpy(to + place(4 * i), word, sizeof word);
    }
}

void int8_of_pairs(uint8_t *panels, const uint16_t *pairs, int n, int k)
{
    const int count = (n + INT8_PANEL - 1) / INT8_PANEL;

#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int p = 0; p < count; p++)
        for (int d = 0; d < k; d += INT8_GROUP)
            block_of_pairs(panels + int8_panel(p, k) + int8_depth(d),
                           (const void *)(pairs + pairs_size(p * PAIRS_PANEL, k) +
                                          (size_t)d * PAIRS_PANEL));
}

void int8_unpack_row(float *w, const uint8_t *panels, int at, int k)
{
    const uint8_t *from = panels + column_at(at, k);

    for (int d = 0; d < k; d++) {
        const uint8_t *const group = from + int8_depth(d);
        float scale;

        memcpy(&scale, group, sizeof scale);
        w[d] = (float)((int)group[place(d % INT8_GROUP)] - INT8_ZERO) * scale;
    }
}

void int8_settle(float *x, int k)
{
    for (int d = 0; d < k; d += INT8_GROUP) {
        const int end = k - d < INT8_GROUP ? k : d + INT8_GROUP;
        const struct int8_scale s = scale_of(x + d, end - d);

        for (int i = d; i < end; i++)
            x[i] = (float)int8_round(x[i], s.rate) * s.scale;
    }
}
