#include "lm/model/forward.h"

#include "lm/kernel/attention.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/rows.h"
#include "lm/kernel/share.h"
#include "lm/kernel/softmax.h"
#include "lm/model/cache.h"
#include "lm/model/forward_work.h"
#include "lm/model/model.h"

#include <assert.h>
#include <omp.h>
#include <string.h>

/* y [n, N] = x [n, K] through the panels at `at`. */
static void product(const struct model *m, float *y, const float *x, size_t at, int n, int to,
                    int from)
{
    gemm_packed(y, (size_t)to, x, (size_t)from, m->image + at, n, to, from, false);
}

/* Keys and values of projected rows go to their sequences. */
static void remember(const struct shape *s, const float *qkv, const struct row *rows, int n,
                     int layer)
{
    const size_t dim = (size_t)s->head_dim, width = (size_t)model_qkv(s);

#pragma omp parallel for schedule(static) if (share_worth(2 * (size_t)n * width))
    for (int i = 0; i < n; i++) {
        const float *key = qkv + (size_t)i * width + (size_t)s->heads * dim;
        const float *value = key + (size_t)s->kv_heads * dim;

        for (int h = 0; h < s->kv_heads; h++) {
            attention_put_key(cache_keys(rows[i].cache, layer, h), key + (size_t)h * dim,
                              rows[i].pos, s->head_dim);
            memcpy(cache_values(rows[i].cache, layer, h) + (size_t)rows[i].pos * dim,
                   value + (size_t)h * dim, dim * sizeof *value);
        }
    }
}

/* Multiply-adds, about: both chains over the keys that each row sees. */
static size_t attention_work(const struct shape *s, const struct row *rows, int n)
{
    size_t keys = 0;

    for (int i = 0; i < n; i++)
        keys += (size_t)rows[i].pos + 8;
    return 2 * keys * (size_t)s->heads * (size_t)s->head_dim;
}

static void attend(const struct model *m, struct forward_work *w, const struct row *rows, int n,
                   int runs, int layer)
{
    const struct shape *s = &m->shape;
    const int group = s->heads / s->kv_heads, max = omp_get_max_threads();
    const int threads = max < w->threads ? max : w->threads;
    const size_t wide = (size_t)group * (size_t)s->head_dim;
    const size_t work = attention_work(s, rows, n);
    const size_t ldq = (size_t)model_qkv(s), ldo = (size_t)s->heads * (size_t)s->head_dim;

#pragma omp parallel for schedule(dynamic) collapse(2) \
    num_threads(threads) if (share_worth(work))
    for (int r = 0; r < runs; r++)
        for (int h = 0; h < s->kv_heads; h++) {
            const int i = w->run[r].from;
            const struct attention a = {
                .q = w->z + (size_t)i * ldq + (size_t)h * wide,
                .ldq = ldq,
                .keys = cache_keys(rows[i].cache, layer, h),
                .values = cache_values(rows[i].cache, layer, h),
                .ldv = (size_t)s->head_dim,
                .out = w->y + (size_t)i * ldo + (size_t)h * wide,
                .ldo = ldo,
                .pos = rows[i].pos,
                .rows = w->run[r].n,
                .group = group,
                .head_dim = s->head_dim,
                .scratch = w->scratch + (size_t)omp_get_thread_num() * w->scratch_each,
            };

            attention_run(&a);
        }
}

