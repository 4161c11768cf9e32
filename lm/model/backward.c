/* Walks a layer's list in reverse. The stream's gradient is one buffer, acts->dx: an OP_ADD
 * hands it to its branch and to the stream as it stands, and the norm that a branch begins with
 * adds to it last, when the branch has read it. All other gradients, and the values that are
 * made once more instead of kept, lie in the scratch of the plan (block_plan.c), each written
 * before it is read. train.c calls backward_begin, backward_final, then backward_layer from the last layer to
 * the first, then backward_embed, after lm_head's own; the layer's kept activations must be
 * those of the last forward pass. */

#include "lm/model/backward.h"

#include "lm/kernel/grad.h"
#include "lm/kernel/grad_attention.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/product.h"
#include "lm/model/block_forward.h"
#include "lm/model/lora_branch.h"

#include <assert.h>
#include <string.h>

float *backward_grad(const struct backward *pass, const struct tensor *weight)
{
    const struct lora *lora = pass->acts->lora;
    /* Under an adapter the places are those of its own weights, and most weights have none. */
    const struct tensor *whole = lora ? lora_at(lora, weight)->whole : weight;

    return whole ? pass->grad + whole->at : NULL;
}

/* The weight as the forward pass has it, but for its pair, and what lies behind it. */
static const float *weight_of(const struct backward *pass, const struct tensor *weight,
                              int count)
{
    const struct lora *lora = pass->acts->lora;
    const struct tensor *whole = lora ? lora_at(lora, weight)->whole : NULL;

    if (whole)
        return lora->weights->data + whole->at;
    if (pass->params->data)
        return pass->params->data + weight->at;
    /* masters: what is not a matrix lies in the image as it is, and no matrix is asked for */
    return lora ? model_base_rows(pass->model, weight, count)
                : model_weight(pass->model, weight->part, weight->layer);
}

/* W of a product: rows of one weight alone, or all of some. */
static const float *rows_of(const struct backward *pass, const struct backward_linear *linear)
{
    const struct tensor *w = linear->weight;
    const struct lora *lora = pass->acts->lora;
    const bool packed = !pass->params->data && !(lora && lora_at(lora, w)->whole);

    if (!linear->rows)
        return weight_of(pass, w, linear->count);
    return packed ? model_base_some(pass->model, w, linear->from, linear->rows)
                  : weight_of(pass, w, 1) + (size_t)linear->from * (size_t)w->cols;
}

/* An adapter's half of a product's backward: its pair sees the same dy and x as the matrix that
 * it changes, of which it has the columns that are its own tensor's. Hands every pair of the
 * group its columns of dy: to its gradient, or to dX. */
static void pairs(const struct backward *pass, const struct backward_linear *linear,
                  size_t rows, bool back)
{
    const struct lora *lora = pass->acts->lora;
    const float *dy = linear->dy;

    for (int i = 0; lora && i < linear->count; dy += linear->weight[i++].rows) {
        const struct tensor *w = &linear->weight[i];

        if (!lora_at(lora, w)->a)
            continue;
        if (back)
            lora_branch_back(pass->acts, w, dy, rows, linear->n, linear->dx);
        else
            lora_branch_grad(pass->acts, w, dy, rows, linear->n, linear->x, pass->grad);
    }
}

void backward_linear(const struct backward *pass, const struct backward_linear *linear)
{
    const struct tensor *w = linear->weight;
    const size_t cols = (size_t)w->cols, before = (size_t)linear->from * cols;
    const bool bf16 = precision_halves(pass->acts->shape.compute);
    size_t rows = 0;

    for (int i = 0; i < linear->count; i++) { /* params keeps them together */
        assert(w[i].cols == w->cols && w[i].at == w->at + rows * cols);
        rows += (size_t)w[i].rows;
    }
    rows = linear->rows ? (size_t)linear->rows : rows;
    const struct product dx = {
        .c = linear->dx,
        .ldc = cols,
        .a = linear->dy,
        .lda = rows,
        .b = linear->dx && !bf16 ? rows_of(pass, linear) : NULL,
        .ldb = cols,
        .m = linear->n,
        .n = w->cols,
        .k = (int)rows,
        .into = linear->joins ? PRODUCT_ON : PRODUCT_SET,
        .scratch = pass->acts->product,
    };
    float *grad = backward_grad(pass, w);
    const struct product dw = {
        .c = grad ? grad + before : NULL,
        .ldc = cols,
        .a = linear->dy,
        .lda = rows,
        .a_turned = true,
        .b = linear->x,
        .ldb = cols,
        .m = (int)rows,
        .n = w->cols,
        .k = linear->n,
        .into = PRODUCT_ADD,
        .scratch = pass->acts->product,
    };
    if (linear->dx) {
        if (bf16)
            backward_bf16_input(pass, linear);
        else
            product_run(&dx);
        pairs(pass, linear, rows, true);
    }
    if (!linear->x)
        return;
    if (dw.c && bf16)
        backward_bf16_weight(pass, linear, dw.c);
    else if (dw.c)
        product_run(&dw);
    pairs(pass, linear, rows, false);
}

