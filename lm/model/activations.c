#include "lm/model/activations.h"

#include "base/mem.h"
#include "lm/kernel/attention.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/grad_attention.h"
#include "lm/model/lora_branch.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Logits held at a time: a share of the caches' worth of rows, but enough for full GEMM speed.
 */
enum { HEAD_FLOATS = 1 << 24, HEAD_LEAST = 64, HEAD_MOST = 512 };

static size_t attended(const struct shape *s)
{
    return (size_t)s->heads * (size_t)s->head_dim;
}

/* Floats of a layer's row without its input. */
static size_t inner(const struct shape *s)
{
    return (size_t)model_qkv(s) + attended(s) + (size_t)s->width + 2 * (size_t)s->ffn + 2;
}

static size_t wide(const struct shape *s)
{
    const size_t mlp = 3 * (size_t)s->ffn, attention = (size_t)model_qkv(s) + attended(s);

    return mlp > attention ? mlp : attention;
}

/* How many layers, from the first, are computed again for `rows` tokens. */
static int layers_again(const struct shape *s, const struct train_options *options, size_t rows)
{
    const size_t kept = options->keep / (rows * inner(s) * sizeof(float));

    if (!options->checkpointing || kept >= (size_t)s->layers)
        return 0;
    return s->layers - (int)kept;
}

/* Floats of a row of struct activations's one block. */
static size_t row_floats(const struct shape *s, int again)
{
    const size_t layers = (size_t)s->layers, width = (size_t)s->width;
    const size_t whole = layers - (size_t)again + (again ? 1 : 0);

    return layers * width + whole * inner(s) + 5 * width + 1 + (size_t)s->head_dim + wide(s);
}

static int head_rows(const struct shape *s)
{
    const int rows = HEAD_FLOATS / s->vocab;

    return rows < HEAD_LEAST ? HEAD_LEAST : rows > HEAD_MOST ? HEAD_MOST : rows;
}

static size_t head_floats(const struct shape *s)
{
    if (s->head != HEAD_LM)
        return 0;
    return (size_t)head_rows(s) * ((size_t)s->vocab + 2 * (size_t)s->width);
}

static size_t scratch_floats(const struct shape *s, int length, bool prefixes, int threads)
{
    const struct rows_heads heads = {s->heads, s->kv_heads, s->head_dim};
    const int group = s->heads / s->kv_heads;
    const size_t ahead = attention_scratch(attention_rows(group), group, s->head_dim, length);
    const size_t back = grad_attention_scratch(&heads, length, prefixes);

    return (ahead > back ? ahead : back) * (size_t)threads;
}

size_t activations_size(const struct shape *s, const struct train_options *options, int n)
{
    const int length = n < s->context ? n : s->context;
    const size_t rows = (size_t)n;

    return sizeof(float) *
               (rows * row_floats(s, layers_again(s, options, rows)) + head_floats(s) +
                (size_t)s->kv_heads *
                    (2 * attention_keys(s->head_dim, n) + rows * (size_t)s->head_dim) +
                scratch_floats(s, length, true, omp_get_max_threads())) +
           rows * (4 * sizeof(int) + 2 * sizeof(float) + sizeof(struct activations_tile) + 1);
}

enum err activations_new(struct activations **out, const struct shape *shape,
                         const struct train_options *options)
{
    struct activations *t = mem_new(1, sizeof *t);
    float *head;

    *out = NULL;
    t->shape = *shape;
    t->options = *options;
    t->fixed = -1;
    t->layer = mem_new((size_t)shape->layers, sizeof *t->layer);
    t->head_rows = head_rows(shape);
    if (shape->head == HEAD_LM) {
        if (mem_big(&head, head_floats(shape), sizeof *head, "logits")) {
            activations_free(t);
            return ERR_NOMEM;
        }
        t->logits = head;
        t->head_in = head + (size_t)t->head_rows * (size_t)shape->vocab;
        t->head_d = t->head_in + (size_t)t->head_rows * (size_t)shape->width;
    }
    *out = t;
    return OK;
}

void activations_free(struct activations *t)
{
    if (!t)
        return;
    free(t->layer);
    free(t->memory);
    free(t->key);
    free(t->scratch);
    free(t->logits);
    free(t->aside);
    free(t->branch);
    free(t->pos);
    free(t->seq);
    free(t->head_row);
    free(t->head_to);
    free(t->tile);
    free(t->hit);
    free(t->square);
    free(t->mean_logit);
    free(t);
}

