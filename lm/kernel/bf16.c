/* Rows by the vectors of this CPU's table (isa.h), a piece at a time: what is not yet a number of
 * sixteen bits never leaves a piece. */

#include "lm/kernel/bf16.h"

#include "lm/kernel/isa.h"

enum { PIECE = 1024 };

void bf16_round_all(float *y, const float *x, size_t n)
{
    const struct isa *isa = isa_current();

    for (size_t at = 0; at < n; at += PIECE)
        isa->bf16_round(y + at, x + at, (int)(n - at < PIECE ? n - at : PIECE));
}

void bf16_cut(uint16_t *y, const float *x, size_t n)
{
    const struct isa *isa = isa_current();
    float piece[PIECE];

    for (size_t at = 0; at < n; at += PIECE) {
        const size_t some = n - at < PIECE ? n - at : PIECE;

        isa->bf16_round(piece, x + at, (int)some);
        for (size_t i = 0; i < some; i++) {
            uint32_t bits;

            memcpy(&bits, &piece[i], sizeof bits);
            y[at + i] = (uint16_t)(bits >> 16);
        }
    }
}

void bf16_widen_all(float *y, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = bf16_widen(x[i]);
}
