/* The set of files is opened whole (every header is checked before a weight is read), and then
 * read by tensor_walk, which finds each weight under its name wherever it lies; model_files
 * loads a folder so, inspect hashes one. What a folder says of head and embedding is believed
 * after the bytes (weights_untie).
 *
 * Nothing is left over: a tensor that has no place is refused, or a model of another kind would
 * load in part and answer nonsense. Only those that are known to be idle are passed over. The
 * other direction is weights_write.c's. */

#include "lm/file/weights.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/grouped.h"
#include "lm/file/hfconfig.h"
#include "lm/file/safetensors.h"
#include "lm/file/source.h"
#include "lm/file/tensor_walk.h"
#include "lm/file/unopened.h"

#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 512, INDEX_BYTES = 16 << 20, PIECE = 1 << 18 /* floats */ };

struct weights {
    char *folder;
    const struct shape *shape; /* of the model that is read now */
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

/* One line of the index: opens the file if it is a new one. It must hold what is said of it;
 * where a tensor lies is then asked of the files themselves, so a lying index cannot mislead.
 */
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

/* The format is that of huggingface_hub's split state dicts; total_size is not looked at. */
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

/* Why a folder that looks like a model has no weights for us. */
static enum err nothing(const char *folder)
{
    static const char *const pickles[] = {"pytorch_model.bin", "pytorch_model.bin.index.json",
                                          "consolidated.00.pth", "model.pt"};

    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        char *path = mem_print("%s/%s", folder, pickles[i]);
        const bool there = fs_exists(path);
        free(path);
        if (there)
            return unopened_pickle(folder, pickles[i]);
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
    /* as transformers: one file wins over an index that an earlier save left */
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

/* The oldest GPT-2 folders hold the inner model, without the outer one's prefix. */
static const char prefix[] = "transformer.";

static struct safetensors *find_name(const struct weights *weights, const char *name,
                                     const struct safetensors_tensor **out)
{
    for (int i = 0; i < weights->n; i++) {
        *out = safetensors_find(weights->file[i], name);
        if (*out)
            return weights->file[i];
    }
    return NULL;
}

static struct safetensors *find(const struct weights *weights, const char *name,
                                const struct safetensors_tensor **out)
{
    struct safetensors *file = find_name(weights, name, out);

    if (!file && !strncmp(name, prefix, sizeof prefix - 1))
        file = find_name(weights, name + sizeof prefix - 1, out);
    return file;
}

/* A weight that stands once, by its row's name. */
static struct safetensors *find_part(const struct weights *weights, const struct shape *shape,
                                     enum part_place place, enum part part,
                                     const struct safetensors_tensor **out)
{
    const struct part_rows rows = part_rows(place);

    for (int i = 0; i < rows.n; i++)
        if (rows.row[i].part == part && rows.row[i].families >> shape->family & 1)
            return find(weights, rows.row[i].hf, out);
    return NULL;
}

/* A piece of each at a time; the first difference decides. */
enum err weights_untie(struct shape *shape, const struct weights *weights)
{
    const struct safetensors_tensor *head, *embedding;
    struct safetensors *of_head = find_part(weights, shape, PLACE_BACK, PART_HEAD, &head);
    struct safetensors *of_embedding =
        find_part(weights, shape, PLACE_FRONT, PART_EMBED, &embedding);
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

/* Why a weight may be missing: GPTQ and AWQ hold integers under another name, and only GPTQ the
 * order of its groups. "" where neither is there. */
static const char *elsewhere(const struct weights *weights, const struct tensor *tensor)
{
    const struct safetensors_tensor *at;
    const size_t n = strlen(tensor->name);
    const int stem = n > 6 ? (int)(n - 6) : 0; /* without "weight" */
    char *packed = mem_print("%.*sqweight", stem, tensor->name);
    char *groups = mem_print("%.*sg_idx", stem, tensor->name);
    const char *why = "";

    if (tensor->part == PART_HEAD)
        why = " and tie_word_embeddings is false";
    else if (find(weights, packed, &at))
        why = find(weights, groups, &at) ? ": a GPTQ checkpoint, whose integers are not read"
                                         : ": an AWQ checkpoint, whose integers are not read";
    free(packed);
    free(groups);
    return why;
}

/* Where a tensor of the model lies, in its shape. */
static enum err locate(const struct weights *weights, const struct tensor *tensor,
                       struct safetensors **in, const struct safetensors_tensor **out)
{
    const struct safetensors_tensor *from;
    struct safetensors *file = find(weights, tensor->name, &from);
    const bool turned = tensor->row->turned;
    const int rows = turned ? tensor->cols : tensor->rows;
    const int cols = turned ? tensor->rows : tensor->cols;
    char shown[SAFETENSORS_SHAPE];
    bool same;

