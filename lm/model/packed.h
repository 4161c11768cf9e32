/* packed: compute weights as the kernels read them, in one block that travels.
 *
 * Matrices lie in panels of 32 output columns: panel p holds [K][32] floats with
 * element (k, j) = W[32p + j][k]; missing columns of the last panel are zero. A tied embedding
 * is stored once: rows are read out of the panels. Norms and biases are plain. Everything
 * starts on a 64-byte boundary, parts on a 4096-byte one. q, k and v are one matrix, gate and
 * up another. The block is the wire format too (docs/PROTOCOL.md §1): its name is
 * hash_of(block). */

#ifndef LM_MODEL_PACKED_H
#define LM_MODEL_PACKED_H

#include "lm/model/params.h"

/* Bytes that the packed weights of such a model take. */
size_t packed_size(const struct shape *shape);

/* Offsets in floats from the start of the image. */
struct packed_layer {
    size_t norm_attn, qkv, qkv_bias, o, norm_mlp, gate_up, down;
};
struct packed_layout {
    size_t embed; /* panels [ceil(vocab/32)][width][32]; also the head when tied */
    size_t head, norm_final, size; /* size in floats */
    size_t score, score_bias;      /* [1 or 2][width], plain; [2] */
    struct packed_layer *layer;    /* [layers] */
};
enum err packed_layout_new(struct packed_layout **out, const struct shape *shape) MUST_CHECK;
void packed_layout_free(struct packed_layout *layout);

/* Fills packed_size() bytes, aligned to 64. */
void packed_fill(float *image, const struct packed_layout *layout, const struct params *params);

/* Rows row..row+n-1 of one tensor to their place, from `from` [n, cols]. */
void packed_put(float *image, const struct packed_layout *layout, const struct shape *shape,
                const struct tensor *tensor, int row, int n, const float *from);

/* The inverse: f32 weights out of an image (a learner that resumes, a fresh critic). */
void packed_unpack(struct params *params, const struct packed_layout *layout,
                   const float *image);

#endif
