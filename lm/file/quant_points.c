/* A point is a number whose digits are places in a short list of values, the first digit the
 * lowest, and a grid is some of the numbers with so many digits, in ascending order. Which ones
 * cannot be derived: they were chosen by what weights of models look like. But they can be told
 * in a bit each. (Of IQ2's grids all numbers are even, and so they have a bit for every other
 * one.) tests/golden/quant_points.py makes quant_points.inc out of gguf-py's
 * tables, and tests/golden/quant.py has values of all points. */

#include "lm/file/quant_points.h"

#include "lm/file/quant_points.inc"

static const int8_t three[] = {-1, 0, 1}, two_bits[] = {8, 25, 43};
static const int8_t even[] = {4, 12, 20, 28, 36, 44, 52, 62},
                    odd[] = {1, 3, 5, 7, 9, 11, 13, 15};

/* step: every how manieth number has a bit. */
static const struct grid {
    const uint64_t *set;
    const int8_t *value;
    int base, digits, step, numbers;
} grids[] = {
    [QUANT_POINTS_IQ2_XXS] = {iq2_xxs, two_bits, 3, 8, 2, 6561},
    [QUANT_POINTS_IQ2_XS] = {iq2_xs, two_bits, 3, 8, 2, 6561},
    [QUANT_POINTS_IQ2_S] = {iq2_s, two_bits, 3, 8, 2, 6561},
    [QUANT_POINTS_IQ1] = {iq1, three, 3, 8, 1, 6561},
    [QUANT_POINTS_IQ3_XXS] = {iq3_xxs, even, 8, 4, 1, 4096},
    [QUANT_POINTS_IQ3_S] = {iq3_s, odd, 8, 4, 1, 4096},
};

void quant_points_list(int8_t to[QUANT_POINTS_MAX], enum quant_points grid)
{
    const struct grid *g = &grids[grid];

    for (int number = 0, bit = 0; number < g->numbers; number += g->step, bit++) {
        int rest = number;

        if (!(g->set[bit / 64] >> bit % 64 & 1))
            continue;
        for (int d = 0; d < g->digits; d++, rest /= g->base)
            *to++ = g->value[rest % g->base];
    }
}
