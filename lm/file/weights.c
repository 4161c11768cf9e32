#include "lm/file/weights.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/hfconfig.h"
#include "lm/file/quant.h"
#include "lm/file/safetensors.h"
#include "lm/file/source.h"
#include "lm/model/lora.h"

#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 512, INDEX_BYTES = 16 << 20, PIECE = 1 << 18 /* floats */ };

struct weights {
    char *folder;
    int n;
    char *name[FILES_MAX];
    struct safetensors *file[FILES_MAX];
};

static enum err add_file(struct weights *weights, const char *name)
{
    char *path;
    enum err err;

    if (weights->n == FILES_MAX)
        return err_set(ERR_RANGE, "%s: more than %d files of weights", weights->folder,
                       FILES_MAX);
    path = mem_print("%s/%s", weights->folder, name);
    err = safetensors_open(&weights->file[weights->n], path);
    if (!err)
        weights->name[weights->n++] = mem_text(name);
    free(path);
    return err;
}

/* A bare name. It may be a link: the hub's cache is made of links into a neighbour folder, and
 * who can place links in the folder could place the bytes as well. */
static bool bare(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/') && strlen(name) < 256;
}

static enum err add_shard(struct weights *weights, const char *path, const char *tensor,
                          const char *name)
{
    char shown[SOURCE_SHOWN];
    enum err err = OK;
    int i = 0;

    if (!name || !bare(name))
        return err_set(ERR_PARSE, "%s: weight_map: '%s' is not the bare name of a file", path,
                       name ? source_shown(shown, name, strlen(name)) : "");
    while (i < weights->n && strcmp(weights->name[i], name) != 0)
        i++;
    if (i == weights->n)
        err = add_file(weights, name);
    if (!err && !safetensors_find(weights->file[i], tensor))
        err = err_set(ERR_PARSE, "%s: weight_map: %s has no tensor '%s'", path, name,
                      source_shown(shown, tensor, strlen(tensor)));
    return err;
}

static enum err open_index(struct weights *weights, const char *path)
{
    json_t *index = NULL, *map, *file;
    const char *tensor;
    char *text;
    size_t n;
    enum err err = fs_read(&text, &n, path, INDEX_BYTES);

    if (err)
        return err;
    err = hfconfig_parse(&index, text, n, path, 0);
    free(text);
    if (err)
        return err;
    map = json_object_get(index, "weight_map");
    if (!json_is_object(map) || !json_object_size(map))
        err = err_set(ERR_PARSE, "%s: no weight_map", path);
    json_object_foreach(map, tensor, file)
    {
        err = add_shard(weights, path, tensor, json_string_value(file));
        if (err)
            break;
    }
    json_decref(index);
    return err;
}

static enum err nothing(const char *folder)
{
    static const char *const pickles[] = {"pytorch_model.bin", "pytorch_model.bin.index.json",
                                          "consolidated.00.pth", "model.pt"};

    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        char *path = mem_print("%s/%s", folder, pickles[i]);
        const bool there = fs_exists(path);
        free(path);
        if (there)
            return err_set(
                ERR_PARSE,
                "%s: only %s, a Python pickle, which can run code and is not opened; "
                "save the model with safetensors",
                folder, pickles[i]);
    }
    return err_set(ERR_IO, "%s: no model.safetensors and no model.safetensors.index.json",
                   folder);
}

enum err weights_open(struct weights **out, const char *folder)
{
    struct weights *weights = mem_new(1, sizeof *weights);
    char *one = mem_print("%s/model.safetensors", folder);
    char *index = mem_print("%s/model.safetensors.index.json", folder);
    enum err err;

    *out = NULL;
    weights->folder = mem_text(folder);
    if (fs_exists(one))
        err = add_file(weights, "model.safetensors");
    else if (fs_exists(index))
        err = open_index(weights, index);
    else
        err = nothing(folder);
    free(one);
    free(index);
    if (err)
        weights_close(weights);
    else
        *out = weights;
    return err;
}

void weights_close(struct weights *weights)
{
    if (!weights)
        return;
    for (int i = 0; i < weights->n; i++) {
        free(weights->name[i]);
        safetensors_close(weights->file[i]);
    }
    free(weights->folder);
    free(weights);
}

