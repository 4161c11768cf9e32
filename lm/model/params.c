/* params_outline walks the rows of part.c once for the ends and once a layer, and gives each
 * weight its place; everything else (gradients, moments, the adapters' list) goes by those
 * places. What a seed means: each weight draws from a stream of its own, made of its row's
 * number and its layer, never of its place, so that one trunk under another head starts from
 * the same numbers. */

#include "lm/model/params.h"

#include "base/mem.h"
#include "base/rng.h"
#include "lm/kernel/master.h"
#include "lm/kernel/real.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next weight, if this shape has it: its name, sizes and place, in the order of the rows.
 */
static void put(struct params *p, const struct part_row *row, int layer)
{
    struct tensor *t = &p->tensor[p->n];

    if (!part_has(row, &p->shape)) /* another family's, or another head's */
        return;
    part_name(t->name, sizeof t->name, row->hf, layer);
    t->row = row;
    t->part = row->part;
    t->layer = layer;
    t->rows = part_dim(&p->shape, row->rows);
    t->cols = part_dim(&p->shape, row->cols);
    t->at = p->count;
    t->decay = !part_is_vector(row); /* as transformers' Trainer divides them */
    p->count += (size_t)t->rows * (size_t)t->cols;
    p->n++;
}

static void put_all(struct params *p, enum part_place place, int layer)
{
    const struct part_rows rows = part_rows(place);

    for (int i = 0; i < rows.n; i++)
        put(p, &rows.row[i], layer);
}

enum err params_outline(struct params **out, const struct shape *shape)
{
    const int ends = part_rows(PLACE_FRONT).n + part_rows(PLACE_BACK).n;
    struct params *p;

    *out = NULL;
    if (shape_check(shape))
        return ERR_RANGE;
    p = mem_new(1, sizeof *p);
    p->shape = *shape;
    p->tensor =
        mem_new((size_t)(ends + shape->layers * part_rows(PLACE_LAYER).n), sizeof *p->tensor);
    put_all(p, PLACE_FRONT, -1);
    for (int layer = 0; layer < shape->layers; layer++)
        put_all(p, PLACE_LAYER, layer);
    put_all(p, PLACE_BACK, -1);
    *out = p;
    return OK;
}

enum err params_new(struct params **out, const struct shape *shape)
{
    struct params *p;
    const enum err err = params_outline(&p, shape);

    *out = NULL;
    if (err)
        return err;
    if (mem_big(&p->data, p->count, sizeof *p->data, "weights")) {
        params_free(p);
        return ERR_NOMEM;
    }
    *out = p;
    return OK;
}

void params_free(struct params *params)
{
    if (!params)
        return;
    free(params->tensor);
    free(params->data);
    free(params);
}

/* 53 bits of two words: uniform in [0, 1). */
static double unit(uint32_t high, uint32_t low)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

/* Box & Muller 1958, both values of each Philox block; the logarithm and the sines are ours,
 * so that every machine starts from the same bits. */
static void normal(float *data, size_t n, double std, uint64_t seed, uint64_t stream)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i += 2) {
        uint32_t w[4];
        double s, c, r;

        rng_words(w, seed, RNG_INIT, stream, (uint32_t)(i / 2), (uint32_t)((i / 2) >> 32));
        r = std * sqrt(-2.0 * real_log(1.0 - unit(w[0], w[1])));
        real_sincos(6.283185307179586 * unit(w[2], w[3]), &s, &c);
        data[i] = (float)(r * c);
        if (i + 1 < n)
            data[i + 1] = (float)(r * s);
    }
}

/* As transformers' _init_weights: norms 1 (a Gemma's are stored as w - 1, and so 0), biases 0,
 * the rest normal. zero_head: a reward model that starts by saying 0 of everything. */
void params_init_one(float *data, const struct tensor *t, const struct shape *shape,
                     uint64_t seed, bool zero_head)
{
    const size_t n = (size_t)t->rows * (size_t)t->cols;
    const enum part_kind kind = t->row->kind;

    /* A fresh norm lets everything pass: w = 1, or 1 + w with w = 0, which is a vector like
     * any. */
    if (kind == KIND_NORM) {
        for (size_t i = 0; i < n; i++)
            data[i] = 1.0f;
    } else if (part_is_vector(t->row) || (kind == KIND_SCORE && zero_head)) {
        memset(data, 0, n * sizeof *data);
    } else {
        normal(data, n, shape->init_std, seed,
               (uint64_t)t->row->stream << 32 | (uint32_t)(t->layer + 1));
    }
}

void params_init(struct params *params, uint64_t seed, bool zero_head)
{
    for (int i = 0; i < params->n; i++)
        params_init_one(params->data + params->tensor[i].at, &params->tensor[i], &params->shape,
                        seed, zero_head);
}

