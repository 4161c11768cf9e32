/* params: the weights a learner owns: named f32 tensors in one block.
 *
 * Names are Hugging Face's ("model.layers.0.self_attn.q_proj.weight"); matrices are [out, in]
 * row-major, also those that files hold the other way round. Gradients and moments of float32 are blocks of
 * `count` floats with the same offsets. Whose compute weights are a part of them already (masters.h) has
 * no block of them: their rows are made as they are asked for. */

#ifndef LM_MODEL_PARAMS_H
#define LM_MODEL_PARAMS_H

#include "base/hash.h"
#include "lm/model/part.h"

#include <stddef.h>
#include <stdint.h>

struct tensor {
    char name[80];
    const struct part_row *row; /* what is known of it; part is row->part */
    enum part part;
    int layer;      /* -1 for what stands once */
    int rows, cols; /* a vector has rows 1 */
    size_t at;      /* offset in floats from params.data */
    bool decay;     /* weight decay applies: not to norms and biases */
};

/* Where rows of weights come from that lie in no block of floats; several threads take some at once. */
struct params_source {
    const void *self; /* borrowed */
    void (*take)(const void *self, const struct tensor *tensor, int row, int n, float *to);
};

struct params {
    struct shape shape;
    int n;
    struct tensor *tensor; /* [n] in the order of the forward pass */
    size_t count;          /* floats in all */
    float *data;           /* [count], aligned to 64; NULL: an outline, or `source` has them */
    struct params_source source;
};

/* All zeros. Errors: ERR_RANGE (shape_check), ERR_NOMEM. */
enum err params_new(struct params **out, const struct shape *shape) MUST_CHECK;
/* The same without data: names, places and the count. Errors: ERR_RANGE. */
enum err params_outline(struct params **out, const struct shape *shape) MUST_CHECK;
void params_free(struct params *params);

/* N(0, init_std) for matrices, what multiplies by 1 for norms, 0 for biases; a scalar head is N(0, init_std), or
 * zero with zero_head (a fresh critic). The same bits for the same seed on every machine. */
void params_init(struct params *params, uint64_t seed, bool zero_head);

/* The same of one weight, into data [rows, cols]. */
void params_init_one(float *data, const struct tensor *tensor, const struct shape *shape,
                     uint64_t seed, bool zero_head);

/* NULL if the model has no such weight. */
const struct tensor *params_part(const struct params *params, enum part part, int layer);
const struct tensor *params_name(const struct params *params, const char *name);

/* Rows row..row+n-1 of one: where they lie, or put into room [n, cols]. Not of an outline. */
const float *params_rows(const struct params *params, const struct tensor *tensor, int row,
                         int n, float *room);
/* Rows of it that are looked at together: some thousand floats, at least one row. */
int params_some(const struct tensor *tensor);

/* Whether Hugging Face's files hold some of its matrices as [in, out]. */
bool params_turned(const struct params *params);

/* A part of every layer that has it is 0 from now on. */
void params_clear(struct params *params, enum part part);

/* The same trunk under another head: reward model from a policy, critic from a reward model.
 * The new head is initialised as in params_init. Errors: ERR_RANGE, ERR_NOMEM. */
enum err params_reheaded(struct params **out, const struct params *from, enum head head,
                         uint64_t seed, bool zero_head) MUST_CHECK;

/* order [params->n] out: the tensors by their names. */
void params_order(const struct params *params, const struct tensor **order);

/* data [n, cols], rows row.. of a weight, becomes what a model of this compute has of them: of a matrix
 * numbers of bfloat16 (master.h), or themselves. _all: of every weight. */
void params_round(float *data, const struct tensor *tensor, int row, int n,
                  enum precision compute);
void params_round_all(struct params *params);

/* The weights hash: SHA-256 over the f32 bytes of the tensors in name order. */
struct hash params_hash(const struct params *params);

#endif
