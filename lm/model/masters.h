/* masters: the f32 weights of a model in training that computes in bfloat16, without a second copy.
 *
 * The image has the weights that are computed with, half of a master each (lm/kernel/master.h); the other
 * half lies beside it. What is f32 in the image, norms and biases, is its own master. Four bytes a
 * parameter in all. */

#ifndef LM_MODEL_MASTERS_H
#define LM_MODEL_MASTERS_H

#include "lm/model/packed.h"

struct masters {
    float *image;                       /* of PACKED_PAIRS, that rounds; borrowed */
    const struct packed_layout *layout; /* borrowed */
    uint16_t *rest;                     /* [count] of the params: matrices' */
    size_t count;
};

/* Takes the values of params into the image, which is zeros, and the rests; frees params->data, and from
 * now on rows of params are made of both (params_rows): params must not outlive it. Errors: ERR_NOMEM,
 * then params are as they were. */
enum err masters_new(struct masters **out, struct params *params, float *image,
                     const struct packed_layout *layout) MUST_CHECK;
/* The same where the values are in the image already, as files give them: a start is what its model computes
 * with. `params` is an outline. Errors: ERR_NOMEM. */
enum err masters_of_image(struct masters **out, struct params *params, float *image,
                          const struct packed_layout *layout) MUST_CHECK;
void masters_free(struct masters *masters);

/* Rows row..row+n-1 of one weight, [n, cols], out of it and into it. Serial; several threads may, with other
 * rows. */
void masters_take(const struct masters *masters, const struct tensor *tensor, int row, int n,
                  float *to);
void masters_put(struct masters *masters, const struct tensor *tensor, int row, int n,
                 const float *from);

#endif
