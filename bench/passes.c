/* Walks the list of operations of a layer (block.h) and runs what is a product, as block_forward and backward do, on
 * operands of zeros in one room: products take as long of any numbers. The head goes by pieces, as it does there: logits of
 * a few rows at a time, gradients of some rows of the matrix. */

#include "bench/passes.h"

#include "base/clock.h"
#include "base/mem.h"
#include "lm/kernel/int8.h"
#include "lm/kernel/product.h"

#include <stdlib.h>

/* Rows of logits that exist at once, and rows of the head's matrix whose gradient is made at once. */
enum { HEAD_ROWS = 128, HEAD_TOKENS = 4096 };

struct passes_room {
    float *x, *y, *w; /* [rows, widest], a matrix [widest out, widest in] */
    struct product_scratch scratch;
};

/* The columns that go in and come out of op i; false: it is no product. */
/* A list holds few products: their sizes are asked of the shape each time, as block_forward does. */
static bool sizes(const struct model *model, int i, int *in, int *out)
{
    const struct block_op *op = &model->block->op[i];

    *in = block_width(&model->shape, op->from);
    *out = block_width(&model->shape, op->to);
    return op->kind == OP_LINEAR;
}

/* A value of a matrix, as it lies. */
static double bytes_each(const struct model *model, enum part part, int layer)
{
    const bool whole = model->beside && packed_has(model->beside, part, layer);
    const enum packed_store store =
        whole ? PACKED_INT8 : model->layout->spot[layer + 1][part].store;

    return store == PACKED_F32     ? 4
           : store == PACKED_PAIRS ? 2
                                   : (double)INT8_BLOCK / (INT8_PANEL * INT8_GROUP);
}

/* Norms, biases, rotations are a thousandth of it and are not counted; what is read as a row of the embedding is no product. */
struct passes passes_of(const struct model *model, int rows, int head_rows)
{
    const struct shape *shape = &model->shape;
    const double head = shape->head == HEAD_LM ? (double)shape->vocab * shape->width : 0;
    double layer = 0, bytes = 0;
    int in, out;

    for (int i = 0; i < model->block->n_ops; i++)
        if (sizes(model, i, &in, &out)) {
            layer += (double)in * out;
            bytes += (double)in * out * bytes_each(model, model->block->op[i].weight, 0);
        }
    return (struct passes){2 * (layer * shape->layers * rows + head * head_rows),
                           bytes * shape->layers + head * bytes_each(model, PART_HEAD, -1)};
}

/* Scores and mixed values: each key and each value of a head once for a query, a multiplication and an addition. */
double passes_attention(const struct model *model, int rows, double seen)
{
    const struct shape *shape = &model->shape;

    return 4.0 * shape->layers * shape->heads * shape->head_dim * rows * seen;
}

/* The widest of what goes in or comes out, the largest matrix, the deepest sum: one room for all of them. */
enum err passes_room_new(struct passes_room **room, const struct subject *subject, int rows)
{
    const struct model *model = subject->model;
    const size_t n = (size_t)rows, vocab = (size_t)model->shape.vocab;
    size_t widest = HEAD_TOKENS, matrix = (size_t)HEAD_TOKENS * (size_t)model->shape.width;
    int deepest = rows > HEAD_TOKENS ? rows : HEAD_TOKENS, in, out;
    struct passes_room *r = *room = mem_new(1, sizeof *r);
    enum err err;

    for (int i = 0; i < model->block->n_ops; i++)
        if (sizes(model, i, &in, &out)) {
            const int most = in > out ? in : out;

            widest = (size_t)most > widest ? (size_t)most : widest;
            matrix = (size_t)in * (size_t)out > matrix ? (size_t)in * (size_t)out : matrix;
            deepest = most > deepest ? most : deepest;
        }
    r->scratch.floats = product_room((int)widest, deepest);
    err = mem_big(&r->x, n * widest, sizeof *r->x, "operands");
    if (!err) /* logits of a few rows, too */
        err = mem_big(&r->y, n * widest > HEAD_ROWS * vocab ? n * widest : HEAD_ROWS * vocab,
                      sizeof *r->y, "products");
    if (!err)
        err = mem_big(&r->w, matrix, sizeof *r->w, "a matrix");
    if (!err)
        err = mem_big(&r->scratch.at, r->scratch.floats, sizeof(float), "scratch");
    if (err) {
        passes_room_free(r);
        *room = NULL;
    }
    return err;
}

