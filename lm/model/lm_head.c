/* Only rows whose next token is asked for meet the vocabulary, and logits of a chunk of rows
 * exist at a time: forward reads from them what train.h gives out, backward makes them again,
 * turns them into their gradient in place, and spends that in two products. The scalar heads
 * have nothing to save on. train.c calls forward after the final norm, and backward first of
 * all. */

#include "lm/model/lm_head.h"

#include "base/mem.h"
#include "lm/kernel/grad.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/softmax.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Which token is asked for, or (not `all`) has a gradient. */
static bool asked(const struct activations *t, int i, const float *dlogprob,
                  const float *dentropy, bool all)
{
    if (t->batch->wanted && !t->batch->wanted[i])
        return false;
    return all || (dlogprob && dlogprob[i] != 0.0f) || (dentropy && dentropy[i] != 0.0f) ||
           (t->mean_slope && t->mean_slope[i] != 0.0f);
}

/* A row of the hidden states predicts the next token of its sequence, and the last row of a
 * prefix the first token of what goes on from it. Rows and their tokens into acts->head_row and
 * head_to; how many. */
static int list_rows(struct activations *t, const float *dlogprob, const float *dentropy,
                     bool all)
{
    int n = 0, trunk = 0;

    for (int s = 0; s < t->batch->n_seq; s++) {
        const int first = t->batch->seq[s], prefix = activations_prefix(t, s);

        trunk = prefix ? trunk : first;
        for (int i = prefix ? first : first + 1; i < t->batch->seq[s + 1]; i++) {
            if (!asked(t, i, dlogprob, dentropy, all))
                continue;
            t->head_row[n] = i > first ? i - 1 : trunk + prefix - 1;
            t->head_to[n++] = i;
        }
    }
    return n;
}

/* In sixteen lanes, as every long sum here. */
static float mean_of(const float *x, int n)
{
    float lane[16] = {0}, sum = 0;
    int i = 0;

    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++)
            lane[k] += x[i + k];
    for (; i < n; i++)
        lane[i % 16] += x[i];
    for (int k = 0; k < 16; k++)
        sum += lane[k];
    return sum / (float)n;
}

/* The rows that are asked for stand anywhere in the batch: they are gathered first. */
static void make_logits(struct activations *t, const struct model *model, const int *row, int n)
{
    const size_t width = (size_t)t->shape.width;

    for (int i = 0; i < n; i++)
        memcpy(t->head_in + (size_t)i * width, t->hidden + (size_t)row[i] * width,
               width * sizeof *t->head_in);
    model_logits(model, t->logits, (size_t)t->shape.vocab, t->head_in, n);
}

/* What is not asked for stays 0: a prompt's tokens, a sequence's first. */
void lm_head_forward(struct activations *t, const struct model *model, float *logprob,
                     float *entropy)
{
    const float rate = softmax_rate(t->temperature);
    const int rows = list_rows(t, NULL, NULL, true), vocab = t->shape.vocab;

    memset(t->hit, 0, (size_t)t->n);
    memset(t->square, 0, (size_t)t->n * sizeof *t->square);
    memset(t->mean_logit, 0, (size_t)t->n * sizeof *t->mean_logit);
    memset(t->mean_logprob, 0, (size_t)t->n * sizeof *t->mean_logprob);
    if (logprob)
        memset(logprob, 0, (size_t)t->n * sizeof *logprob);
    if (entropy)
        memset(entropy, 0, (size_t)t->n * sizeof *entropy);
    for (int at = 0; at < rows; at += t->head_rows) {
        const int n = rows - at < t->head_rows ? rows - at : t->head_rows;

        make_logits(t, model, t->head_row + at, n);
#pragma omp parallel for schedule(dynamic)
        for (int i = 0; i < n; i++) {
            const float *logit = t->logits + (size_t)i * (size_t)vocab;
            const int to = t->head_to[at + i];
            const float chosen = logit[t->batch->token[to]];
            struct softmax row;

            softmax_row(&row, logit, vocab, rate);
            t->hit[to] = chosen * rate >= row.max;
            t->square[to] = row.square;
            t->mean_logit[to] = mean_of(logit, vocab);
            /* the logarithm of the sum is the same for all */
            t->mean_logprob[to] = softmax_logprob(&row, t->mean_logit[to]);
            if (logprob)
                logprob[to] = softmax_logprob(&row, chosen);
            if (entropy)
                entropy[to] = row.entropy;
        }
    }
}

size_t lm_head_aside(const struct shape *shape)
{
    return (size_t)shape->vocab * (shape->logit_cap > 0 ? 2 : 1);
}

/* The gradient of the mean of all log-probabilities is 1/vocab - p: grad_softmax has made it as
 * if it were the token's own, onehot - p; here the onehot becomes everybody's share. */
static void share_out(float *grad, int vocab, int target, float by)
{
    const float each = by / (float)vocab;

    grad[target] -= by;
    for (int j = 0; j < vocab; j++)
        grad[j] += each;
}

