/* Weights are quantised once, row by row, by the definition itself; activations by vectors of the same
 * steps (isa_int8.inc). A column's bytes lie four together, those of 32 columns beside one another, and
 * the column's scale in front of the panel. */

#include "lm/kernel/int8.h"

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

void int8_unpack_row(float *w, const uint8_t *panels, int at, int k)
{
    const uint8_t *from = panels + column_at(at, k);
    float scale;

    memcpy(&scale, panels + scale_at(at, k), sizeof scale);
    for (int d = 0; d < k; d++)
        w[d] = (float)((int)from[place(d)] - INT8_ZERO) * scale;
}