/* A walk over one layer. */
struct backward_walk {
    const struct backward *pass;
    int layer;
    struct block_pass again; /* forward once more: act[] are the values, kept or made again */
    float *slope[ACTS];      /* d loss / d act */
    const struct block_op *late; /* an OP_LINEAR whose weight waits for its input's value */
};

static const struct tensor *tensor_of(const struct backward_walk *w, enum part part)
{
    return params_part(w->pass->params, part, w->layer);
}

/* Runs once more the operations that make an activation. */
static void make_again(const struct backward_walk *w, enum block_act act)
{
    const struct block_list *block = w->pass->acts->block;

    for (int i = 0; i < block->n_ops; i++)
        if (block->op[i].to == act)
            block_forward_op(&w->again, w->layer, i);
}

static bool made_again(const struct backward_walk *w, enum block_act act, enum block_again how)
{
    const struct block_op *maker = block_maker(w->pass->acts->block, act);

    return maker && maker->again == how;
}

/* Halves of backward_linear: dX with dx, dW with x. */
static void linear(const struct backward_walk *w, const struct block_op *op, const float *x,
                   float *dx)
{
    const struct backward_linear job = {
        .weight = tensor_of(w, op->weight),
        .count = op->count,
        .n = w->pass->acts->n,
        .dy = w->slope[op->to],
        .x = x,
        .dx = dx,
        .joins = block_joins(w->pass->acts->block, op),
    };
    backward_linear(w->pass, &job);
}

/* The group's biases stand side by side, as its columns do. */
static void biases(const struct backward_walk *w, const struct block_op *op)
{
    const struct activations *t = w->pass->acts;
    const int width = block_width(&t->shape, op->to);

    for (int i = 0, at = 0; i < op->count; i++) {
        const struct tensor *b = tensor_of(w, op->bias + (enum part)i);
        float *grad;

        if (!b) /* this model has none of them */
            return;
        grad = backward_grad(w->pass, b);

        if (grad)
            grad_columns(grad, w->slope[op->to] + at, (size_t)width, t->n, b->cols);
        at += b->cols;
    }
}

static void back_linear(struct backward_walk *w, const struct block_op *op)
{
    if (op->bias != PARTS)
        biases(w, op);
    /* The weight needs the input. Where the maker's backward gives that, the weight waits for
     * it; the slope of what came out must live that long, and the plan knows. */
    if (made_again(w, op->from, AGAIN_BACKWARD)) {
        linear(w, op, NULL, w->slope[op->from]);
        w->late = op;
        return;
    }
    if (made_again(w, op->from, AGAIN_FORWARD))
        make_again(w, op->from);
    linear(w, op, w->again.act[op->from], w->slope[op->from]);
}

/* The gate's input slopes; its output comes once more where its own slope was. */
static void back_gate(struct backward_walk *w, const struct block_op *op)
{
    const struct activations *t = w->pass->acts;
    const struct block_op *late = w->late;

    assert(late && late->from == op->to);
    grad_gate(w->slope[op->to], w->slope[op->from], w->slope[op->to], w->again.act[op->from],
              t->n, t->shape.ffn, block_gate(&t->shape));
    linear(w, late, w->slope[op->to], NULL);
    w->late = NULL;
}

/* A layer's norm or the final one: the weight as the pass has it, its gradient if it learns. */
static void norm(const struct backward *pass, const struct grad_norm *job, enum part weight,
                 enum part bias, int layer)
{
    const struct tensor *tensor = params_part(pass->params, weight, layer);
    const struct tensor *b = bias == PARTS ? NULL : params_part(pass->params, bias, layer);
    const struct rows_norm norm = {.kind = pass->acts->block->norm,
                                   .w = tensor ? weight_of(pass, tensor, 1) : pass->model->one,
                                   .width = pass->acts->shape.width};
    struct grad_norm whole = *job;