int weights_files(const struct weights *weights)
{
    return weights->n;
}

const struct safetensors *weights_file(const struct weights *weights, int i)
{
    return weights->file[i];
}

enum err weights_check(const struct shape *shape, size_t values, const char *name)
{
    const double wanted = part_count(shape);

    if (wanted <= (double)values)
        return OK;
    return err_set(ERR_RANGE,
                   "%s: the configuration makes a model of %.0f weights, %zu are here", name,
                   wanted, values);
}

static struct safetensors *find(const struct weights *weights, const char *name,
                                const struct safetensors_tensor **out)
{
    for (int i = 0; i < weights->n; i++) {
        *out = safetensors_find(weights->file[i], name);
        if (*out)
            return weights->file[i];
    }
    return NULL;
}

enum err weights_untie(struct shape *shape, const struct weights *weights)
{
    const struct safetensors_tensor *head, *embedding;
    struct safetensors *of_head = find(weights, "lm_head.weight", &head);
    struct safetensors *of_embedding = find(weights, "model.embed_tokens.weight", &embedding);
    float *a = NULL, *b = NULL;
    enum err err = OK;

    if (!shape->tied || !of_head || !of_embedding)
        return OK;
    if (head->values != embedding->values) {
        shape->tied = false; /* weights_read says what is wrong with it */
        return OK;
    }
    a = mem_new(PIECE, sizeof *a);
    b = mem_new(PIECE, sizeof *b);
    for (size_t at = 0; !err && shape->tied && at < head->values; at += PIECE) {
        const size_t n = head->values - at < PIECE ? head->values - at : PIECE;
        err = safetensors_read_part(of_head, head, at, n, a);
        if (!err)
            err = safetensors_read_part(of_embedding, embedding, at, n, b);
        if (!err)
            shape->tied = !memcmp(a, b, n * sizeof *a);
    }
    free(a);
    free(b);
    return err;
}

/* Where a tensor of the model lies, in its shape. */
static enum err locate(struct weights *weights, const struct tensor *tensor,
                       struct safetensors **in, const struct safetensors_tensor **out)
{
    const struct safetensors_tensor *from;
    struct safetensors *file = find(weights, tensor->name, &from);
    char shown[SAFETENSORS_SHAPE];
    bool same;

    if (!file)
        return err_set(ERR_RANGE, "%s: tensor %s is missing%s", weights->folder, tensor->name,
                       tensor->part == PART_HEAD ? " and tie_word_embeddings is false" : "");
    if (part_is_vector(tensor->row))
        same = from->dims == 1 && from->dim[0] == (size_t)tensor->cols;
    else
        same = from->dims == 2 && from->dim[0] == (size_t)tensor->rows &&
               from->dim[1] == (size_t)tensor->cols;
    if (!same)
        return err_set(ERR_RANGE,
                       "%s: tensor %s at byte %zu is %s, config.json makes it [%d, %d]",
                       weights->folder, tensor->name, from->at, safetensors_shape(shown, from),
                       tensor->rows, tensor->cols);
    *in = file;
    *out = from;
    return OK;
}

static enum err read_tensor(struct weights *weights, const struct tensor *tensor, float *to)
{
    const struct safetensors_tensor *from;
    struct safetensors *file;
    const enum err err = locate(weights, tensor, &file, &from);

    return err ? err : safetensors_read(file, from, to);
}

/* Tensors that older files carry and no forward pass reads: rotary tables, and a head that is
 * tied to the embedding or that a reward model does not have. */
static bool idle(const struct params *params, const char *name)
{
    static const char table[] = ".rotary_emb.inv_freq";
    const size_t n = strlen(name), t = sizeof table - 1;

    if (!strcmp(name, "lm_head.weight"))
        return params->shape.tied || params->shape.head != HEAD_LM;
    return n > t && !strcmp(name + n - t, table);
}

static enum err refuse_others(const struct weights *weights, const struct params *params)
{
    char shown[SOURCE_SHOWN];

