/* A block is 32 rows of W, columns of a panel, by 32 of the depth. Of each row sixteen words are made, as
 * they stand in a column of the panel (pairs.h): word 8 h + i has the weight of depth 4 i + h above and that
 * of depth 4 i + 2 + h below. The words of a whole panel's rows are turned into it; those of some of its rows are
 * put there one by one. The rests stay in the order of W. An optimiser's step (lm/optim) joins some rows, moves
 * them and parts them again while they are in a cache. */

#include "lm/kernel/halves.h"

#include "lm/kernel/master.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/turn.h"

enum { WORDS = PAIRS_DEPTH / 2, HALF = WORDS / 2 };

typedef uint32_t pair __attribute__((may_alias)); /* two halves of an image */

/* Words of row 0.. of a panel, at the depth d. */
static pair *block_at(uint16_t *pairs, int column, int d, int k)
{
    const size_t filled = (size_t)(k + PAIRS_DEPTH - 1) / PAIRS_DEPTH * PAIRS_DEPTH;

    return (pair *)(void *)(pairs + ((size_t)(column / PAIRS_PANEL) * filled + (size_t)d) *
                                        PAIRS_PANEL);
}

/* Where the run of rows ends that lie in one panel. */
static int panel_end(int at, int first, int n)
{
    const int end = first + PAIRS_PANEL - (at + first) % PAIRS_PANEL;

    return end < n ? end : n;
}

/* Of depth d0.. of a row: master_weight's bits, above, and master_rest; neither asks for a NaN more than once. */
static inline void part_row(uint32_t word[WORDS], uint16_t *rest, const float *w, int row,
                            int d0, int deep)
{
    uint32_t bits[PAIRS_DEPTH] = {0}, nan = 0;

    memcpy(bits, w, (size_t)deep * sizeof *bits);
    for (int d = 0; d < PAIRS_DEPTH; d++) {
        const uint32_t size = bits[d] & 0x7FFFFFFFu;

        bits[d] = size < BF16_LEAST ? 0 : bits[d];
        nan |= size > BF16_INFINITY;
    }
    for (int d = 0; d < deep; d++)
        rest[d] = (uint16_t)bits[d];
    for (int d = 0; d < PAIRS_DEPTH && !nan; d++)
        bits[d] += master_threshold(row, d0 + d);
    for (int d = 0; d < deep && nan; d++)
        bits[d] = (uint32_t)master_weight(w[d], master_threshold(row, d0 + d)) << 16;
    for (int i = 0; i < HALF; i++) {
        const uint32_t *b = bits + 4 * (size_t)i;

        word[i] = (b[0] & 0xFFFF0000u) | b[2] >> 16;
        word[HALF + i] = (b[1] & 0xFFFF0000u) | b[3] >> 16;
    }
}

void halves_part(uint16_t *pairs, int at, uint16_t *rest, const float *w, int row, int n, int k)
{
    uint32_t word[PAIRS_PANEL][WORDS];

    for (int first = 0, end; first < n; first = end) {
        const int column = (at + first) % PAIRS_PANEL;

        end = panel_end(at, first, n);
        for (int d = 0; d < k; d += PAIRS_DEPTH) {
            pair *const block = block_at(pairs, at + first, d, k);

            for (int j = first; j < end; j++) {
                const size_t from = (size_t)j * (size_t)k + (size_t)d;

                if (k - d >= PAIRS_DEPTH) /* a constant: loops of known length */
                    part_row(word[j - first], rest + from, w + from, row + j, d, PAIRS_DEPTH);
                else
                    part_row(word[j - first], rest + from, w + from, row + j, d, k - d);
            }
            if (end - first == PAIRS_PANEL)
                turn_words(block, PAIRS_PANEL, word, WORDS, PAIRS_PANEL, WORDS);
            else
                for (int j = 0; j < end - first; j++)
                    for (int r = 0; r < WORDS; r++)
                        block[r * PAIRS_PANEL + column + j] = word[j][r];
        }
    }
}

/* master_join of a row's words. */
static inline void join_row(float *w, const uint32_t word[WORDS], const uint16_t *rest, int row,
                            int d0, int deep)
{
    uint32_t bits[PAIRS_DEPTH];

    for (int i = 0; i < HALF; i++) {
        uint32_t *b = bits + 4 * (size_t)i;

        b[0] = word[i] & 0xFFFF0000u;
        b[1] = word[HALF + i] & 0xFFFF0000u;
        b[2] = word[i] << 16;
        b[3] = word[HALF + i] << 16;
    }
    for (int d = 0; d < deep; d++)
        bits[d] += rest[d] - ((rest[d] + master_threshold(row, d0 + d)) & 0x10000u);
    memcpy(w, bits, (size_t)deep * sizeof *bits);
}

void halves_join(float *w, const uint16_t *pairs, int at, const uint16_t *rest, int row, int n,
                 int k)
{
    uint32_t word[PAIRS_PANEL][WORDS];

    for (int first = 0, end; first < n; first = end) {
        const int column = (at + first) % PAIRS_PANEL;

        end = panel_end(at, first, n);
        for (int d = 0; d < k; d += PAIRS_DEPTH) {
            const pair *block = block_at((uint16_t *)(uintptr_t)pairs, at + first, d, k);

            turn_words(word, WORDS, block + column, PAIRS_PANEL, WORDS, end - first);
            for (int j = first; j < end; j++) {
                const size_t to = (size_t)j * (size_t)k + (size_t)d;

                if (k - d >= PAIRS_DEPTH)
                    join_row(w + to, word[j - first], rest + to, row + j, d, PAIRS_DEPTH);
                else
                    join_row(w + to, word[j - first], rest + to, row + j, d, k - d);
            }
        }
    }
}