    whole.dw = tensor ? backward_grad(pass, tensor) : NULL;
    whole.db = b ? backward_grad(pass, b) : NULL;
    grad_norm(&whole, &norm);
}

static void back_norm(const struct backward_walk *w, const struct block_op *op, int i)
{
    const struct activations *t = w->pass->acts;
    const struct grad_norm job = {
        .dx = w->slope[op->from],
        .dy = w->slope[op->to],
        .x = w->again.act[op->from],
        .factor = t->layer[w->layer].factor[i],
        .n = t->n,
    };

    if (!block_stream(t->block, op->from)) /* nobody else's slope is there to add to */
        memset(job.dx, 0, (size_t)t->n * (size_t)t->shape.width * sizeof *job.dx);
    norm(w->pass, &job, op->weight, op->bias, w->layer);
}

/* In place: slopes of q and k become those before the norm, v's stay as they are. */
static void back_head_norm(const struct backward_walk *w, const struct block_op *op, int i)
{
    const struct activations *t = w->pass->acts;
    const struct tensor *q = tensor_of(w, op->weight), *k = tensor_of(w, op->weight + 1);
    const struct rows_heads heads = model_heads(&t->shape);
    const struct grad_head_norm job = {
        .dqkv = w->slope[op->to],
        .dq_w = backward_grad(w->pass, q),
        .dk_w = backward_grad(w->pass, k),
        .raw = w->again.act[op->from],
        .factor = t->layer[w->layer].factor[i],
        .n = t->n,
    };
    const struct rows_head_norm norm = {
        .kind = t->block->norm,
        .q_w = weight_of(w->pass, q, 1),
        .k_w = weight_of(w->pass, k, 1),
        .whole = t->block->whole_heads,
    };

    grad_head_norm(&job, &heads, &norm);
}

/* The store's scratch is large enough for both directions (activations.c: scratch_floats). Keys
 * are read from qkv itself, not from the blocks that forward made of them. */
static void back_attend(const struct backward_walk *w, const struct block_op *op)
{
    const struct activations *t = w->pass->acts;
    const struct key_view view = model_view(&t->shape, w->layer);
    const struct grad_attention job = {
        .qkv = w->again.act[op->from],
        .out = w->again.act[op->to],
        .dout = w->slope[op->to],
        .dqkv = w->slope[op->from],
        .seq = t->batch->seq,
        .n_seq = t->batch->n_seq,
        .n_prefix = t->batch->n_prefix,
        .heads = model_heads(&t->shape),
        .window = view.window,
        .cap = view.cap,
        .scratch = t->keys.scratch,
        .threads = t->threads,
    };

    if (made_again(w, op->from, AGAIN_FORWARD))
        make_again(w, op->from);
    grad_attention(&job);
}

/* Back through rotation and the queries' scale, in place: both are linear in the slope. */
static void back_place(const struct backward_walk *w, const struct block_op *op)
{
    const struct activations *t = w->pass->acts;
    const struct rows_heads heads = model_heads(&t->shape);
    const int own = model_angles_of(&t->shape, w->layer);
    const bool turned = op->kind == OP_ROTATE && shape_rotates(&t->shape, w->layer);

    grad_qkv(w->slope[op->to], turned ? t->cos[own] : NULL, turned ? t->sin[own] : NULL, t->n,
             &heads);
}

static void back(struct backward_walk *w, int i)
{
    const struct block_op *op = &w->pass->acts->block->op[i];

    switch (op->kind) {
    case OP_NORM:
        back_norm(w, op, i);
        break;
    case OP_LINEAR:
        back_linear(w, op);
        break;
    case OP_HEAD_NORM:
        back_head_norm(w, op, i);
        break;
    case OP_ROTATE:
    case OP_SCALE:
        back_place(w, op);
        break;
    case OP_ATTEND:
        back_attend(w, op);
        break;
    case OP_GATE:
        back_gate(w, op);
        break;
    case OP_ADD: /* one buffer for all three */
        break;
    }
}