static void layer(const struct model *m, struct forward_work *w, const struct row *rows, int n,
                  int runs, int l)
{
    const struct shape *s = &m->shape;
    const struct packed_layout *at = m->layout;
    const struct rows_heads heads = {s->heads, s->kv_heads, s->head_dim};
    const float *bias =
        s->family == FAMILY_QWEN2 ? m->image + packed_at(at, PART_Q_BIAS, l) : NULL;

    rows_norm(w->y, NULL, w->x, m->image + packed_at(at, PART_NORM_ATTN, l), n, s->width,
              s->norm_eps);
    product(m, w->z, w->y, packed_at(at, PART_Q, l), n, model_qkv(s), s->width);
    rows_qkv(w->z, bias, w->cos, w->sin, n, &heads);
    remember(s, w->z, rows, n, l);
    attend(m, w, rows, n, runs, l);
    product(m, w->z, w->y, packed_at(at, PART_O, l), n, s->width, s->heads * s->head_dim);
    rows_add(w->x, w->z, n, s->width);
    rows_norm(w->y, NULL, w->x, m->image + packed_at(at, PART_NORM_MLP, l), n, s->width,
              s->norm_eps);
    product(m, w->z, w->y, packed_at(at, PART_GATE, l), n, 2 * s->ffn, s->width);
    rows_silu(w->y, w->z, n, s->ffn);
    product(m, w->z, w->y, packed_at(at, PART_DOWN, l), n, s->width, s->ffn);
    rows_add(w->x, w->z, n, s->width);
}

void forward_hidden(const struct model *model, struct forward_work *work,
                    const struct row *rows, int n, float *hidden)
{
    const struct shape *s = &model->shape;
    int runs;

    assert(n <= work->rows);
    for (int i = 0; i < n; i++) {
        assert(rows[i].token >= 0 && rows[i].token < s->vocab);
        assert(rows[i].pos >= 0 && rows[i].pos < rows[i].cache->capacity);
        assert(rows[i].pos < s->context);
        work->token[i] = rows[i].token;
        work->pos[i] = rows[i].pos;
    }
    runs = forward_work_runs(work, s, rows, n);
    model_embed(model, work->x, work->token, n);
    rows_angles(work->cos, work->sin, work->pos, model->freq, n, s->head_dim / 2);
    for (int l = 0; l < s->layers; l++)
        layer(model, work, rows, n, runs, l);
    rows_norm(hidden, NULL, work->x,
              model->image + packed_at(model->layout, PART_NORM_FINAL, -1), n, s->width,
              s->norm_eps);
}

/* R8: chunks of rows, whole vocabularies. */
void forward_logprob(const struct model *model, struct forward_work *work, const float *hidden,
                     int n, const int *target, float temperature, float *logprob,
                     float *entropy, float *square)
{
    const struct shape *s = &model->shape;
    const size_t width = (size_t)s->width, ld = ((size_t)s->vocab + 15) / 16 * 16;
    const float rate = softmax_rate(temperature);

    for (int from = 0; from < n; from += work->head_rows) {
        const int rows = n - from < work->head_rows ? n - from : work->head_rows;

        gemm_packed(work->logits, ld, hidden + (size_t)from * width, width,
                    model->image + packed_at(model->layout, PART_HEAD, -1), rows, s->vocab,
                    s->width, false);
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
    const struct shape *s = &model->shape;

    (void)work;
    gemm_packed(logits, (size_t)s->vocab, hidden, (size_t)s->width,
                model->image + packed_at(model->layout, PART_HEAD, -1), n, s->vocab, s->width,
                false);
}

void forward_scalar(const struct model *model, const float *hidden, int n, float *value)
{
    const float *row = model->image + packed_at(model->layout, PART_SCORE, -1);
    const float *bias = model->image + packed_at(model->layout, PART_SCORE_BIAS, -1);
    const int width = model->shape.width;
    float wrong[64];

    if (model->shape.head == HEAD_SCALAR) {
        rows_dot(value, hidden, row, n, width);
        return;
    }
    rows_dot(value, hidden, row + width, n, width);
    for (int at = 0; at < n; at += 64) {
        const int count = n - at < 64 ? n - at : 64;
        rows_dot(wrong, hidden + (size_t)at * (size_t)width, row, count, width);
        for (int i = 0; i < count; i++)
            value[at + i] = (value[at + i] + bias[1]) - (wrong[i] + bias[0]);
    }
}
