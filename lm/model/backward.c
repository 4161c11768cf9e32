#include "lm/model/backward.h"

#include "lm/kernel/blas.h"
#include "lm/kernel/grad.h"
#include "lm/kernel/grad_attention.h"
#include "lm/model/lora_branch.h"

#include <assert.h>
#include <string.h>

float *backward_grad(const struct backward *pass, const struct tensor *weight)
{
    const struct lora *lora = pass->acts->lora;
    const struct tensor *whole = lora ? lora_at(lora, weight)->whole : weight;

    return whole ? pass->grad + whole->at : NULL;
}

/* The weight as the forward pass has it, but for its pair. */
static const float *weight_of(const struct backward *pass, const struct tensor *weight)
{
    const struct lora *lora = pass->acts->lora;
    const struct tensor *whole = lora ? lora_at(lora, weight)->whole : NULL;

    return whole ? lora->weights->data + whole->at : pass->params->data + weight->at;
}

/* Hands every pair of the group its columns of dy: to its gradient, or to dX. */
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
    const size_t cols = (size_t)w->cols;
    size_t rows = 0;

    for (int i = 0; i < linear->count; i++) { /* params keeps them together */
        assert(w[i].cols == w->cols && w[i].at == w->at + rows * cols);
        rows += (size_t)w[i].rows;
    }
    const struct blas_product dx = {
        .c = linear->dx,
        .ldc = cols,
        .a = linear->dy,
        .lda = rows,
        .b = weight_of(pass, w),
        .ldb = cols,
        .m = linear->n,
        .n = w->cols,
        .k = (int)rows,
        .portable = pass->acts->options.portable,
    };
    const struct blas_product dw = {
        .c = backward_grad(pass, w),
        .ldc = cols,
        .a = linear->dy,
        .lda = rows,
        .a_turned = true,
        .b = linear->x,
        .ldb = cols,
        .m = (int)rows,
        .n = w->cols,
        .k = linear->n,
        .add = true,
        .portable = pass->acts->options.portable,
    };
    if (linear->dx) {
        blas_product(&dx);
        pairs(pass, linear, rows, true);
    }
    if (dw.c)
        blas_product(&dw);
    pairs(pass, linear, rows, false);
}

static void linear(const struct backward *pass, enum part part, int layer, int count,
                   const float *dy, const float *x, float *dx)
{
    const struct backward_linear job = {
        .weight = params_part(pass->params, part, layer),
        .count = count,
        .n = pass->acts->n,
        .dy = dy,
        .x = x,
        .dx = dx,
    };
    backward_linear(pass, &job);
}

static void norm(const struct backward *pass, enum part part, int layer, const float *dy,
                 const float *x, const float *rms)
{
    const struct tensor *w = params_part(pass->params, part, layer);

    grad_norm(pass->acts->dx, backward_grad(pass, w), dy, x, rms, weight_of(pass, w),
              pass->acts->n, pass->acts->shape.width);
}

/* The norm's output once more: the next matrix needs it. */
static void again(const struct backward *pass, size_t weight, const float *x)
{
    const struct activations *t = pass->acts;

    rows_norm(t->norm, NULL, x, pass->model->image + weight, t->n, t->shape.width,
              t->shape.norm_eps);
}

static void mlp(const struct backward *pass, int layer)
{
    struct activations *t = pass->acts;
    const struct activations_layer *l = &t->layer[layer];
    const int ffn = t->shape.ffn;
    float *act = t->wide, *dgu = t->wide + (size_t)t->n * (size_t)ffn;
    const struct tensor *down = params_part(pass->params, PART_DOWN, layer);
    const struct blas_product dact = {
        .c = act,
        .ldc = (size_t)ffn,
        .a = t->dx,
        .lda = (size_t)t->shape.width,
        .b = pass->params->data + down->at,
        .ldb = (size_t)ffn,
        .m = t->n,
        .n = ffn,
        .k = t->shape.width,
        .portable = t->options.portable,
    };

    blas_product(&dact);
    if (t->lora && lora_at(t->lora, down)->a)
        lora_branch_back(t, down, t->dx, (size_t)t->shape.width, t->n, act);
    grad_silu(act, dgu, act, l->gate_up, t->n, ffn);
    linear(pass, PART_DOWN, layer, 1, t->dx, act, NULL);
    again(pass, packed_at(pass->model->layout, PART_NORM_MLP, layer), l->middle);
    linear(pass, PART_GATE, layer, 2, dgu, t->norm, t->dh);
    norm(pass, PART_NORM_MLP, layer, t->dh, l->middle, l->rms[1]);
}

static void biases(const struct backward *pass, int layer, const float *dqkv)
{
    static const enum part parts[] = {PART_Q_BIAS, PART_K_BIAS, PART_V_BIAS};
    const size_t width = (size_t)model_qkv(&pass->acts->shape);

    for (size_t i = 0, at = 0; i < sizeof parts / sizeof *parts; i++) {
        const struct tensor *b = params_part(pass->params, parts[i], layer);
        float *grad = backward_grad(pass, b);

        if (grad)
            grad_columns(grad, dqkv + at, width, pass->acts->n, b->cols);
        at += (size_t)b->cols;
    }
}

static void attention(const struct backward *pass, int layer)
{
    struct activations *t = pass->acts;
    const struct shape *s = &t->shape;
    const struct activations_layer *l = &t->layer[layer];
    float *dqkv = t->wide, *dout = dqkv + (size_t)t->n * (size_t)model_qkv(s);
    const struct grad_attention job = {
        .qkv = l->qkv,
        .out = l->attended,
        .dout = dout,
        .dqkv = dqkv,
        .seq = t->batch->seq,
        .n_seq = t->batch->n_seq,
        .stem = t->batch->n_prefix,
        .heads = activations_heads(t),
        .scratch = t->scratch,
        .threads = t->threads,
        .portable = t->options.portable,
    };

    linear(pass, PART_O, layer, 1, t->dx, l->attended, dout);
    grad_attention(&job);
    grad_qkv(dqkv, t->cos, t->sin, t->n, &job.heads);
    if (s->family == FAMILY_QWEN2)
        biases(pass, layer, dqkv);
    again(pass, packed_at(pass->model->layout, PART_NORM_ATTN, layer), l->in);
    linear(pass, PART_Q, layer, 3, dqkv, t->norm, t->dh);
    norm(pass, PART_NORM_ATTN, layer, t->dh, l->in, l->rms[0]);
}

void backward_layer(const struct backward *pass, int layer)
{
    if (layer < pass->acts->again)
        activations_layer(pass->acts, pass->model, layer, NULL);
    mlp(pass, layer);
    attention(pass, layer);
}

void backward_final(const struct backward *pass)
{
    struct activations *t = pass->acts;

    memset(t->dx, 0, (size_t)t->n * (size_t)t->shape.width * sizeof *t->dx);
    norm(pass, PART_NORM_FINAL, -1, t->dh, t->out, t->rms);
}

void backward_embed(const struct backward *pass)
{
    const struct activations *t = pass->acts;
    const struct tensor *embed = params_part(pass->params, PART_EMBED, -1);
    const size_t width = (size_t)t->shape.width;
    float *grad = t->embed ? t->embed : backward_grad(pass, embed);

    if (!grad)
        return;
    for (int i = 0; i < t->n; i++)
        if (t->batch->token[i] == t->fixed)
            memset(t->dx + (size_t)i * width, 0, width * sizeof *t->dx);
    grad_embed(grad, t->dx, t->batch->token, t->n, t->shape.width);
}
