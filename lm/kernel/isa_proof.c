/* Whether a table may be used: isa.c asks before it takes one whose products are a processor's own, for
 * what such an instruction does with the last bit, ties and denormals is in no promise of its maker's.
 * Each round draws a left side, which the table rounds itself, and a right one, and lets both tables
 * multiply. Where the right side is ones on a diagonal, the products are the rounded numbers themselves,
 * whatever order the table keeps them in; there a row has one number that may not be finite, or it
 * would hide its neighbours. */

#include "lm/kernel/isa_list.h"

#include "base/rng.h"
#include "lm/kernel/bf16.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/pairs.h"

#include <math.h>

enum { ROWS = 7, DEPTH = 96, COLUMNS = PAIRS_PANEL, ROUNDS = 24 };
enum operand { TAME, EDGE, WILD, ANY, KINDS };

static float draw(enum operand kind, uint64_t round, uint32_t side, uint32_t i)
{
    uint32_t w[4], bits;
    float value;

    rng_words(w, round, RNG_TEST, side, i, 0);
    bits = w[0];
    if (kind == TAME) /* 2^-8 .. 2 */
        bits = (w[0] & 0x807FFFFFu) | (120 + w[1] % 8) << 23;
    else if (kind == EDGE) /* 2^-58 .. 2^-51 */
        bits = (w[0] & 0x807FFFFFu) | (69 + w[1] % 8) << 23;
    else if (w[1] % 8 == 0) /* denormals */
        bits &= 0x807FFFFFu;
    if (kind == WILD) /* below 2^64: products are finite, mostly */
        bits &= 0xDFFFFFFFu;
    if (w[2] % 4 == 0) /* ties, and what is next to them */
        bits = (bits & 0xFFFF0000u) | (0x7FFF + w[2] / 4 % 3);
    if (w[3] % 16 == 0) /* the least that stays, and what is next to it */
        bits = (bits & 0x80000000u) | (BF16_LEAST - 1 + w[3] / 16 % 3);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void multiply(float *c, const struct isa *table, const float *a, const uint16_t *b)
{
    char operand[ROWS][DEPTH * sizeof(float)];

    for (int i = 0; i < ROWS; i++)
        table->bf16_row(operand[i], a + i * DEPTH, DEPTH - 1);
    table->bf16(c, COLUMNS, operand, sizeof operand[0], b, ROWS, COLUMNS, DEPTH - 1, ISA_ON,
                NULL);
}

static bool agree(const struct isa *table, const struct isa *definition, const float *a,
                  const uint16_t *b)
{
    float got[ROWS * COLUMNS], want[ROWS * COLUMNS];

    for (int i = 0; i < ROWS * COLUMNS; i++)
        got[i] = want[i] = i % 3 ? 0.0f : 1.5f;
    multiply(got, table, a, b);
    multiply(want, definition, a, b);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        if (isnan(want[i]) ? !isnan(got[i]) : memcmp(&want[i], &got[i], sizeof got[i]) != 0)
            return false;
    return true;
}

bool isa_proof(const struct isa *table, const struct isa *definition)
{
    float a[ROWS * DEPTH], w[COLUMNS * DEPTH];
    uint16_t b[COLUMNS * DEPTH] = {0};

    for (uint64_t round = 0; round < ROUNDS; round++) {
        const enum operand kind = (enum operand)(round % KINDS);
        const bool diagonal = round / KINDS % 2;

        for (uint32_t i = 0; i < ROWS * DEPTH; i++)
            a[i] = draw(diagonal && kind == ANY && i % DEPTH != 7 * round % DEPTH ? WILD : kind,
                        round, 0, i);
        for (uint32_t i = 0; i < COLUMNS * DEPTH; i++) {
            const uint32_t column = i / DEPTH, depth = i % DEPTH;

            w[i] = diagonal ? (float)(depth % COLUMNS == column && depth / 32 == round % 3)
                            : bf16_widen(bf16_round(draw(kind, round, 1, i)));
        }
        pairs_pack(b, 0, w, DEPTH, COLUMNS, DEPTH);
        if (!agree(table, definition, a, b))
            return false;
    }
    return true;
}
