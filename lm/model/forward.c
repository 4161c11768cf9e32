/* A pass: the rows' embeddings, every layer's list in the decode plan's scratch, the final
 * norm. The stream is one buffer that branches are added to; nothing is kept but keys and
 * values, in the rows' caches. Any number of rows of any sequences go through together:
 * generate's open slots and prompts, a scorer's whole texts, cut wherever the scratch ends.
 * What follows turns hidden states into log-probabilities, logits or values, in chunks of rows
 * (R8). */

#include "lm/model/forward.h"

#include "lm/kernel/share.h"
#include "lm/kernel/softmax.h"
#include "lm/model/block_forward.h"

void forward_hidden(const struct model *model, struct forward_work *work,
                    const struct forward_row *rows, int n, float *hidden)
{
    const struct shape *s = &model->shape;
    const struct rows_norm last =
        model_norm(model, PART_NORM_FINAL, model->block->final_bias, -1);
    const struct block_pass pass = forward_work_pass(work, model, n);

    forward_work_begin(work, s, rows, n);
    model_embed(model, work->x, work->token, work->pos, n);
    for (int i = 0; i <= model_two_angles(s); i++)
        model_angles(model, work->cos[i], work->sin[i], work->pos, n, i);
    for (int l = 0; l < s->layers; l++)
        block_forward(&pass, l, 0, model->block->n_ops);
    rows_norm(hidden, NULL, work->x, n, &last);
}

void forward_logprob(const struct model *model, struct forward_work *work, const float *hidden,
                     int n, const int *target, float temperature, float *logprob,
                     float *entropy, float *square)
{
    const struct shape *s = &model->shape;
    const size_t width = (size_t)s->width, ld = ((size_t)s->vocab + 15) / 16 * 16;
    const float rate = softmax_rate(temperature);

    /* A vocabulary's logits of all rows at once would be larger than the model. */
    for (int from = 0; from < n; from += work->head_rows) {
        const int rows = n - from < work->head_rows ? n - from : work->head_rows;

        model_logits(model, work->logits, ld, hidden + (size_t)from * width, rows);
#pragma omp parallel for schedule(static) if (share_worth(8 * (size_t)rows * ld))
        for (int i = 0; i < rows; i++) {
            const float *logit = work->logits + (size_t)i * ld;
            struct softmax row;

            softmax_row(&row, logit, s->vocab, rate);
            logprob[from + i] = softmax_logprob(&row, logit[target[from + i]]);
            if (entropy)
                entropy[from + i] = row.entropy;
            if (square)
                square[from + i] = row.square;
        }
    }
}

void forward_logits(const struct model *model, struct forward_work *work, const float *hidden,
                    int n, float *logits)
{
    (void)work; /* logits go to the caller's rows: no scratch is needed */
    model_logits(model, logits, (size_t)model->shape.vocab, hidden, n);
}

void forward_scalar(const struct model *model, const float *hidden, int n, float *value)
{
    const float *row = model_weight(model, PART_SCORE, -1), *bias;
    const int width = model->shape.width;
    float wrong[64];

    if (model->shape.head == HEAD_SCALAR) {
        rows_dot(value, hidden, row, n, width);
        return;
    }
    bias = model_weight(model, PART_SCORE_BIAS, -1);
    rows_dot(value, hidden, row + width, n, width);
    for (int at = 0; at < n; at += 64) {
        /* (row 1 . h + b1) - (row 0 . h + b0), each dot product one chain */
        const int count = n - at < 64 ? n - at : 64;
        rows_dot(wrong, hidden + (size_t)at * (size_t)width, row, count, width);
        for (int i = 0; i < count; i++)
            value[at + i] = (value[at + i] + bias[1]) - (wrong[i] + bias[0]);
    }
}
