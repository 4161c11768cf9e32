/* A product's backward in bfloat16: what is multiplied is rounded as forward rounds it, W is the weight
 * that is computed with, and the sums are in the order of R10 (docs/MATH.md §1): over the columns that
 * came out for dX, over the batch's tokens from its first for dW.
 *
 * Both are gemm_bf16's products, of panels made here, some rows at a time: a chain of R10 takes up where
 * it was left after any 32 of the depth, so what a block of W gives is added to what those before it gave.
 * backward.c calls it in the place of its products of f32; rounding passes slopes through as they are. */

#include "lm/model/backward.h"

#include "base/mem.h"
#include "lm/kernel/bf16.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/share.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 256 /* of W, or of its gradient, at a time */, BLOCK = 32 };

/* to [cols, rows] = from [rows, cols], row strides ldt and ldf. */
static void turn(float *to, size_t ldt, const float *from, size_t ldf, int rows, int cols)
{
#pragma omp parallel for schedule(static) if (share_worth(4 * (size_t)rows * (size_t)cols))
    for (int c0 = 0; c0 < cols; c0 += BLOCK)
        for (int r0 = 0; r0 < rows; r0 += BLOCK) {
            const int c1 = cols - c0 < BLOCK ? cols : c0 + BLOCK;
            const int r1 = rows - r0 < BLOCK ? rows : r0 + BLOCK;

            for (int c = c0; c < c1; c++)
                for (int r = r0; r < r1; r++)
                    to[(size_t)c * ldt + (size_t)r] = from[(size_t)r * ldf + (size_t)c];
        }
}

/* The pairs of a matrix [n, k] of numbers of bfloat16. */
static void pack(uint16_t *pairs, const float *w, int n, int k)
{
    memset(pairs, 0, pairs_size(n, k) * sizeof *pairs);
    pairs_pack(pairs, 0, w, (size_t)k, n, k);
}

/* Rows of the weight as it is computed with; of an adapter's base, whose pair adds its own. */
static const float *weight_rows(const struct backward *pass, const struct tensor *t, int row,
                                int n, float *room)
{
    const struct lora *lora = pass->acts->lora;

    if (lora && !lora_at(lora, t)->whole)
        return lora_base_rows(lora, t, row, n, room);
    packed_take(room, pass->model->layout, t, row, n, pass->model->weights);
    return room;
}

/* Rows of W that dY has. */
static int rows_of(const struct backward_linear *linear)
{
    int rows = 0;

    for (int i = 0; i < linear->count; i++)
        rows += linear->weight[i].rows;
    return linear->rows ? linear->rows : rows;
}

/* Rows row.. [n, cols] of the matrix that the tensors make, of which each ends where it ends. */
static void take_rows(const struct backward *pass, const struct backward_linear *linear,
                      int row, int n, float *to)
{
    const struct tensor *t = linear->weight;

    for (; n; t++) {
        const int some = t->rows - row < n ? t->rows - row : n;

        if (row < t->rows) {
            const float *from = weight_rows(pass, t, row, some, to);

            if (from != to)
                memcpy(to, from, (size_t)some * (size_t)t->cols * sizeof *to);
            to += (size_t)some * (size_t)t->cols;
            n -= some;
        }
        row = row < t->rows ? 0 : row - t->rows;
    }
}

/* dX [n, cols] = dY [n, rows] W: chains over the rows, which come block after block. */
void backward_bf16_input(const struct backward *pass, const struct backward_linear *linear)
{
    const int cols = linear->weight->cols, all = rows_of(linear);
    const size_t most = (size_t)ROWS * (size_t)cols;
    float *const rows = mem_new(2 * most, sizeof *rows), *const turned = rows + most;
    uint16_t *const pairs = mem_new(pairs_size(cols, ROWS), sizeof *pairs);

    for (int at = 0; at < all; at += ROWS) {
        const int n = all - at < ROWS ? all - at : ROWS;

        take_rows(pass, linear, linear->from + at, n, rows);
        turn(turned, (size_t)n, rows, (size_t)cols, n, cols);
        pack(pairs, turned, cols, n);
        gemm_bf16(linear->dx, (size_t)cols, linear->dy + at, (size_t)all, pairs, linear->n,
                  cols, n, linear->joins || at > 0);
    }
    free(pairs);
    free(rows);
}

/* dW [rows, cols] += dY^T X: a sum from +0 over the tokens, added to what is there. */
void backward_bf16_weight(const struct backward_linear *linear, float *dw)
{
    const int cols = linear->weight->cols, n = linear->n;
    const size_t wide = (size_t)n * (size_t)cols;
    float *const turned = mem_new(wide + (size_t)ROWS * (size_t)(n + cols), sizeof *turned);
    float *const dy = turned + wide, *const sum = dy + (size_t)ROWS * (size_t)n;
    uint16_t *const pairs = mem_new(pairs_size(cols, n), sizeof *pairs);
    const int rows = rows_of(linear);

    turn(turned, (size_t)n, linear->x, (size_t)cols, n, cols);
    bf16_round_all(turned, turned, wide);
    pack(pairs, turned, cols, n);
    for (int row = 0; row < rows; row += ROWS) {
        const int some = rows - row < ROWS ? rows - row : ROWS;
        const size_t count = (size_t)some * (size_t)cols;
        float *const to = dw + (size_t)row * (size_t)cols;

        turn(dy, (size_t)n, linear->dy + row, (size_t)rows, n, some);
        gemm_bf16(sum, (size_t)cols, dy, (size_t)n, pairs, some, cols, n, false);
#pragma omp parallel for simd schedule(static) if (share_worth(count))
        for (size_t i = 0; i < count; i++)
            to[i] += sum[i];
    }
    free(pairs);
    free(turned);
}
