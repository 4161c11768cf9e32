/* Only rows whose next token is asked for meet the vocabulary, and full logits of a batch never
 * exist. Forward makes those of a chunk of rows, reads from them what train.h gives out, and keeps
 * of each row what its softmax is made of. With that backward needs no whole row: it makes the
 * logits of some columns for all rows, turns them into their gradient in place, and spends it in two
 * products, piece by piece of the vocabulary; so each row of W's gradient is one sum over the whole
 * batch, and is written once. The scalar heads have nothing to save on. train.c calls forward after
 * the final norm, and backward first of all. */

#include "lm/model/lm_head.h"

#include "base/mem.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/grad.h"
#include "lm/kernel/grad_softmax.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/softmax.h"

#include <assert.h>
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

/* Columns of a piece: of all rows no more than the caches may hold for the passes over them. */
enum { PIECE_FLOATS = 1 << 20, PIECE_LEAST = 256, TOGETHER = 512 };

/* The rows that are asked for stand anywhere in the batch: they are gathered first. */
static void gather(struct activations *t, const int *row, int n)
{
    const size_t width = (size_t)t->shape.width;

    for (int i = 0; i < n; i++)
        memcpy(t->head_in + (size_t)i * width, t->hidden + (size_t)row[i] * width,
               width * sizeof *t->head_in);
}

/* What is not asked for stays 0: a prompt's tokens, a sequence's first. */
void lm_head_forward(struct activations *t, const struct model *model, float *logprob,
                     float *entropy)
{
    const float rate = softmax_rate(t->temperature);
    const int rows = list_rows(t, NULL, NULL, true), vocab = t->shape.vocab;

    t->scored = true;
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

        gather(t, t->head_row + at, n);
        model_logits(model, t->logits, (size_t)vocab, t->head_in, n);
#pragma omp parallel for schedule(dynamic)
        for (int i = 0; i < n; i++) {
            const float *logit = t->logits + (size_t)i * (size_t)vocab;
            const int to = t->head_to[at + i];
            const float chosen = logit[t->batch->token[to]];
            struct softmax *row = &t->row[to];

            softmax_row(row, logit, vocab, rate);
            t->hit[to] = chosen * rate >= row->max;
            t->square[to] = row->square;
            t->mean_logit[to] = mean_of(logit, vocab);
            /* the logarithm of the sum is the same for all */
            t->mean_logprob[to] = softmax_logprob(row, t->mean_logit[to]);
            if (logprob)
                logprob[to] = softmax_logprob(row, chosen);
            if (entropy)
                entropy[to] = row->entropy;
        }
    }
}

/* Some logits of one row, n of them from token `from` on, to their gradient, in place; where they
 * were capped or scaled, to those before it. The gradient of the mean of all log-probabilities is
 * 1/vocab - p: grad_softmax makes it as if it were the token's own, onehot - p; here the onehot
 * becomes everybody's share. */
static void turn(const struct activations *t, float *logit, int n, int from, int to,
                 float dlogprob, float dentropy)
{
    const struct softmax *row = &t->row[to];
    const float mean = t->mean_slope ? t->mean_slope[to] : 0.0f,
                cap = (float)t->shape.logit_cap;
    const float by = model_logit_scale(&t->shape);
    const int target = t->batch->token[to] - from;
    float capped[TOGETHER];

    if (cap > 0.0f)
        memcpy(capped, logit, (size_t)n * sizeof *logit);
    grad_softmax(logit, n, row, target, dlogprob + mean, dentropy);
    if (mean != 0.0f && target >= 0 && target < n)
        logit[target] -= row->rate * mean;
    if (mean != 0.0f)
        for (int j = 0; j < n; j++)
            logit[j] += row->rate * mean / (float)t->shape.vocab;
    if (cap > 0.0f)
        grad_cap(logit, capped, cap, n);
    if (by != 1.0f)
        isa_current()->scale(logit, by, n);
}

/* Slopes of the outputs at each token; NULL: zero. */
struct slopes {
    const float *logprob, *entropy;
};

/* Logits [rows, tokens] of the tokens from..: made again, for they were not kept, and turned. */
static void piece(struct activations *t, const struct model *model, const struct slopes *slopes,
                  int rows, int from, int tokens)
{
    model_logits_of(model, t->logits, (size_t)tokens, t->head_in, rows, from, tokens);
#pragma omp parallel for schedule(dynamic, 8)
    for (int i = 0; i < rows; i++) {
        float *logit = t->logits + (size_t)i * (size_t)tokens;
        const int to = t->head_to[i];

        for (int j = 0; j < tokens; j += TOGETHER)
            turn(t, logit + j, tokens - j < TOGETHER ? tokens - j : TOGETHER, from + j, to,
                 slopes->logprob ? slopes->logprob[to] : 0.0f,
                 slopes->entropy ? slopes->entropy[to] : 0.0f);
    }
}

/* Tokens of a piece. */
static int columns(const struct activations *t, int rows)
{
    const size_t has = t->room->block[TRAIN_LOGITS].floats;
    const size_t room = has < PIECE_FLOATS ? has : PIECE_FLOATS;
    const int some = (int)(room / (size_t)rows / GEMM_PANEL) * GEMM_PANEL;
    const int most = some > PIECE_LEAST ? some : PIECE_LEAST;

    return most < t->shape.vocab ? most : t->shape.vocab;
}

void lm_head_backward(const struct backward *pass, const float *dlogprob, const float *dentropy)
{
    struct activations *t = pass->acts;
    const struct slopes slopes = {dlogprob, dentropy};
    const size_t width = (size_t)t->shape.width;
    /* a tied head learns in the embedding, which backward_embed adds to later */
    const enum part part = t->shape.tied ? PART_EMBED : PART_HEAD;
    const struct tensor *bias = params_part(pass->params, PART_HEAD_BIAS, -1);
    float *grad_bias = bias ? backward_grad(pass, bias) : NULL;
    const int vocab = t->shape.vocab;
    int rows, each;

    if (!t->scored) /* nobody asked for what forward would have given */
        lm_head_forward(t, pass->model, NULL, NULL);
    rows = list_rows(t, dlogprob, dentropy, false);
    each = rows ? columns(t, rows) : vocab;
    memset(t->dh, 0, (size_t)t->n * width * sizeof *t->dh);
    gather(t, t->head_row, rows);
    for (int from = 0; rows && from < vocab; from += each) {
        const int tokens = vocab - from < each ? vocab - from : each;
        const struct backward_linear job = {
            .weight = params_part(pass->params, part, -1),
            .count = 1,
            .n = rows,
            .dy = t->logits,
            .x = t->head_in,
            .dx = t->head_d,
            .joins = from > 0,
            .from = from,
            .rows = tokens,
        };

        piece(t, pass->model, &slopes, rows, from, tokens);
        backward_linear(pass, &job);
        if (grad_bias)
            grad_columns(grad_bias + from, t->logits, (size_t)tokens, rows, tokens);
    }
    for (int i = 0; i < rows; i++) { /* added: a prefix's last row may come more than once */
        float *to = t->dh + (size_t)t->head_row[i] * width;

        for (size_t k = 0; k < width; k++)
            to[k] += t->head_d[(size_t)i * width + k];
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
    if (bias) {
        float all = 0.0f;

        for (int i = 0; i < t->n; i++)
            all += dvalue[i];
        bias[0] -= all;
        bias[1] += all;
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
