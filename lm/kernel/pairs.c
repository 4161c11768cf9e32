/* Where a weight lies is one function of column and depth (place), so that packing, unpacking and
 * the kernels (isa_pairs.inc, which walks the rows in order) can be held against one another. A
 * bfloat16 is the upper half of a float: widening and cutting move bits and round nothing. */

#include "lm/kernel/pairs.h"

#include "lm/kernel/bf16.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/master.h"
#include "lm/kernel/share.h"
#include "lm/kernel/turn.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

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

/* Eight rows at a time, block after block: they share the lines that hold a block. */
enum { TOGETHER = 8 };

/* Row `row` < 0: what is no bfloat16 cannot lie here. */
static void pack(uint16_t *pairs, int at, const float *w, size_t ldw, int row, int n, int k)
{
#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int first = 0; first < n; first += TOGETHER) {
        const int end = n - first < TOGETHER ? n : first + TOGETHER;

        for (int d = 0; d < k; d += PAIRS_DEPTH) {
            const int deep = k - d < PAIRS_DEPTH ? k - d : PAIRS_DEPTH;

            for (int j = first; j < end; j++) {
                const float *from = w + (size_t)j * ldw + (size_t)d;
                uint16_t *to = pairs + column_at(at + j, k) + (size_t)d * PAIRS_PANEL;

                for (int i = 0; i < deep; i++)
                    to[place(i)] =
                        row < 0 ? upper(from[i])
                                : master_weight(from[i], master_threshold(row + j, d + i));
            }
        }
    }
}

void pairs_pack(uint16_t *pairs, int at, const float *w, size_t ldw, int n, int k)
{
    pack(pairs, at, w, ldw, -1, n, k);
}

void pairs_pack_rounded(uint16_t *pairs, int at, const float *w, size_t ldw, int row, int n,
                        int k)
{
    pack(pairs, at, w, ldw, row, n, k);
}

void pairs_unpack_row(float *w, const uint16_t *pairs, int at, int k)
{
    const uint16_t *from = pairs + column_at(at, k);

    for (int d = 0; d < k; d++)
        w[d] = bf16_widen(from[place(d)]);
}

void pairs_unpack(float *w, size_t ldw, const uint16_t *pairs, int at, int n, int k)
{
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

/* Some columns of row d, rounded, up to whole panels; +0 where there are none. */
static void round_some(uint32_t *to, const float *b, size_t ldb, int d, int rows, int columns)
{
    const int there = d < rows ? columns : 0;

    if (there)
        isa_current()->bf16_round((float *)to, b + (size_t)d * ldb, there);
    memset(to + there, 0,
           (size_t)((columns + PAIRS_PANEL - 1) / PAIRS_PANEL * PAIRS_PANEL - there) *
               sizeof *to);
}

/* Row 8 h + i of a block: depth 4 i + 2 + h below, 4 i + h above. A row of B is read as far as it goes,
 * as memory likes it. */
void pairs_round(uint16_t *block, size_t apart, const float *b, size_t ldb, int rows,
                 int columns)
{
    enum { SOME = 16 * PAIRS_PANEL };
    uint32_t above[SOME], below[SOME];

    if (isa_current()->pairs_round) {
        isa_current()->pairs_round(block, apart, b, ldb, rows, columns);
        return;
    }

    for (int row = 0; row < PAIRS_DEPTH / 2; row++) {
        const int d = 4 * (row % 8) + row / 8;

        for (int at = 0; at < columns; at += SOME) {
            const int some = columns - at < SOME ? columns - at : SOME;

            round_some(above, b + at, ldb, d, rows, some);
            round_some(below, b + at, ldb, d + 2, rows, some);
            for (int j = 0; j < some; j += PAIRS_PANEL) {
                uint16_t *to = block + (size_t)((at + j) / PAIRS_PANEL) * apart +
                               (size_t)row * 2 * PAIRS_PANEL;

                for (int k = j; k < j + PAIRS_PANEL; k++)
                    above[k] |= below[k] >> 16;
                memcpy(to, above + j, PAIRS_PANEL * sizeof *above);
            }
        }
    }
}

/* Words of a row of pairs are the columns; turned, a column's words are the sixteen rows. Two columns
 * make a row of the result: of word r the upper halves meet at depth 4 i + h, the lower ones at 4 i +
 * 2 + h, which is where r = 8 h + i came from. */
void pairs_turn(uint16_t *block, const uint16_t *from)
{
    enum { WORDS = PAIRS_DEPTH / 2 };
    uint32_t column[PAIRS_PANEL][WORDS];

    if (isa_current()->pairs_turn) {
        isa_current()->pairs_turn(block, from);
        return;
    }

    turn_words((uint32_t *)column, WORDS, from, PAIRS_PANEL, WORDS, PAIRS_PANEL);
    for (int row = 0; row < WORDS; row++, block += 2 * PAIRS_PANEL) {
        const uint32_t *above = column[4 * (row % 8) + row / 8], *below = above + 2 * WORDS;
        uint32_t met[2][WORDS]; /* upper halves, lower halves */

        for (int r = 0; r < WORDS; r++) {
            met[0][r] = (above[r] & 0xFFFF0000u) | below[r] >> 16;
            met[1][r] = above[r] << 16 | (below[r] & 0xFFFFu);
        }
        turn_words(block, 4, met, WORDS / 2, 4, WORDS / 2);
    }
}
