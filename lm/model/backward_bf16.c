/* A product's backward in bfloat16: what is multiplied is rounded as forward rounds it, W is the weight
 * that is computed with, and the sums are in the order of R10 (docs/MATH.md §1): over the columns that
 * came out for dX, over the batch's tokens from its first for dW. W is read out of the image that forward
 * computed with, which holds no second copy; under an adapter that image is merged, and W is of the base,
 * some rows at a time: a chain of R10 takes up where it was left after any 32 of the depth. backward.c
 * calls it in the place of its products of f32; rounding passes slopes through as they are. */

#include "lm/model/backward.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 256 /* of a base, at a time */ };

/* Rows of W that dY has. */
static int rows_of(const struct backward_linear *linear)
{
    int rows = 0;

    for (int i = 0; i < linear->count; i++)
        rows += linear->weight[i].rows;
    return linear->rows ? linear->rows : rows;
}

/* Rows row.. [n, cols] of the matrix that the tensors make, of which each ends where it ends. */
static void take_rows(const struct lora *lora, const struct backward_linear *linear, int row,
                      int n, float *to)
{
    const struct tensor *t = linear->weight;

    for (; n; t++) {
        const int some = t->rows - row < n ? t->rows - row : n;

        if (row < t->rows) {
            const float *from = lora_base_rows(lora, t, row, some, to);

            if (from != to)
                memcpy(to, from, (size_t)some * (size_t)t->cols * sizeof *to);
            to += (size_t)some * (size_t)t->cols;
            n -= some;
        }
        row = row < t->rows ? 0 : row - t->rows;
    }
}

/* dX = dY W of columns at.. of dY. */
static struct product input(const struct backward *pass, const struct backward_linear *linear,
                            int at, int n)
{
    const int cols = linear->weight->cols;

    return (struct product){.c = linear->dx,
                            .ldc = (size_t)cols,
                            .a = linear->dy + at,
                            .lda = (size_t)rows_of(linear),
                            .ldb = (size_t)cols,
                            .m = linear->n,
                            .n = cols,
                            .k = n,
                            .bf16 = true,
                            .into = linear->joins || at ? PRODUCT_ON : PRODUCT_SET,
                            .scratch = pass->acts->product};
}

static void base_input(const struct backward *pass, const struct backward_linear *linear)
{
    const int all = rows_of(linear);
    float *const rows = mem_new((size_t)ROWS * (size_t)linear->weight->cols, sizeof *rows);

    for (int at = 0; at < all; at += ROWS) {
        const int n = all - at < ROWS ? all - at : ROWS;
        struct product dx = input(pass, linear, at, n);

        take_rows(pass->acts->lora, linear, linear->from + at, n, rows);
        dx.b = rows;
        product_run(&dx);
    }
    free(rows);
}

/* dX [n, cols] = dY [n, rows] W: chains over the rows. */
void backward_bf16_input(const struct backward *pass, const struct backward_linear *linear)
{
    const struct tensor *w = linear->weight;
    const struct lora *lora = pass->acts->lora;
    struct product dx = input(pass, linear, 0, rows_of(linear));

    if (lora && !lora_at(lora, w)->whole) {
        base_input(pass, linear);
        return;
    }
    dx.pairs = (const void *)model_weight(pass->model, w->part, w->layer);
    dx.from = linear->from;
    product_run(&dx);
}

/* dW [rows, cols] += dY^T X: a sum from +0 over the tokens, added to what is there. */
void backward_bf16_weight(const struct backward *pass, const struct backward_linear *linear,
                          float *dw)
{
    const int rows = rows_of(linear), cols = linear->weight->cols;

    product_run(&(struct product){.c = dw,
                                  .ldc = (size_t)cols,
                                  .a = linear->dy,
                                  .lda = (size_t)rows,
                                  .a_turned = true,
                                  .b = linear->x,
                                  .ldb = (size_t)cols,
                                  .m = rows,
                                  .n = cols,
                                  .k = linear->n,
                                  .bf16 = true,
                                  .into = PRODUCT_ADD,
                                  .scratch = pass->acts->product});
}
