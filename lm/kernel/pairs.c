/* Where a weight lies is one function of column and depth (place), so that packing, unpacking and
 * the kernels (isa_pairs.inc, which walks the rows in order) can be held against one another. A
 * bfloat16 is the upper half of a float: widening and cutting move bits and round nothing. */

#include "lm/kernel/pairs.h"

#include "lm/kernel/master.h"
#include "lm/kernel/share.h"

#include <assert.h>
#include <stdbool.h>

static size_t filled(int k)
{
    return (size_t)(k + PAIRS_DEPTH - 1) / PAIRS_DEPTH * PAIRS_DEPTH;
}

size_t pairs_size(int n, int k)
{
    return (size_t)((n + PAIRS_PANEL - 1) / PAIRS_PANEL) * filled(k) * PAIRS_PANEL;
}

/* Of depth 0 in a column; depth d is place(d) further. */
static size_t column_at(int column, int k)
{
    return (size_t)(column / PAIRS_PANEL) * filled(k) * PAIRS_PANEL +
           2 * (size_t)(column % PAIRS_PANEL);
}

/* d = 4 i + s of a block: s odd is in the second eight rows, s < 2 the second of its pair. */
static size_t place(int d)
{
    const size_t within = (size_t)(d % PAIRS_DEPTH), i = within / 4, s = within % 4;
    const size_t row = (size_t)(d / PAIRS_DEPTH) * 16 + 8 * (s % 2) + i;

    return row * 2 * PAIRS_PANEL + (s < 2);
}

static uint16_t upper(float value)
{
    const uint32_t bits = master_bits(value);

    assert(!(bits & 0xFFFFu)); /* else the caller asked for what this order cannot hold */
    return (uint16_t)(bits >> 16);
}

static void pack(uint16_t *pairs, int at, const float *w, size_t ldw, int n, int k, bool round)
{
#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int j = 0; j < n; j++) {
        const float *from = w + (size_t)j * ldw;
        uint16_t *to = pairs + column_at(at + j, k);

        for (int d = 0; d < k; d++)
            to[place(d)] = round ? master_weight(from[d]) : upper(from[d]);
    }
}

void pairs_pack(uint16_t *pairs, int at, const float *w, size_t ldw, int n, int k)
{
    pack(pairs, at, w, ldw, n, k, false);
}

void pairs_pack_rounded(uint16_t *pairs, int at, const float *w, size_t ldw, int n, int k)
{
    pack(pairs, at, w, ldw, n, k, true);
}

void pairs_unpack_row(float *w, const uint16_t *pairs, int at, int k)
{
    const uint16_t *from = pairs + column_at(at, k);

    for (int d = 0; d < k; d++)
        w[d] = bf16_widen(from[place(d)]);
}

/* Eight rows at a time, block after block: they share the lines that hold a block. */
void pairs_unpack(float *w, size_t ldw, const uint16_t *pairs, int at, int n, int k)
{
    enum { TOGETHER = 8 };

#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int first = 0; first < n; first += TOGETHER) {
        const int end = n - first < TOGETHER ? n : first + TOGETHER;

        for (int d = 0; d < k; d += PAIRS_DEPTH) {
            const int deep = k - d < PAIRS_DEPTH ? k - d : PAIRS_DEPTH;

            for (int j = first; j < end; j++) {
                const uint16_t *from = pairs + column_at(at + j, k) + (size_t)d * PAIRS_PANEL;
                float *to = w + (size_t)j * ldw + (size_t)d;

                for (int i = 0; i < deep; i++)
                    to[i] = bf16_widen(from[place(i)]);
            }
        }
    }
}
