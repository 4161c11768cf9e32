/* Params to a file, and the hash of what that file will hold. What is written of each tensor is decided
 * in one place (written_as), which the file's header, its data and the hash follow: folder_write and
 * `drover inspect` must say the same of a model. */

#include "base/mem.h"
#include "lm/file/grouped.h"
#include "lm/file/half.h"
#include "lm/file/safetensors.h"
#include "lm/file/weights.h"
#include "lm/model/lora.h"

#include <stdlib.h>
#include <string.h>

/* A model that computes in bfloat16 is written as what it computes with: its vectors are f32. */
static enum safetensors_as written_as(const struct tensor *tensor, const struct shape *shape,
                                      const char *dtype)
{
    if (strcmp(dtype, "bfloat16") != 0)
        return SAFETENSORS_F32;
    if (shape->compute != PRECISION_BFLOAT16)
        return SAFETENSORS_BF16;
    return part_in_panels(tensor->row) ? SAFETENSORS_WEIGHT : SAFETENSORS_F32;
}

enum err weights_write(const char *path, const struct params *params, const char *dtype)
{
    struct safetensors_put *put = mem_new((size_t)params->n, sizeof *put);
    int *order = grouped_order(&params->shape);
    enum err err;

    for (int i = 0; i < params->n; i++) {
        const struct tensor *tensor = &params->tensor[i];
        put[i].name = tensor->name;
        put[i].rows = part_is_vector(tensor->row) ? 0 : (size_t)tensor->rows;
        put[i].cols = (size_t)tensor->cols;
        put[i].data = params->data + tensor->at;
        put[i].turned = tensor->row->turned;
        put[i].order = tensor->row->grouped ? order : NULL;
        put[i].as = written_as(tensor, &params->shape, dtype);
    }
    err = safetensors_write(path, put, (size_t)params->n, NULL);
    free(order);
    free(put);
    return err;
}

/* What reading the file again will give. */
static float *rounded(const struct params *params)
{
    float *data = mem_new(params->count, sizeof *data);

    for (int k = 0; k < params->n; k++) {
        const struct tensor *t = &params->tensor[k];
        const size_t n = (size_t)t->rows * (size_t)t->cols;
        const enum safetensors_as as = written_as(t, &params->shape, "bfloat16");
        const float *from = params->data + t->at;
        float *to = data + t->at;

        memcpy(to, from, n * sizeof *to);
        if (as == SAFETENSORS_WEIGHT)
            params_round(to, n, t, PRECISION_BFLOAT16);
        for (size_t i = 0; i < n && as == SAFETENSORS_BF16; i++)
            to[i] = half_bf16(half_to_bf16(from[i]));
    }
    return data;
}

static bool whole(const char *dtype)
{
    return strcmp(dtype, "bfloat16") != 0;
}

struct hash weights_write_hash(const struct params *params, const char *dtype)
{
    struct params half = *params;
    struct hash hash;

    if (whole(dtype))
        return params_hash(params);
    half.data = rounded(params);
    hash = params_hash(&half);
    free(half.data);
    return hash;
}

struct hash weights_write_hash_lora(const struct lora *lora, const char *dtype)
{
    struct params half = *lora->weights;
    struct lora of = *lora;
    struct hash hash;

    if (whole(dtype))
        return lora_hash(lora);
    half.shape.compute =
        PRECISION_FLOAT32; /* what learns is written as any f32, not computed with */
    half.data = rounded(&half);
    of.weights = &half;
    hash = lora_hash(&of);
    free(half.data);
    return hash;
}
