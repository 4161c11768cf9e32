#include "lm/model/params.h"

#include "base/mem.h"
#include "base/rng.h"
#include "lm/kernel/real.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One row a weight: its name, and how the shape gives its rows and columns. */
struct row {
    const char *name; /* %d is the layer */
    enum part part;
    bool decay;
};

static const struct row first[] = {{"model.embed_tokens.weight", PART_EMBED, true}};

static const struct row of_layer[] = {
    {"model.layers.%d.input_layernorm.weight", PART_NORM_ATTN, false},
    {"model.layers.%d.self_attn.q_proj.weight", PART_Q, true},
    {"model.layers.%d.self_attn.k_proj.weight", PART_K, true},
    {"model.layers.%d.self_attn.v_proj.weight", PART_V, true},
    {"model.layers.%d.self_attn.q_proj.bias", PART_Q_BIAS, false},
    {"model.layers.%d.self_attn.k_proj.bias", PART_K_BIAS, false},
    {"model.layers.%d.self_attn.v_proj.bias", PART_V_BIAS, false},
    {"model.layers.%d.self_attn.o_proj.weight", PART_O, true},
    {"model.layers.%d.post_attention_layernorm.weight", PART_NORM_MLP, false},
    {"model.layers.%d.mlp.gate_proj.weight", PART_GATE, true},
    {"model.layers.%d.mlp.up_proj.weight", PART_UP, true},
    {"model.layers.%d.mlp.down_proj.weight", PART_DOWN, true},
};

static const struct row last[] = {
    {"model.norm.weight", PART_NORM_FINAL, false},
    {"lm_head.weight", PART_HEAD, true},
    {"score.weight", PART_SCORE, true},
    {"score.bias", PART_SCORE_BIAS, false},
};

#define COUNT(rows) ((int)(sizeof(rows) / sizeof(rows)[0]))

static bool present(const struct shape *s, enum part part)
{
    switch (part) {
    case PART_Q_BIAS:
    case PART_K_BIAS:
    case PART_V_BIAS:
        return s->qkv_bias;
    case PART_HEAD:
        return s->head == HEAD_LM && !s->tied;
    case PART_SCORE:
        return s->head != HEAD_LM;
    case PART_SCORE_BIAS:
        return s->head == HEAD_STEP;
    default:
        return true;
    }
}

static int rows_of(const struct shape *s, enum part part)
{
    switch (part) {
    case PART_EMBED:
    case PART_HEAD:
        return s->vocab;
    case PART_Q:
        return s->heads * s->head_dim;
    case PART_K:
    case PART_V:
        return s->kv_heads * s->head_dim;
    case PART_O:
    case PART_DOWN:
        return s->width;
    case PART_GATE:
    case PART_UP:
        return s->ffn;
    case PART_SCORE:
        return s->head == HEAD_STEP ? 2 : 1;
    default: /* vectors */
        return 1;
    }
}

static int cols_of(const struct shape *s, enum part part)
{
    switch (part) {
    case PART_Q_BIAS:
    case PART_O:
        return s->heads * s->head_dim;
    case PART_K_BIAS:
    case PART_V_BIAS:
        return s->kv_heads * s->head_dim;
    case PART_DOWN:
        return s->ffn;
    case PART_SCORE_BIAS:
        return 2;
    default:
        return s->width;
    }
}

static void put(struct params *p, const struct row *row, int layer)
{
    struct tensor *t = &p->tensor[p->n];

    if (!present(&p->shape, row->part))
        return;
    if (layer < 0)
        snprintf(t->name, sizeof t->name, "%s", row->name);
    else {
        const char *number = strstr(row->name, "%d");

        snprintf(t->name, sizeof t->name, "%.*s%d%s", (int)(number - row->name), row->name,
                 layer, number + 2);
    }
    t->part = row->part;
    t->layer = layer;
    t->rows = rows_of(&p->shape, row->part);
    t->cols = cols_of(&p->shape, row->part);
    t->at = p->count;
    t->decay = row->decay;
    p->count += (size_t)t->rows * (size_t)t->cols;
    p->n++;
}

enum err params_outline(struct params **out, const struct shape *shape)
{
    struct params *p;

    *out = NULL;
    if (shape_check(shape))
        return ERR_RANGE;
    p = mem_new(1, sizeof *p);
    p->shape = *shape;
    p->tensor = mem_new((size_t)(COUNT(first) + COUNT(last) + shape->layers * COUNT(of_layer)),
                        sizeof *p->tensor);
    for (int i = 0; i < COUNT(first); i++)
        put(p, &first[i], -1);
    for (int layer = 0; layer < shape->layers; layer++)
        for (int i = 0; i < COUNT(of_layer); i++)
            put(p, &of_layer[i], layer);
    for (int i = 0; i < COUNT(last); i++)
        put(p, &last[i], -1);
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

/* A weight's stream depends on what it is, not on its neighbours: a trunk under another head
 * would start from the same numbers. */
static void init(struct params *p, const struct tensor *t, uint64_t seed, bool zero_head)
{
    const size_t n = (size_t)t->rows * (size_t)t->cols;
    float *data = p->data + t->at;

    switch (t->part) {
    case PART_NORM_ATTN:
    case PART_NORM_MLP:
    case PART_NORM_FINAL:
        for (size_t i = 0; i < n; i++)
            data[i] = 1.0f;
        return;
    case PART_Q_BIAS:
    case PART_K_BIAS:
    case PART_V_BIAS:
    case PART_SCORE_BIAS:
        memset(data, 0, n * sizeof *data);
        return;
    case PART_SCORE:
        if (zero_head) {
            memset(data, 0, n * sizeof *data);
            return;
        }
        break;
    default:
        break;
    }
    normal(data, n, p->shape.init_std, seed,
           (uint64_t)t->part << 32 | (uint32_t)(t->layer + 1));
}

void params_init(struct params *params, uint64_t seed, bool zero_head)
{
    for (int i = 0; i < params->n; i++)
        init(params, &params->tensor[i], seed, zero_head);
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

        if (t && t->rows == to->rows)
            memcpy(p->data + to->at, from->data + t->at,
                   (size_t)t->rows * (size_t)t->cols * sizeof *p->data);
        else
            init(p, to, seed, zero_head);
    }
    *out = p;
    return OK;
}

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

struct hash params_hash(const struct params *params)
{
    const struct tensor **order = mem_new((size_t)params->n, sizeof *order);
    struct hash_sha256 state;

    params_order(params, order);
    hash_sha256_init(&state);
    for (int i = 0; i < params->n; i++)
        hash_sha256_add(&state, params->data + order[i]->at,
                        (size_t)order[i]->rows * (size_t)order[i]->cols * sizeof(float));
    free(order);
    return hash_sha256_end(&state);
}