/* Logits of n rows to their gradients, in place; where they were capped or
 * scaled, to those before it. */
static void turn(const struct activations *t, const int *token, int n, const float *dlogprob,
                 const float *dentropy)
{
    const float rate = softmax_rate(t->temperature), cap = (float)t->shape.logit_cap;
    const float by = model_logit_scale(&t->shape);
    const size_t vocab = (size_t)t->shape.vocab, each = lm_head_aside(&t->shape);

#pragma omp parallel for schedule(dynamic) num_threads(t->threads)
    for (int i = 0; i < n; i++) {
        const int to = token[i];
        float *logit = t->logits + (size_t)i * vocab;
        float *aside = t->aside + (size_t)omp_get_thread_num() * each;

        const float mean = t->mean_slope ? t->mean_slope[to] : 0.0f;

        if (cap > 0.0f)
            memcpy(aside + vocab, logit, vocab * sizeof *logit);
        grad_softmax(logit, t->shape.vocab, rate, t->batch->token[to],
                     (dlogprob ? dlogprob[to] : 0.0f) + mean, dentropy ? dentropy[to] : 0.0f,
                     aside);
        if (mean != 0.0f)
            share_out(logit, t->shape.vocab, t->batch->token[to], rate * mean);
        if (cap > 0.0f)
            grad_cap(logit, aside + vocab, cap, t->shape.vocab);
        if (by != 1.0f)
            isa_current()->scale(logit, by, t->shape.vocab);
    }
}

void lm_head_backward(const struct backward *pass, const float *dlogprob, const float *dentropy)
{
    struct activations *t = pass->acts;
    const size_t width = (size_t)t->shape.width;
    /* a tied head learns in the embedding, which backward_embed adds to later */
    const enum part part = t->shape.tied ? PART_EMBED : PART_HEAD;
    const struct tensor *bias = params_part(pass->params, PART_HEAD_BIAS, -1);
    float *grad_bias = bias ? backward_grad(pass, bias) : NULL;
    const int rows = list_rows(t, dlogprob, dentropy, false);

    memset(t->dh, 0, (size_t)t->n * width * sizeof *t->dh);
    for (int at = 0; at < rows; at += t->head_rows) {
        const int n = rows - at < t->head_rows ? rows - at : t->head_rows;
        const struct backward_linear job = {
            .weight = params_part(pass->params, part, -1),
            .count = 1,
            .n = n,
            .dy = t->logits,
            .x = t->head_in,
            .dx = t->head_d,
        };

        make_logits(t, pass->model, t->head_row + at, n); /* once more: they were not kept */
        turn(t, t->head_to + at, n, dlogprob, dentropy);
        backward_linear(pass, &job);
        if (grad_bias)
            grad_columns(grad_bias, t->logits, (size_t)t->shape.vocab, n, t->shape.vocab);
        for (int i = 0; i < n; i++) { /* added: a prefix's last row may come more than once */
            float *to = t->dh + (size_t)t->head_row[at + i] * width;

            for (size_t k = 0; k < width; k++)
                to[k] += t->head_d[(size_t)i * width + k];
        }
    }
}

/* value = (w1 - w0) . h + b1 - b0: row 1 learns as a scalar head's row would, row 0 the
 * opposite. */
static void step_backward(const struct backward *pass, const float *dvalue)
{
    struct activations *t = pass->acts;
    const size_t width = (size_t)t->shape.width;
    const float *row = model_weight(pass->model, PART_SCORE, -1);
    float *grad = backward_grad(pass, params_part(pass->params, PART_SCORE, -1));
    float *bias = backward_grad(pass, params_part(pass->params, PART_SCORE_BIAS, -1));
    float *apart = mem_new(2 * width, sizeof *apart), *sum = apart + width;

    for (size_t c = 0; c < width; c++)
        apart[c] = row[width + c] - row[c];
    grad_dot(t->dh, sum, dvalue, t->hidden, apart, t->n, t->shape.width);
    for (size_t c = 0; c < width && grad; c++) {
        grad[c] -= sum[c];
        grad[width + c] += sum[c];
    }
    for (int i = 0; i < t->n && bias; i++) {
        bias[0] -= dvalue[i];
        bias[1] += dvalue[i];
    }
    free(apart);
}

/* Without slopes dh is 0 all the same: what is before the head reads it. */
void lm_head_scalar_backward(const struct backward *pass, const float *dvalue)
{
    struct activations *t = pass->acts;
    const struct tensor *w = params_part(pass->params, PART_SCORE, -1);

    if (!dvalue) {
        memset(t->dh, 0, (size_t)t->n * (size_t)t->shape.width * sizeof *t->dh);
        return;
    }
    if (t->shape.head == HEAD_STEP) {
        step_backward(pass, dvalue);
        return;
    }
    grad_dot(t->dh, backward_grad(pass, w), dvalue, t->hidden,
             model_weight(pass->model, PART_SCORE, -1), t->n, t->shape.width);
}