    for (int i = 0; i < weights->n; i++)
        for (size_t t = 0; t < safetensors_count(weights->file[i]); t++) {
            const char *name = safetensors_at(weights->file[i], t)->name;
            if (!params_name(params, name) && !idle(params, name))
                return err_set(ERR_RANGE, "%s/%s: tensor '%s' has no place in this model",
                               weights->folder, weights->name[i],
                               source_shown(shown, name, strlen(name)));
        }
    return OK;
}

/* Are there as many values as a model of this shape has? Asked before memory is. */
static enum err enough(const struct weights *weights, const struct shape *shape)
{
    size_t values = 0;

    for (int i = 0; i < weights->n; i++)
        for (size_t t = 0; t < safetensors_count(weights->file[i]); t++)
            values += safetensors_at(weights->file[i], t)->bytes / 2;
    return weights_check(shape, values, weights->folder);
}

static enum err hash_tensor(struct hash_sha256 *state, struct weights *weights,
                            const struct tensor *tensor, float *piece)
{
    const struct safetensors_tensor *from;
    struct safetensors *file;
    enum err err = locate(weights, tensor, &file, &from);

    for (size_t at = 0; !err && at < from->values; at += PIECE) {
        const size_t n = from->values - at < PIECE ? from->values - at : PIECE;
        err = safetensors_read_part(file, from, at, n, piece);
        if (!err)
            hash_sha256_add(state, piece, n * sizeof *piece);
    }
    return err;
}

enum err weights_file_hash(struct hash *out, struct weights *weights, const struct shape *shape)
{
    float *piece = mem_new(PIECE, sizeof *piece);
    const struct tensor **order = NULL;
    struct params *outline = NULL;
    struct hash_sha256 state;
    enum err err = enough(weights, shape);

    hash_sha256_init(&state);
    if (!err)
        err = params_outline(&outline, shape);
    if (!err) {
        order = mem_new((size_t)outline->n, sizeof *order);
        params_order(outline, order);
    }
    for (int i = 0; !err && i < outline->n; i++)
        err = hash_tensor(&state, weights, order[i], piece);
    if (!err)
        err = refuse_others(weights, outline);
    *out = hash_sha256_end(&state);
    params_free(outline);
    free(order);
    free(piece);
    return err;
}

enum err weights_read(struct params **out, struct weights *weights, const struct shape *shape)
{
    struct params *params = NULL;
    enum err err = enough(weights, shape);

    *out = NULL;
    if (!err)
        err = params_new(&params, shape);
    if (err)
        return err;
    for (int i = 0; i < params->n && !err; i++)
        err = read_tensor(weights, &params->tensor[i], params->data + params->tensor[i].at);
    if (!err)
        err = refuse_others(weights, params);
    if (err)
        params_free(params);
    else
        *out = params;
    return err;
}

enum err weights_write(const char *path, const struct params *params, const char *dtype)
{
    struct safetensors_put *put = mem_new((size_t)params->n, sizeof *put);
    const bool bf16 = !strcmp(dtype, "bfloat16");
    enum err err;

    for (int i = 0; i < params->n; i++) {
        const struct tensor *tensor = &params->tensor[i];
        put[i].name = tensor->name;
        put[i].rows = part_is_vector(tensor->row) ? 0 : (size_t)tensor->rows;
        put[i].cols = (size_t)tensor->cols;
        put[i].data = params->data + tensor->at;
    }
    err = safetensors_write(path, put, (size_t)params->n, bf16, NULL);
    free(put);
    return err;
}

static float *rounded(const struct params *params)
{
    float *data = mem_new(params->count, sizeof *data);

    for (size_t i = 0; i < params->count; i++)
        data[i] = quant_bf16(quant_to_bf16(params->data[i]));
    return data;
}

static bool whole(const char *dtype)
{
    return strcmp(dtype, "bfloat16") != 0;
}

struct hash weights_hash(const struct params *params, const char *dtype)
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

struct hash weights_hash_lora(const struct lora *lora, const char *dtype)
{
    struct params half = *lora->weights;
    struct lora of = *lora;
    struct hash hash;

    if (whole(dtype))
        return lora_hash(lora);
    half.data = rounded(lora->weights);
    of.weights = &half;
    hash = lora_hash(&of);
    free(half.data);
    return hash;
}
