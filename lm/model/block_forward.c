/* Walks a layer's list (block.h): one call of a kernel for each operation. forward.c does so
 * for decoding, prefill and scoring, train.c for training, and backward.c to make a value
 * again, so all of them have the same bits; what differs, where keys lie and what stays, came
 * in through struct block_pass. How weights are stored only model_product knows. */

#include "lm/model/block_forward.h"

#include "lm/model/lora_branch.h"

#include <assert.h>

/* What dropout changes in a product: each of the tensors side by side has its own columns of y.
 */
static void drop(const struct block_pass *pass, const struct block_op *op, int layer, float *y,
                 size_t ldy)
{
    const struct activations *t = pass->training;
    const struct tensor *w;

    if (!t || !t->lora || !t->drop.on)
        return;
    w = params_part(t->lora->base, op->weight, layer);
    for (int k = 0; k < op->count; y += w[k++].rows)
        lora_branch_forward(t, &w[k], pass->act[op->from], y, ldy);
}

static void linear(const struct block_pass *pass, const struct block_op *op, int layer)
{
    const struct model *m = pass->model;
    const int from = block_width(&m->shape, op->from), to = block_width(&m->shape, op->to);
    const float *bias = model_weight_if(m, op->bias, layer);
    float *y = pass->act[op->to];

    model_product(m, op->weight, layer, y, (size_t)to, pass->act[op->from], pass->n, to, from);
    drop(pass, op, layer, y, (size_t)to); /* an adapter's branch joins before the bias */
    if (bias)
        rows_bias(y, bias, pass->n, to);
}

static void head_norm(const struct block_pass *pass, const struct block_op *op, int layer,
                      float *factor)
{
    const struct model *m = pass->model;
    const struct rows_heads heads = model_heads(&m->shape);
    const struct rows_head_norm norm = {
        .kind = m->block->norm,
        .q_w = model_weight(m, op->weight, layer),
        .k_w = model_weight(m, op->weight + 1, layer),
        .eps = model_eps(&m->shape),
        .whole = m->block->whole_heads,
    };

    rows_head_norm(pass->act[op->to], factor, pass->act[op->from], pass->n, &heads, &norm);
}

/* Local layers may rotate by frequencies of their own, and some not at all. Here keys and values are
 * as all later rows see them: numbers of bfloat16 where matrices are. */
static void place(const struct block_pass *pass, const struct block_op *op, int layer)
{
    const struct rows_heads heads = model_heads(&pass->model->shape);
    const int own = model_angles_of(&pass->model->shape, layer);
    const bool turned = op->kind == OP_ROTATE && shape_rotates(&pass->model->shape, layer);

    rows_qkv(pass->act[op->to], turned ? pass->cos[own] : NULL, turned ? pass->sin[own] : NULL,
             pass->n, &heads);
    if (precision_halves(pass->model->shape.compute))
        rows_round_keys(pass->act[op->to], pass->n, &heads);
}

static void attend(const struct block_pass *pass, const struct block_op *op, int layer)
{
    const struct rows_heads heads = model_heads(&pass->model->shape);
    const struct key_view view = model_view(&pass->model->shape, layer);

    /* Rows see keys of other rows of this pass, too: all are put away before any looks. */
    pass->keys->put(pass->keys, layer, pass->act[op->from]);
    key_store_attend(pass->keys, &heads, &view, pass->act[op->from], pass->act[op->to]);
}

/* Onto the operand that lies where the sum shall be. */
static void add(const struct block_pass *pass, const struct block_op *op)
{
    const float *other =
        pass->act[op->from] == pass->act[op->to] ? pass->act[op->with] : pass->act[op->from];

    assert(pass->act[op->to] == pass->act[op->with] ||
           pass->act[op->to] == pass->act[op->from]);
    rows_add(pass->act[op->to], other, pass->n, pass->model->shape.width);
}

void block_forward_op(const struct block_pass *pass, int layer, int i)
{
    const struct block_op *op = &pass->model->block->op[i];

    switch (op->kind) {
    case OP_NORM: {
        const struct rows_norm norm = model_norm(pass->model, op->weight, op->bias, layer);

        rows_norm(pass->act[op->to], pass->factor[i], pass->act[op->from], pass->n, &norm);
        break;
    }
    case OP_LINEAR:
        linear(pass, op, layer);
        break;
    case OP_HEAD_NORM:
        head_norm(pass, op, layer, pass->factor[i]);
        break;
    case OP_ROTATE:
    case OP_SCALE:
        place(pass, op, layer);
        break;
    case OP_ATTEND:
        attend(pass, op, layer);
        break;
    case OP_GATE:
        rows_gate(pass->act[op->to], pass->act[op->from], pass->n, pass->model->shape.ffn,
                  block_gate(&pass->model->shape));
        break;
    case OP_ADD:
        add(pass, op);
        break;
    }
}

void block_forward(const struct block_pass *pass, int layer, int from, int to)
{
    for (int i = from; i < to; i++)
        block_forward_op(pass, layer, i);
}