    if (!file)
        return err_set(ERR_RANGE, "%s: tensor %s is missing%s", weights->folder, tensor->name,
                       elsewhere(weights, tensor));
    if (part_is_vector(tensor->row))
        same = from->dims == 1 && from->dim[0] == (size_t)cols;
    else
        same = from->dims == 2 && from->dim[0] == (size_t)rows && from->dim[1] == (size_t)cols;
    if (!same)
        return err_set(ERR_RANGE,
                       "%s: tensor %s at byte %zu is %s, config.json makes it [%d, %d]",
                       weights->folder, tensor->name, from->at, safetensors_shape(shown, from),
                       rows, cols);
    *in = file;
    *out = from;
    return OK;
}

/* What a file holds as [cols, rows] is read whole, for every row lies all over it; so are rows that
 * it has in another order. */
static int step_of(void *self, const struct tensor *tensor)
{
    (void)self;
    return tensor->row->turned || tensor->row->grouped ? tensor->rows : 1;
}

/* [cols, rows] in the file, [rows, cols] here. */
static enum err read_turned(struct safetensors *file, const struct safetensors_tensor *from,
                            const struct tensor *tensor, float *to)
{
    const size_t rows = (size_t)tensor->rows, cols = (size_t)tensor->cols;
    /* a row of the file is a column here: one at a time, so that no second copy exists */
    float *piece = mem_new(rows, sizeof *piece);
    enum err err = OK;

    for (size_t c = 0; !err && c < cols; c++) {
        err = safetensors_read_part(file, from, c * rows, rows, piece);
        for (size_t r = 0; r < rows; r++)
            to[r * cols + c] = piece[r];
    }
    free(piece);
    return err;
}

static enum err walk_rows(void *self, const struct tensor *tensor, int row, int n, float *to)
{
    const struct safetensors_tensor *from = NULL;
    struct safetensors *file = NULL;
    const size_t cols = (size_t)tensor->cols;
    const struct weights *weights = self;
    const enum err err = locate(weights, tensor, &file, &from);

    if (err)
        return err;
    if (tensor->row->turned)
        return read_turned(file, from, tensor, to);
    if (tensor->row->grouped)
        return grouped_read(file, from, tensor, weights->shape, to);
    return safetensors_read_part(file, from, (size_t)row * cols, (size_t)n * cols, to);
}

/* What is missing, or in another shape, is refused when it is read. */
static bool is_half(void *self, const struct tensor *tensor)
{
    const struct safetensors_tensor *from;

    return find(self, tensor->name, &from) && !strcmp(from->dtype, "BF16");
}

static bool ends(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);

    return n > m && !strcmp(name + n - m, end);
}

/* Tensors that older files carry and no forward pass reads: rotary tables, GPT-2's causal
 * masks, and a head that is tied to the embedding or that a reward model does not have. */
static bool idle(const struct params *params, const char *name)
{
    if (!strcmp(name, "lm_head.weight"))
        return params->shape.tied || params->shape.head != HEAD_LM;
    if (params->shape.family == FAMILY_GPT2)
        return ends(name, ".attn.bias") || ends(name, ".attn.masked_bias");
    return ends(name, ".rotary_emb.inv_freq");
}

/* Also under the short names that find takes. */
static bool has_place(const struct params *params, const char *name)
{
    char *longer = mem_print("%s%s", prefix, name);
    const bool has =
        params_name(params, name) || params_name(params, longer) || idle(params, name);

    free(longer);
    return has;
}

static enum err refuse_others(void *self, const struct params *params)
{
    const struct weights *weights = self;
    char shown[SOURCE_SHOWN];

    for (int i = 0; i < weights->n; i++)
        for (size_t t = 0; t < safetensors_count(weights->file[i]); t++) {
            const char *name = safetensors_at(weights->file[i], t)->name;
            if (!has_place(params, name))
                return err_set(ERR_RANGE, "%s/%s: tensor '%s' has no place in this model",
                               weights->folder, weights->name[i],
                               source_shown(shown, name, strlen(name)));
        }
    return OK;
}

static struct tensor_walk walk_of(struct weights *weights, const struct shape *shape)
{
    struct tensor_walk walk = {.self = weights,
                               .name = weights->folder,
                               .rows = walk_rows,
                               .step = step_of,
                               .half = is_half,
                               .others = refuse_others};

    weights->shape = shape;
    /* by bytes: no value takes fewer than two, so this is never too few */
    for (int i = 0; i < weights->n; i++)
        for (size_t t = 0; t < safetensors_count(weights->file[i]); t++)
            walk.values += (double)(safetensors_at(weights->file[i], t)->bytes / 2);
    return walk;
}

enum err weights_file_hash(struct hash *out, struct weights *weights, const struct shape *shape)
{
    const struct tensor_walk walk = walk_of(weights, shape);

    return tensor_walk_hash(out, &walk, shape);
}

enum err weights_read(struct params **out, struct weights *weights, const struct shape *shape)
{
    const struct tensor_walk walk = walk_of(weights, shape);

    return tensor_walk_read(out, &walk, shape);
}

enum err weights_pack(float **image, struct packed_layout **layout, struct weights *weights,
                      const struct shape *shape, bool run)
{
    const struct tensor_walk walk = walk_of(weights, shape);

    return tensor_walk_pack(image, layout, &walk, shape, run);
}

enum err weights_store(enum packed_store *out, struct weights *weights,
                       const struct shape *shape)
{
    const struct tensor_walk walk = walk_of(weights, shape);

    return tensor_walk_store(out, &walk, shape);
}