void passes_room_free(struct passes_room *room)
{
    if (!room)
        return;
    free(room->x);
    free(room->y);
    free(room->w);
    free(room->scratch.at);
    free(room);
}

/* In the order of a pass, so that each matrix comes from memory as it does there. */
double passes_forward(struct passes_room *room, const struct subject *subject, int rows,
                      int head_rows)
{
    const struct model *model = subject->model;
    const int64_t start = clock_mono_ns();
    int in, out;

    for (int layer = 0; layer < model->shape.layers; layer++)
        for (int i = 0; i < model->block->n_ops; i++)
            if (sizes(model, i, &in, &out))
                model_product(model, model->block->op[i].weight, layer, room->y, (size_t)out,
                              room->x, rows, out, in);
    for (int at = 0; model->shape.head == HEAD_LM && at < head_rows; at += HEAD_ROWS)
        model_logits(model, room->y, (size_t)model->shape.vocab, room->x,
                     head_rows - at < HEAD_ROWS ? head_rows - at : HEAD_ROWS);
    return (double)(clock_mono_ns() - start) * 1e-9;
}

/* dX = dY W, dW += dY^T X of W [out, in], which `pairs` hold from row `from` on in bfloat16. */
static void back(struct passes_room *room, const uint16_t *pairs, int from, int rows, int out,
                 int in)
{
    const bool bf16 = pairs != NULL;

    product_run(&(struct product){.c = room->x,
                                  .ldc = (size_t)in,
                                  .a = room->y,
                                  .lda = (size_t)out,
                                  .b = bf16 ? NULL : room->w,
                                  .ldb = (size_t)in,
                                  .m = rows,
                                  .n = in,
                                  .k = out,
                                  .bf16 = bf16,
                                  .pairs = pairs,
                                  .from = from,
                                  .scratch = room->scratch});
    product_run(&(struct product){.c = room->w,
                                  .ldc = (size_t)in,
                                  .a = room->y,
                                  .lda = (size_t)out,
                                  .a_turned = true,
                                  .b = room->x,
                                  .ldb = (size_t)in,
                                  .m = out,
                                  .n = in,
                                  .k = rows,
                                  .bf16 = bf16,
                                  .into = PRODUCT_ADD,
                                  .scratch = room->scratch});
}

/* f32 reads W of params, which training has beside the image; the room's stands for it. bfloat16 reads the image. */
double passes_backward(struct passes_room *room, const struct subject *subject, int rows,
                       int head_rows)
{
    const struct model *model = subject->model;
    const struct shape *shape = &model->shape;
    const bool f32 = shape->compute == PRECISION_FLOAT32;
    const int64_t start = clock_mono_ns();
    int in, out;

    for (int layer = 0; layer < shape->layers; layer++)
        for (int i = 0; i < model->block->n_ops; i++)
            if (sizes(model, i, &in, &out))
                back(room,
                     f32 ? NULL
                         : (const void *)model_weight(model, model->block->op[i].weight, layer),
                     0, rows, out, in);
    /* dX of the head grows piece by piece, dW has each of its rows once */
    for (int at = 0; shape->head == HEAD_LM && head_rows && at < shape->vocab;
         at += HEAD_TOKENS)
        back(room,
             f32 ? NULL
                 : (const void *)model_weight(model, shape->tied ? PART_EMBED : PART_HEAD, -1),
             at, head_rows, shape->vocab - at < HEAD_TOKENS ? shape->vocab - at : HEAD_TOKENS,
             shape->width);
    return (double)(clock_mono_ns() - start) * 1e-9;
}
