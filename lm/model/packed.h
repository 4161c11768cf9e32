/* packed: compute weights as the kernels read them, in one block that travels.
 *
 * Matrices lie in panels of 32 output columns: panel p holds [K][32] floats with
 * element (k, j) = W[32p + j][k]; missing columns of the last panel are zero. A tied embedding
 * is stored once: rows are read out of the panels. Norms, biases, positions and scores are plain.
 * Everything starts on a 4096-byte boundary. Parts of one group (q, k and v; gate and up) are one
 * matrix. The block is the wire format too (docs/PROTOCOL.md §1): its name is hash_of(block).
 *
 * With PACKED_PAIRS its matrices are panels of pairs of bfloat16 (lm/kernel/pairs.h), in half the
 * memory, and all else is as before. A model that computes in bfloat16 lies so, travels so, and what
 * is put there is rounded (lm/kernel/master.h). One that computes in f32, is not trained, and whose
 * matrices are bfloat16 where they come from, may: what is computed with it has the same bits as
 * without, and such a block does not travel.
 *
 * A model that computes in int8 travels so, too. PACKED_INT8 is what only computes: matrices but those of
 * queries, keys and values are panels of whole numbers (lm/kernel/int8.h), made of the rounded weights, and
 * those are pairs. PACKED_BESIDE has the whole numbers of all that is multiplied with, and nothing else, for
 * whoever has the pairs anyway (packed_whole). What went into them does not come out again. */

#ifndef LM_MODEL_PACKED_H
#define LM_MODEL_PACKED_H

#include "lm/model/params.h"

enum packed_store { PACKED_F32, PACKED_PAIRS, PACKED_INT8, PACKED_BESIDE };

/* How a model of this shape lies that travels, and one that only computes: by its compute. */
enum packed_store packed_store_of(const struct shape *shape);
enum packed_store packed_store_run(const struct shape *shape);

/* How an image of that store has a matrix of this row. */
enum packed_store packed_row_store(enum packed_store store, const struct part_row *row);

/* Bytes that the packed weights of such a model take: so, as `store`. */
size_t packed_size(const struct shape *shape);
size_t packed_size_as(const struct shape *shape, enum packed_store store);

/* Where each weight lies, in floats from the start of the block. */
struct packed_spot {
    size_t block;            /* where the matrix or vector of its group starts */
    int column;              /* its first column there */
    bool has;                /* the model has it; the rest is 0 otherwise */
    enum packed_store store; /* how the block lies, of a matrix */
};
struct packed_layout {
    enum packed_store store;
    bool rounds;                       /* matrices become bfloat16 where they are put */
    size_t size;                       /* floats in all */
    struct packed_spot (*spot)[PARTS]; /* [1 + layers]: first what stands once */
};
/* Errors: ERR_RANGE (shape_check; bfloat16 is computed of PACKED_PAIRS alone, int8 of anything but
 * PACKED_F32). */
enum err packed_layout_new(struct packed_layout **out, const struct shape *shape) MUST_CHECK;
enum err packed_layout_as(struct packed_layout **out, const struct shape *shape,
                          enum packed_store store) MUST_CHECK;
void packed_layout_free(struct packed_layout *layout);

/* Whether the model has a part, in that layer or, with -1, among the ends. */
bool packed_has(const struct packed_layout *layout, enum part part, int layer);

/* Where the block starts that holds a part of layer 0.., or of the ends with layer -1; the head
 * of a tied model is its embedding. The model must have the part. */
size_t packed_at(const struct packed_layout *layout, enum part part, int layer);

/* Fills packed_size() bytes, aligned to 64. */
void packed_fill(float *packed, const struct packed_layout *layout,
                 const struct params *params);

/* The blocks of `to` (PACKED_BESIDE), of those of an image of pairs. */
void packed_whole(float *to, const struct packed_layout *layout, const float *packed,
                  const struct packed_layout *pairs, const struct shape *shape);

/* n rows [n, cols] as panels of whole numbers, from column `at` on: rounded first, as they lie in pairs. */
void packed_whole_rows(uint8_t *panels, int at, const float *from, int row, int n, int cols);

/* A layout and an image (packed_store_run), both the caller's, in the place of params, which are freed.
 * Errors: ERR_NOMEM, ERR_RANGE. */
enum err packed_instead(float **image, struct packed_layout **layout,
                        struct params **params) MUST_CHECK;

/* params_reheaded of a block that lies packed, in its place: both are the caller's, as before; for
 * that while there are two. `shape` is the old one's. Errors: ERR_RANGE, ERR_NOMEM; then the old
 * ones stay. */
enum err packed_reheaded(float **image, struct packed_layout **layout,
                         const struct shape *shape, enum head head, uint64_t seed,
                         bool zero_head) MUST_CHECK;

/* Rows row..row+n-1 of one tensor to their place, from `from` [n, cols]: with PACKED_PAIRS a
 * matrix' values must be bfloat16's, unless the layout rounds. */
void packed_put(float *packed, const struct packed_layout *layout, const struct tensor *tensor,
                int row, int n, const float *from);

/* The inverse: those rows out of the block, which are no whole numbers. */
void packed_take(float *to, const struct packed_layout *layout, const struct tensor *tensor,
                 int row, int n, const float *packed);

/* hash_of a block of that many bytes, by all threads: its name. */
struct hash packed_hash(const void *packed, size_t bytes);

/* All f32 weights out of the block (a learner that resumes, a fresh critic). */
void packed_unpack(struct params *params, const struct packed_layout *layout,
                   const float *packed);

#endif
