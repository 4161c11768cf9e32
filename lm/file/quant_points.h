/* quant_points: the grids of ggml's IQ1, IQ2 and IQ3 types: a place in one is a point of eight, or
 * of four, values at once. */

#ifndef LM_FILE_QUANT_POINTS_H
#define LM_FILE_QUANT_POINTS_H

#include <stdint.h>

enum quant_points {
    QUANT_POINTS_IQ2_XXS, /* 256 of eight values */
    QUANT_POINTS_IQ2_XS,  /* 512 of eight */
    QUANT_POINTS_IQ2_S,   /* 1024 of eight */
    QUANT_POINTS_IQ1,     /* 2048 of eight */
    QUANT_POINTS_IQ3_XXS, /* 256 of four */
    QUANT_POINTS_IQ3_S    /* 512 of four */
};

enum { QUANT_POINTS_MAX = 2048 * 8 };

/* All points of a grid, one behind the other. */
void quant_points_list(int8_t to[QUANT_POINTS_MAX], enum quant_points grid);

#endif
