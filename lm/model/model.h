/* model: what struct model and struct cache are made of, for the files of lm/model/. */

#ifndef LM_MODEL_MODEL_H
#define LM_MODEL_MODEL_H

#include "lm/model/forward.h"

struct model {
    struct shape shape;
    struct packed_layout *layout;
    const float *image; /* borrowed */
    float *freq;        /* [head_dim / 2] rotary frequencies */
};

/* Width of a projected row: q, k and v heads side by side. */
int model_qkv(const struct shape *shape);

/* Rotary frequencies freq [head_dim / 2] out. Plain: theta^(-2i/d) (Su et al. 2021); linear:
 * divided by rope_factor (Chen et al. 2023, arXiv:2306.15595); llama3: by wavelength
 * (Llama 3.1's rope_scaling as transformers' modeling_rope_utils has it). */
void model_frequencies(float *freq, const struct shape *shape);

/* x [n,width] out: embedding rows of tokens, read out of the panels. */
void model_embed(const struct model *model, float *x, const int *token, int n);

#endif
