/* Params to a file, and the hash of what that file will hold. What is written of each tensor is decided
 * in one place (written_half), which the file's header, its data and the hash follow: folder_write and
 * `drover inspect` must say the same of a model. */

#include "base/mem.h"
#include "lm/file/grouped.h"
#include "lm/file/half.h"
#include "lm/file/safetensors.h"
#include "lm/file/weights.h"
#include "lm/model/lora.h"

#include <stdlib.h>
#include <string.h>

static bool whole(const char *dtype)
{
    return strcmp(dtype, "bfloat16") != 0;
}

/* A model whose matrices are bfloat16 is written as what it computes with: its vectors are f32. */
static bool written_half(const struct tensor *tensor, const struct shape *shape,
                         const char *dtype)
{
    return !whole(dtype) && (!precision_halves(shape->compute) || part_in_panels(tensor->row));
}

/* A tensor whose rows are made: safetensors_put's self. */
struct written_rows {
    const struct params *params;
    const struct tensor *tensor;
    enum precision as; /* numbers that this computes with */
};

static void take_rows(const void *self, size_t row, size_t n, float *to)
{
    const struct written_rows *w = self;
    const float *from = params_rows(w->params, w->tensor, (int)row, (int)n, to);

    if (from != to)
        memcpy(to, from, n * (size_t)w->tensor->cols * sizeof *to);
    params_round(to, w->tensor, (int)row, (int)n, w->as);
}

enum err weights_write(const char *path, const struct params *params, const char *dtype)
{
    struct safetensors_put *put = mem_new((size_t)params->n, sizeof *put);
    struct written_rows *rows = mem_new((size_t)params->n, sizeof *rows);
    int *order = grouped_order(&params->shape);
    enum err err;

    for (int i = 0; i < params->n; i++) {
        const struct tensor *tensor = &params->tensor[i];
        rows[i] = (struct written_rows){
            params, tensor, whole(dtype) ? PRECISION_FLOAT32 : params->shape.compute};
        put[i].name = tensor->name;
        put[i].rows = part_is_vector(tensor->row) ? 0 : (size_t)tensor->rows;
        put[i].cols = (size_t)tensor->cols;
        put[i].data =
            params->data && !precision_halves(rows[i].as) ? params->data + tensor->at : NULL;
        put[i].take = take_rows;
        put[i].self = &rows[i];
        put[i].turned = tensor->row->turned;
        put[i].order = tensor->row->grouped ? order : NULL;
        put[i].bf16 = written_half(tensor, &params->shape, dtype);
    }
    err = safetensors_write(path, put, (size_t)params->n, NULL);
    free(order);
    free(rows);
    free(put);
    return err;
}

/* Params as reading the file again will give them, row by row; numbers that bfloat16 computes with are
 * that already. */
static void rounded_rows(const void *self, const struct tensor *t, int row, int rows, float *to)
{
    const struct params *params = self;
    const enum precision as = params->shape.compute;
    const struct written_rows w = {params, t, as};
    const size_t n = (size_t)rows * (size_t)t->cols;

    take_rows(&w, (size_t)row, (size_t)rows, to);
    if (written_half(t, &params->shape, "bfloat16") && !precision_halves(as))
        for (size_t i = 0; i < n; i++)
            to[i] = half_bf16(half_to_bf16(to[i]));
}

struct hash weights_write_hash(const struct params *params, const char *dtype)
{
    struct params half = *params;

    if (whole(dtype))
        return params_hash(params);
    half.data = NULL;
    half.source = (struct params_source){params, rounded_rows};
    return params_hash(&half);
}

/* What learns is written as any f32, not computed with. */
struct hash weights_write_hash_lora(const struct lora *lora, const char *dtype)
{
    struct params own = *lora->weights, half = own;
    struct lora of = *lora;
    struct hash hash;

    if (whole(dtype))
        return lora_hash(lora);
    own.shape.compute = PRECISION_FLOAT32;
    half.data = mem_new(own.count, sizeof *half.data);
    for (int i = 0; i < own.n; i++)
        rounded_rows(&own, &own.tensor[i], 0, own.tensor[i].rows, half.data + own.tensor[i].at);
    of.weights = &half;
    hash = lora_hash(&of);
    free(half.data);
    return hash;
}