struct rows_heads activations_heads(const struct activations *t)
{
    return (struct rows_heads){t->shape.heads, t->shape.kv_heads, t->shape.head_dim};
}

enum err activations_room(float **block, size_t *room, size_t floats, const char *what)
{
    if (floats <= *room)
        return OK;
    free(*block);
    *block = NULL;
    *room = 0;
    if (mem_big(block, floats, sizeof **block, what))
        return ERR_NOMEM;
    *room = floats;
    return OK;
}

static float *take(float **at, size_t floats)
{
    float *here = *at;

    *at += floats;
    return here;
}

static void carve(struct activations *t, size_t rows)
{
    const struct shape *s = &t->shape;
    const size_t width = (size_t)s->width, half = (size_t)s->head_dim / 2;
    float *at = t->memory;

    for (int i = 0; i < s->layers; i++) {
        struct activations_layer *l = &t->layer[i];

        l->in = take(&at, rows * width);
        if (i && i < t->again) {
            float *in = l->in;

            *l = t->layer[0];
            l->in = in;
            continue;
        }
        l->qkv = take(&at, rows * (size_t)model_qkv(s));
        l->attended = take(&at, rows * attended(s));
        l->middle = take(&at, rows * width);
        l->gate_up = take(&at, rows * 2 * (size_t)s->ffn);
        l->rms[0] = take(&at, rows);
        l->rms[1] = take(&at, rows);
    }
    t->out = take(&at, rows * width);
    t->hidden = take(&at, rows * width);
    t->norm = take(&at, rows * width);
    t->dx = take(&at, rows * width);
    t->dh = take(&at, rows * width);
    t->rms = take(&at, rows);
    t->cos = take(&at, rows * half);
    t->sin = take(&at, rows * half);
    t->wide = take(&at, rows * wide(s));
}

/* Rounded up so that every part starts on a vector's boundary. */
static enum err grow(struct activations *t, int n)
{
    const size_t rows = ((size_t)n + 15) / 16 * 16;

    if (n <= t->rows)
        return OK;
    free(t->memory);
    t->memory = NULL;
    t->rows = 0;
    t->again = layers_again(&t->shape, &t->options, rows);
    if (mem_big(&t->memory, rows * row_floats(&t->shape, t->again), sizeof *t->memory,
                "activations"))
        return ERR_NOMEM;
    carve(t, rows);
    t->pos = mem_grow(t->pos, rows, sizeof *t->pos);
    t->head_row = mem_grow(t->head_row, rows, sizeof *t->head_row);
    t->head_to = mem_grow(t->head_to, rows, sizeof *t->head_to);
    t->tile = mem_grow(t->tile, rows, sizeof *t->tile);
    t->hit = mem_grow(t->hit, rows, sizeof *t->hit);
    t->square = mem_grow(t->square, rows, sizeof *t->square);
    t->mean_logit = mem_grow(t->mean_logit, rows, sizeof *t->mean_logit);
    t->rows = (int)rows;
    return OK;
}

/* Lengths, with what stands before a sequence. */
static enum err check_lengths(const struct shape *s, const struct batch *b)
{
    int trunk = 0; /* length of the sequence that the next ones may go on from */

    for (int i = 0; i < b->n_seq; i++) {
        const int own = b->seq[i + 1] - b->seq[i], prefix = b->n_prefix ? b->n_prefix[i] : 0;

        if (prefix < 0 || prefix > trunk)
            return err_set(ERR_RANGE, "batch: sequence %d goes on behind %d of %d tokens", i,
                           prefix, trunk);
        if (own <= 0 || own > s->context - prefix)
            return err_set(ERR_RANGE, "batch: sequence %d of %d tokens: not in 1..%d", i,
                           own + prefix, s->context);
        trunk = prefix ? trunk : own;
    }
    return OK;
}

static enum err check(const struct shape *s, const struct batch *b)
{
    enum err err;

    if (b->n <= 0 || b->n_seq <= 0 || b->seq[0] != 0 || b->seq[b->n_seq] != b->n)
        return err_set(ERR_RANGE, "batch: %d tokens in %d sequences do not fit together", b->n,
                       b->n_seq);
    err = check_lengths(s, b);
    if (err)
        return err;
    for (int i = 0; i < b->n; i++)
        if (b->token[i] < 0 || b->token[i] >= s->vocab)
            return err_set(ERR_RANGE, "batch: token %d: not in 0..%d", b->token[i],
                           s->vocab - 1);
    return OK;
}

int activations_prefix(const struct activations *t, int seq)
{
    return t->batch->n_prefix ? t->batch->n_prefix[seq] : 0;
}

