/* ropefit: Llama 3's rope scaling from the factors that a GGUF file holds instead of it.
 *
 * llama.cpp's converter writes rope_freqs.weight [head_dim/2] with
 *     f[i] = 1 where wl < original/high, factor where wl > original/low, else
 *            1 / ((1-s)/factor + s),  s = (original/wl - low) / (high - low)
 * for wavelengths wl[i] = 2 pi theta^(2i/head_dim). The four numbers are found again and give
 * back every f[i] within 1e-5, or the file is refused. */

#ifndef LM_FILE_ROPEFIT_H
#define LM_FILE_ROPEFIT_H

#include "lm/model/shape.h"

/* Sets shape's rope (plain if all are 1, linear if all are equal) from f [head_dim/2]; head_dim
 * and rope_theta must be set. Errors: ERR_RANGE. */
enum err ropefit_factors(struct shape *shape, const float *f) MUST_CHECK;

/* The other way: f [head_dim/2] out, of a shape whose rope is ROPE_LLAMA3. */
void ropefit_list(float *f, const struct shape *shape);

#endif