/* Values and slopes of a layer where the plan has them. */
static void place(struct backward_walk *w)
{
    const struct activations *t = w->pass->acts;
    const size_t n = (size_t)t->n;

    for (int a = 0; a < ACTS; a++) {
        const size_t value = t->plan.value.at[a], slope = t->plan.slope.at[a];

        w->again.act[a] =
            value == BLOCK_NOWHERE ? t->layer[w->layer].act[a] : t->wide + n * value;
        w->slope[a] = slope == BLOCK_NOWHERE ? t->dx : t->wide + n * slope;
    }
}

/* What the layer did not keep, from its input. Its last operations may write where the next
 * layer's input was: nobody reads that any more. */
static void compute_again(struct backward_walk *w)
{
    const struct activations *t = w->pass->acts;

    activations_place(t, w->layer, w->again.act);
    for (int i = 0; i < t->block->n_ops; i++)
        w->again.factor[i] = t->layer[w->layer].factor[i];
    w->again.training = t; /* with its dropout, or other values would come out */
    block_forward(&w->again, w->layer, 0, t->plan.remake);
    w->again.training = NULL;
    memset(w->again.factor, 0, sizeof w->again.factor); /* what is made again now, has them */
}

/* To +0, by all threads. */
static void clear(float *grad, size_t from, size_t to)
{
    const size_t each = (size_t)1 << 16;

#pragma omp parallel for schedule(static) if (to - from > each)
    for (size_t at = from; at < to; at += each)
        memset(grad + at, 0, (to - at < each ? to - at : each) * sizeof *grad);
}

/* Gradients of layers wait for their layer's turn: till then activations may lie there. */
void backward_begin(const struct backward *pass)
{
    const struct activations *t = pass->acts;
    const struct activations_gradient *g = &t->gradient;

    if (!t->options.alone)
        return;
    assert(!t->lora);
    clear(pass->grad, 0, g->first);
    clear(pass->grad, g->first + (size_t)t->shape.layers * g->each, pass->params->count);
}

/* In reverse; what was not kept comes first, while dx is still the next layer's. */
void backward_layer(const struct backward *pass, int layer)
{
    struct activations *t = pass->acts;
    const size_t from = t->gradient.first + (size_t)layer * t->gradient.each;
    struct backward_walk w = {
        .pass = pass,
        .layer = layer,
        .again = {.model = pass->model,
                  .n = t->n,
                  .cos = {t->cos[0], t->cos[1]},
                  .sin = {t->sin[0], t->sin[1]},
                  .keys = &t->keys},
    };

    if (layer < t->again)
        compute_again(&w);
    clear(pass->grad, from,
          from + t->gradient.each); /* now: the next layer's input may lie there */
    place(&w);
    for (int i = t->block->n_ops - 1; i >= 0; i--)
        back(&w, i);
}

void backward_final(const struct backward *pass)
{
    struct activations *t = pass->acts;
    const struct grad_norm job = {
        .dx = t->dx, .dy = t->dh, .x = t->out, .factor = t->factor, .n = t->n};

    memset(t->dx, 0, (size_t)t->n * (size_t)t->shape.width * sizeof *t->dx);
    norm(pass, &job, PART_NORM_FINAL, t->block->final_bias, -1);
}

/* A fixed token (a padding row that must not learn) gets no slope. */
void backward_embed(const struct backward *pass)
{
    const struct activations *t = pass->acts;
    const struct tensor *embed = params_part(pass->params, PART_EMBED, -1);
    const struct tensor *positions = params_part(pass->params, PART_POSITION, -1);
    const size_t width = (size_t)t->shape.width;
    const float by = model_embed_scale(&t->shape);
    float *grad = positions ? backward_grad(pass, positions) : NULL;

    if (grad) /* positions first: the embedding's slopes are changed below */
        grad_embed(grad + (size_t)part_first_position(&t->shape) * width, t->dx, t->pos, t->n,
                   t->shape.width);
    grad = backward_grad(pass, embed);
    if (!grad)
        return;
    for (int i = 0; i < t->n; i++)
        if (t->batch->token[i] == t->fixed)
            memset(t->dx + (size_t)i * width, 0, width * sizeof *t->dx);
        else if (by != 1.0f)
            isa_current()->scale(t->dx + (size_t)i * width, by, t->shape.width);
    grad_embed(grad, t->dx, t->batch->token, t->n, t->shape.width);
}