/* Floats that the keys of one kv head take, and the values behind them where a prefix puts rows
 * together that lie apart. */
static size_t key_floats(const struct activations *t, int seq)
{
    const int prefix = activations_prefix(t, seq);
    const int length = prefix + t->batch->seq[seq + 1] - t->batch->seq[seq];

    return attention_keys(t->shape.head_dim, length) +
           (prefix ? (size_t)length * (size_t)t->shape.head_dim : 0);
}

enum err activations_begin(struct activations *t, const struct model *model,
                           const struct batch *batch)
{
    const struct shape *s = &t->shape;
    const int each = attention_rows(s->heads / s->kv_heads);
    int longest = 0;
    enum err err = check(s, batch);

    if (err)
        return err;
    err = grow(t, batch->n);
    if (err)
        return err;
    t->n = batch->n;
    t->threads = omp_get_max_threads();
    t->batch = batch;
    t->tiles = 0;
    t->keys = 0;
    t->seq = mem_grow(t->seq, (size_t)batch->n_seq, sizeof *t->seq);
    for (int i = 0; i < batch->n_seq; i++) {
        const int from = batch->seq[i], length = batch->seq[i + 1] - from;
        const int prefix = activations_prefix(t, i);

        t->seq[i] = (int)(t->keys / (size_t)s->head_dim); /* where its key blocks start */
        t->keys += key_floats(t, i);
        longest = prefix + length > longest ? prefix + length : longest;
        for (int j = 0; j < length; j++)
            t->pos[from + j] = prefix + j;
        for (int j = 0; j < length; j += each)
            t->tile[t->tiles++] =
                (struct activations_tile){i, j, length - j < each ? length - j : each};
    }
    rows_angles(t->cos, t->sin, t->pos, model->freq, t->n, s->head_dim / 2);
    err = activations_room(&t->key, &t->key_room, (size_t)s->kv_heads * t->keys, "keys");
    if (!err && t->lora)
        err = activations_room(&t->branch, &t->branch_room,
                               lora_branch_floats(s, &t->lora->conf, t->n), "adapter");
    if (err)
        return err;
    return activations_room(&t->scratch, &t->scratch_room,
                            scratch_floats(s, longest, batch->n_prefix, t->threads),
                            "attention");
}

static float *keys_of(const struct activations *t, int seq, int kv)
{
    return t->key + (size_t)kv * t->keys + (size_t)t->seq[seq] * (size_t)t->shape.head_dim;
}

/* Where sequence `seq` finds its first tokens: in the nearest one before it without a prefix. */
static int trunk_of(const struct activations *t, int seq)
{
    while (activations_prefix(t, seq))
        seq--;
    return seq;
}

/* The row of token j of a sequence. */
static size_t row_of(const struct activations *t, int seq, int trunk, int j)
{
    const int prefix = activations_prefix(t, seq);

    return (size_t)(j < prefix ? t->batch->seq[trunk] + j : t->batch->seq[seq] + j - prefix);
}

static void put_keys(const struct activations *t, const float *qkv)
{
    const struct shape *s = &t->shape;
    const int tasks = t->batch->n_seq * s->kv_heads;
    const size_t dim = (size_t)s->head_dim;

#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < tasks; i++) {
        const int seq = i / s->kv_heads, kv = i % s->kv_heads;
        const int prefix = activations_prefix(t, seq), trunk = trunk_of(t, seq);
        const int length = prefix + t->batch->seq[seq + 1] - t->batch->seq[seq];
        float *keys = keys_of(t, seq, kv);
        float *values = keys + attention_keys(s->head_dim, length);

        for (int j = 0; j < length; j++) {
            const float *row = qkv + row_of(t, seq, trunk, j) * (size_t)model_qkv(s);

            attention_put_key(keys, row + (size_t)(s->heads + kv) * dim, j, s->head_dim);
            if (prefix)
                memcpy(values + (size_t)j * dim,
                       row + (size_t)(s->heads + s->kv_heads + kv) * dim, dim * sizeof *row);
        }
    }
}

/* Values of a sequence's kv head, a token each *ld floats. */
static const float *values_of(const struct activations *t, const float *qkv, int seq, int kv,
                              size_t *ld)
{
    const struct shape *s = &t->shape;
    const int prefix = activations_prefix(t, seq), first = t->batch->seq[seq];
    const size_t width = (size_t)model_qkv(s), dim = (size_t)s->head_dim;

    *ld = prefix ? dim : width;
    if (prefix)
        return keys_of(t, seq, kv) +
               attention_keys(s->head_dim, prefix + t->batch->seq[seq + 1] - first);
    return qkv + (size_t)first * width + (size_t)(s->heads + s->kv_heads + kv) * dim;
}