const struct tensor *params_part(const struct params *params, enum part part, int layer)
{
    for (int i = 0; i < params->n; i++)
        if (params->tensor[i].part == part && params->tensor[i].layer == layer)
            return &params->tensor[i];
    return NULL;
}

const struct tensor *params_name(const struct params *params, const char *name)
{
    for (int i = 0; i < params->n; i++)
        if (strcmp(params->tensor[i].name, name) == 0)
            return &params->tensor[i];
    return NULL;
}

bool params_turned(const struct params *params)
{
    for (int i = 0; i < params->n; i++)
        if (params->tensor[i].row->turned)
            return true;
    return false;
}

void params_clear(struct params *p, enum part part)
{
    for (int i = 0; i < p->n; i++)
        if (p->tensor[i].part == part)
            memset(p->data + p->tensor[i].at, 0,
                   (size_t)p->tensor[i].rows * (size_t)p->tensor[i].cols * sizeof *p->data);
}

enum err params_reheaded(struct params **out, const struct params *from, enum head head,
                         uint64_t seed, bool zero_head)
{
    struct shape shape = from->shape;
    struct params *p;

    *out = NULL;
    shape.head = head;
    if (params_new(&p, &shape))
        return err_add("new head");
    for (int i = 0; i < p->n; i++) {
        const struct tensor *to = &p->tensor[i];
        const struct tensor *t = params_part(from, to->part, to->layer);

        /* Another head's rows may be of the same name and another count. */
        if (t && t->rows == to->rows)
            memcpy(p->data + to->at, from->data + t->at,
                   (size_t)t->rows * (size_t)t->cols * sizeof *p->data);
        else
            params_init_one(p->data + to->at, to, &shape, seed, zero_head);
    }
    *out = p;
    return OK;
}

void params_round(float *data, const struct tensor *tensor, int row, int n,
                  enum precision compute)
{
    if (!precision_halves(compute) || !part_in_panels(tensor->row))
        return;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        float *const one = data + (size_t)i * (size_t)tensor->cols;

        master_round(one, one, row + i, 1, tensor->cols);
    }
}

void params_round_all(struct params *p)
{
    for (int i = 0; i < p->n; i++) {
        const struct tensor *t = &p->tensor[i];

        params_round(p->data + t->at, t, 0, t->rows, p->shape.compute);
    }
}

/* strcmp, and not the order of rows: a hash must not depend on how a family's rows stand. */
static int by_name(const void *a, const void *b)
{
    const struct tensor *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

void params_order(const struct params *params, const struct tensor **order)
{
    for (int i = 0; i < params->n; i++)
        order[i] = &params->tensor[i];
    qsort(order, (size_t)params->n, sizeof *order, by_name);
}

int params_some(const struct tensor *tensor)
{
    const int some = (1 << 15) / tensor->cols;

    return some < 1 ? 1 : some < tensor->rows ? some : tensor->rows;
}

const float *params_rows(const struct params *params, const struct tensor *tensor, int row,
                         int n, float *room)
{
    const int some = params_some(tensor);

    if (params->data)
        return params->data + tensor->at + (size_t)row * (size_t)tensor->cols;
#pragma omp parallel for schedule(static) if (n > some)
    for (int at = 0; at < n; at += some)
        params->source.take(params->source.self, tensor, row + at,
                            n - at < some ? n - at : some,
                            room + (size_t)at * (size_t)tensor->cols);
    return room;
}

/* Rows that are made are made by all threads, and hashed by one. */
static void hash_one(struct hash_sha256 *state, const struct params *params,
                     const struct tensor *tensor)
{
    enum { TOGETHER = 8 }; /* a megabyte */
    const int most = TOGETHER * params_some(tensor);
    const int some = most < tensor->rows ? most : tensor->rows;
    float *const room =
        params->data ? NULL : mem_new((size_t)some * (size_t)tensor->cols, sizeof *room);

    for (int row = 0; row < tensor->rows; row += some) {
        const int n = tensor->rows - row < some ? tensor->rows - row : some;

        hash_sha256_add(state, params_rows(params, tensor, row, n, room),
                        (size_t)n * (size_t)tensor->cols * sizeof *room);
    }
    free(room);
}

/* By name, not by place: whoever lists weights in another order gets the same hash. */
struct hash params_hash(const struct params *params)
{
    const struct tensor **order = mem_new((size_t)params->n, sizeof *order);
    struct hash_sha256 state;

    params_order(params, order);
    hash_sha256_init(&state);
    for (int i = 0; i < params->n; i++)
        hash_one(&state, params, order[i]);
    free(order);
    return hash_sha256_end(&state);
}
