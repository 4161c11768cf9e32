/* Weights are quantised once, row by row, by the definition itself; activations by vectors of the same
 * steps (isa_int8.inc). A column's bytes lie four together, those of 32 columns beside one another, and
 * the column's scale in front of the panel.
 *
 * Whoever has the weights as panels of bfloat16 already (a learner after each step, an actor that was sent
 * an image) turns those, panel by panel: both orders have the same 32 columns side by side, so that four
 * depths of all of them are four halves each of two rows of pairs, and a column's largest is found in one
 * pass. A panel is one thread's. */

#include "lm/kernel/int8.h"

#include "lm/kernel/pairs.h"
#include "lm/kernel/share.h"

struct int8_scale int8_scale(const float *x, int n)
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

size_t int8_panel(int panels, int k)
{
    return (size_t)panels * int8_depth((k + 3) / 4 * 4);
}

size_t int8_size(int n, int k)
{
    return int8_panel((n + INT8_PANEL - 1) / INT8_PANEL, k);
}

/* Of depth 0 in a column, and of its scale. */
static size_t column_at(int column, int k)
{
    return int8_panel(column / INT8_PANEL, k) + int8_depth(0) +
           4 * (size_t)(column % INT8_PANEL);
}

static size_t scale_at(int column, int k)
{
    return int8_panel(column / INT8_PANEL, k) + sizeof(float) * (size_t)(column % INT8_PANEL);
}

/* Depth d is this much behind depth 0. */
static size_t place(int d)
{
    return (size_t)(d / 4) * 4 * INT8_PANEL + (size_t)(d % 4);
}

void int8_pack(uint8_t *panels, int at, const float *w, size_t ldw, int n, int k)
{
#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int j = 0; j < n; j++) {
        const float *from = w + (size_t)j * ldw;
        const struct int8_scale s = int8_scale(from, k);
        uint8_t *to = panels + column_at(at + j, k);

        memcpy(panels + scale_at(at + j, k), &s.scale, sizeof s.scale);
        for (int d = 0; d < k; d++)
            to[place(d)] = (uint8_t)(int8_round(from[d], s.rate) + INT8_ZERO);
    }
}

/* Of each column of a panel of pairs: the bits of its largest size, and from them rate and scale. */
static void panel_scales(float *scale, float rate[INT8_PANEL], const uint32_t *pair, int rows)
{
    uint32_t most[INT8_PANEL] = {0};

    for (int r = 0; r < rows; r++, pair += INT8_PANEL)
        for (int c = 0; c < INT8_PANEL; c++) {
            const uint32_t high = pair[c] & 0x7FFF0000u, low = (pair[c] & 0x7FFFu) << 16;
            const uint32_t size = high > low ? high : low;

            most[c] = size > most[c] ? size : most[c];
        }
    for (int c = 0; c < INT8_PANEL; c++) {
        const struct int8_scale s = int8_scale_of(most[c]);

        scale[c] = s.scale;
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
static void panel_of_pairs(uint8_t *panel, const uint32_t *pair, int k)
{
    float rate[INT8_PANEL];
    uint32_t word[INT8_PANEL];

    panel_scales((float *)(void *)panel, rate, pair, (k + PAIRS_DEPTH - 1) / PAIRS_DEPTH * 16);
    for (int d = 0; d < k; d += 4) {
        const uint32_t *const even =
            pair + (size_t)(d / PAIRS_DEPTH * 16 + d % PAIRS_DEPTH / 4) * PAIRS_PANEL;
        const uint32_t *const odd = even + (size_t)8 * PAIRS_PANEL;

        for (int c = 0; c < INT8_PANEL; c++)
            word[c] = byte_of(even[c] & 0xFFFF0000u, rate[c]) |
                      byte_of(odd[c] & 0xFFFF0000u, rate[c]) << 8 |
                      byte_of(even[c] << 16, rate[c]) << 16 |
                      byte_of(odd[c] << 16, rate[c]) << 24;
        memcpy(panel + int8_depth(d), word, sizeof word);
    }
}

void int8_of_pairs(uint8_t *panels, const uint16_t *pairs, int n, int k)
{
    const int count = (n + INT8_PANEL - 1) / INT8_PANEL;

#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int p = 0; p < count; p++)
        panel_of_pairs(panels + int8_panel(p, k),
                       (const void *)(pairs + pairs_size(p * PAIRS_PANEL, k)), k);
}

void int8_unpack_row(float *w, const uint8_t *panels, int at, int k)
{
    const uint8_t *from = panels + column_at(at, k);
    float scale;

    memcpy(&scale, panels + scale_at(at, k), sizeof scale);
    for (int d = 0; d < k; d++)
        w[d] = (float)((int)from[place(d)] - INT8_ZERO) * scale;
}