static void attend(const struct activations *t, const struct activations_layer *l)
{
    const struct shape *s = &t->shape;
    const int group = s->heads / s->kv_heads, tasks = t->tiles * s->kv_heads;
    const size_t dim = (size_t)s->head_dim, width = (size_t)model_qkv(s);
    const size_t each = t->scratch_room / (size_t)t->threads;

    put_keys(t, l->qkv);
#pragma omp parallel for schedule(dynamic) num_threads(t->threads)
    for (int i = 0; i < tasks; i++) {
        const struct activations_tile *tile = &t->tile[i / s->kv_heads];
        const int kv = i % s->kv_heads;
        const size_t row = (size_t)t->batch->seq[tile->seq] + (size_t)tile->from;
        const size_t head = (size_t)(kv * group) * dim;
        size_t ldv;
        const float *values = values_of(t, l->qkv, tile->seq, kv, &ldv);
        const struct attention job = {
            .q = l->qkv + row * width + head,
            .ldq = width,
            .keys = keys_of(t, tile->seq, kv),
            .values = values,
            .ldv = ldv,
            .out = l->attended + row * attended(s) + head,
            .ldo = attended(s),
            .pos = activations_prefix(t, tile->seq) + tile->from,
            .rows = tile->rows,
            .group = group,
            .head_dim = s->head_dim,
            .scratch = t->scratch + (size_t)omp_get_thread_num() * each,
        };
        attention_run(&job);
    }
}

float *activations_next(const struct activations *t, int i)
{
    return i + 1 < t->shape.layers ? t->layer[i + 1].in : t->out;
}

/* What dropout changes in the products of layer i from `from` on, which read x [n, cols] and
 * wrote y with stride ldy one after another. */
static void branch(const struct activations *t, int i, enum part from, int count,
                   const float *x, float *y, size_t ldy)
{
    const struct tensor *w;

    if (!t->lora || !t->drop.on)
        return;
    w = params_part(t->lora->base, from, i);
    for (int k = 0; k < count; y += w[k++].rows)
        lora_branch_forward(t, &w[k], x, y, ldy);
}

void activations_layer(struct activations *t, const struct model *model, int i, float *to)
{
    const struct shape *s = &t->shape;
    const struct packed_layout *w = model->layout;
    const struct activations_layer *l = &t->layer[i];
    const struct rows_heads heads = activations_heads(t);
    const float *image = model->image;
    const int n = t->n, width = s->width, qkv = model_qkv(s), ffn = s->ffn;
    const int out = s->heads * s->head_dim;

    rows_norm(t->norm, l->rms[0], l->in, image + packed_at(w, PART_NORM_ATTN, i), n, width,
              s->norm_eps);
    gemm_packed(l->qkv, (size_t)qkv, t->norm, (size_t)width, image + packed_at(w, PART_Q, i), n,
                qkv, width, false);
    branch(t, i, PART_Q, 3, t->norm, l->qkv, (size_t)qkv);
    rows_qkv(l->qkv, s->family == FAMILY_QWEN2 ? image + packed_at(w, PART_Q_BIAS, i) : NULL,
             t->cos, t->sin, n, &heads);
    attend(t, l);
    gemm_packed(l->middle, (size_t)width, l->attended, (size_t)out,
                image + packed_at(w, PART_O, i), n, width, out, false);
    branch(t, i, PART_O, 1, l->attended, l->middle, (size_t)width);
    rows_add(l->middle, l->in, n, width);
    rows_norm(t->norm, l->rms[1], l->middle, image + packed_at(w, PART_NORM_MLP, i), n, width,
              s->norm_eps);
    gemm_packed(l->gate_up, 2 * (size_t)ffn, t->norm, (size_t)width,
                image + packed_at(w, PART_GATE, i), n, 2 * ffn, width, false);
    branch(t, i, PART_GATE, 2, t->norm, l->gate_up, 2 * (size_t)ffn);
    if (!to)
        return;
    rows_silu(t->wide, l->gate_up, n, ffn);
    gemm_packed(to, (size_t)width, t->wide, (size_t)ffn, image + packed_at(w, PART_DOWN, i), n,
                width, ffn, false);
    branch(t, i, PART_DOWN, 1, t->wide, to, (size_t)width);
    rows_add(to, l->middle, n, width);
}
