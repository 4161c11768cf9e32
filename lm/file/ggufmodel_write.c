/* The inverse of ggufshape and ggufmodel by the same rows: each number of the family under its
 * key (ggufkeys), each weight under its row's GGUF name, with llama.cpp's own two changes: query
 * and key rows of arch llama interleaved, Gemma's norms as 1 + w. Llama 3's rotation becomes a
 * list of factors, longrope two.
 *
 * Not all that a config.json says has a key there; what llama.cpp has built in (Gemma's pattern
 * of layers, its scale of queries) might be another thing in this model. So the file is written
 * under another name first and read back as a stranger's would be: unless it gives the shape
 * that was meant, it goes. */

#include "lm/file/ggufmodel_write.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/gguf.h"
#include "lm/file/gguf_vocab.h"
#include "lm/file/gguf_write.h"
#include "lm/file/ggufkeys.h"
#include "lm/file/ggufmodel.h"
#include "lm/file/ggufshape.h"
#include "lm/file/hfconfig_write.h"
#include "lm/file/meta_write.h"
#include "lm/file/model_meta.h"
#include "lm/file/ropefit.h"
#include "lm/text/tokenizer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The model as it will be read back. */
struct outgoing {
    const struct ggufmodel_write *what;
    const struct ggufkeys_arch *arch;
    struct shape shape;
    float *factors; /* of Llama 3's rope, [head_dim / 2] */
};

/* ---- metadata */

/* What a key could say and llama.cpp's loader of that architecture does not read: it would refuse
 * the file for the shape or the number of its tensors. */
static enum err unloadable(const struct shape *shape, const char *arch)
{
    const bool square = shape->family == FAMILY_GLM || shape->family == FAMILY_PHI3;

    if (square && shape->heads * shape->head_dim != shape->width)
        return err_set(ERR_RANGE,
                       "GGUF: head_dim %d: llama.cpp's %s has %d, hidden_size / heads",
                       shape->head_dim, arch, shape->width / shape->heads);
    if (shape->family == FAMILY_QWEN3 && (shape->bias_qkv || shape->bias_o))
        return err_set(ERR_RANGE, "GGUF: attention_bias: llama.cpp's %s has none", arch);
    if (shape->family == FAMILY_ERNIE && shape->bias_mlp)
        return err_set(ERR_RANGE, "GGUF: use_bias: llama.cpp's %s has none", arch);
    return OK;
}

/* Mistral is arch llama there. That has no window; up to as many tokens there is none to see. */
static enum err outgoing_of(struct outgoing *out, const struct ggufmodel_write *what)
{
    const struct shape *shape = &what->params->shape;
    const enum family family = shape->family == FAMILY_MISTRAL ? FAMILY_LLAMA : shape->family;

    memset(out, 0, sizeof *out);
    out->what = what;
    out->arch = &ggufkeys_arch[family];
    out->shape = *shape;
    if (!out->arch->name)
        return err_set(ERR_RANGE, "GGUF: this family has no architecture in llama.cpp that is "
                                  "written here");
    if (shape->head != HEAD_LM)
        return err_set(ERR_RANGE, "GGUF: a reward model: llama.cpp has none of its kind");
    if (unloadable(shape, out->arch->name))
        return ERR_RANGE;
    out->shape.family = family;
    if (shape->rope == ROPE_LONG)
        out->shape.context = shape->rope_whole;
    if (shape->family == FAMILY_MISTRAL && shape->window) {
        if (shape->window < out->shape.context)
            out->shape.context = shape->window;
        out->shape.window = 0;
        memset(out->shape.local, 0, sizeof out->shape.local);
    }
    return OK;
}

/* Into the meta, unless it is what a reader takes for a key that is not there. */
static void put_number(struct meta_write *to, const struct outgoing *out,
                       const struct ggufkeys_number *row)
{
    const char *at = (const char *)&out->shape + row->at;
    const char *otherwise = (const char *)&out->arch->missing + row->at;
    char key[96];
    double real;
    float single;
    int whole;

    snprintf(key, sizeof key, "%s.%s", out->arch->name, row->key);
    if (row->type == GGUFKEYS_INT) {
        memcpy(&whole, at, sizeof whole);
        if (whole || memcmp(at, otherwise, sizeof whole) != 0 || row->needed)
            meta_write_int(to, key, (uint32_t)whole);
    } else if (row->type == GGUFKEYS_FLOAT) {
        memcpy(&single, at, sizeof single);
        meta_write_real(to, key, single);
    } else if (row->type == GGUFKEYS_BOOL) {
        meta_write_bool(to, key, *(const bool *)at);
    } else {
        memcpy(&real, at, sizeof real);
        if (real != 0 || memcmp(at, otherwise, sizeof real) != 0)
            meta_write_real(to, key, (float)real);
    }
}

/* A key that no row has, since nothing is read into a shape from it. */
static void put_int(struct meta_write *to, const struct outgoing *out, const char *suffix,
                    int value)
{
    char key[96];

    snprintf(key, sizeof key, "%s.%s", out->arch->name, suffix);
    meta_write_int(to, key, (uint32_t)value);
}

static void put_real(struct meta_write *to, const struct outgoing *out, const char *suffix,
                     double value)
{
    char key[96];

    snprintf(key, sizeof key, "%s.%s", out->arch->name, suffix);
    meta_write_real(to, key, (float)value);
}

static void put_yarn(struct meta_write *to, const struct outgoing *out)
{
    const struct shape *shape = &out->shape;
    char key[96];

    snprintf(key, sizeof key, "%s.rope.scaling.type", out->arch->name);
    meta_write_text(to, key, "yarn");
    put_real(to, out, "rope.scaling.factor", shape->rope_factor);
    put_int(to, out, "rope.scaling.original_context_length", shape->rope_original);
    if (shape->rope_high != 32)
        put_real(to, out, "rope.scaling.yarn_beta_fast", shape->rope_high);
    if (shape->rope_low != 1)
        put_real(to, out, "rope.scaling.yarn_beta_slow", shape->rope_low);
}

/* Llama 3's scaling has no keys: its factors are a tensor (list_tensors). */
static void put_rope(struct meta_write *to, const struct outgoing *out)
{
    const struct shape *shape = &out->shape;
    char key[96];

    if (shape->family == FAMILY_GPT2 || shape->family == FAMILY_BIGCODE)
        return;
    put_int(to, out, "rope.dimension_count", shape_rotary(shape));
    if (shape->rope == ROPE_LINEAR) {
        snprintf(key, sizeof key, "%s.rope.scaling.type", out->arch->name);
        meta_write_text(to, key, "linear");
        snprintf(key, sizeof key, "%s.rope.scaling.factor", out->arch->name);
        meta_write_real(to, key, (float)shape->rope_factor);
    }
    if (shape->rope == ROPE_YARN)
        put_yarn(to, out);
    if (shape->rope == ROPE_LONG) {
        put_int(to, out, "rope.scaling.original_context_length", shape->rope_original);
        snprintf(key, sizeof key, "%s.rope.scaling.attn_factor", out->arch->name);
        meta_write_real(to, key, (float)shape->rope_attention);
    }
}

/* quantization_version is the one of ggml's block layouts, which all its loaders ask for; the
 * vocabulary is of the model as it is, whose window and context are no business of a tokenizer. */
static enum err put_meta(struct meta_write *to, const struct outgoing *out)
{
    const struct ggufmodel_write *what = out->what;
    struct model_meta card = *what->card;

    card.shape = what->params->shape;
    meta_write_text(to, "general.architecture", out->arch->name);
    meta_write_text(to, "general.type", "model");
    meta_write_text(to, "general.name", what->name);
    meta_write_int(to, "general.file_type", (uint32_t)what->mix->file_type);
    meta_write_int(to, "general.quantization_version", 2);
    for (int i = 0; i < ggufkeys_numbers; i++)
        if (ggufkeys_number[i].families >> out->shape.family & 1)
            put_number(to, out, &ggufkeys_number[i]);
    put_int(to, out, "vocab_size", out->shape.vocab);
    put_int(to, out, "attention.value_length", out->shape.head_dim);
    if (out->shape.family == FAMILY_PHI3 && !out->shape.window)
        put_int(to, out, "attention.sliding_window", 0); /* its loader asks for one */
    put_rope(to, out);
    return gguf_vocab_write(to, &card, what->tokenizer, what->pre);
}

/* ---- tensors */

/* Row j of a head becomes row 2 j of its first half, 2 j + 1 of its second; a bias is permuted
 * as rows of one value are. */
static int turned_row(const struct outgoing *out, const struct tensor *tensor, int row)
{
    const int dim = out->shape.head_dim, j = row % dim;

    if (!out->arch->interleaved || !tensor->row->interleaved)
        return row;
    return row - j + (j % 2) * (dim / 2) + j / 2;
}

/* A tensor's values as the file has them: of the model, or a list of rope factors. */
static void rows(void *self, const struct gguf_write_tensor *t, int row, int n, float *to)
{
    const struct outgoing *out = self;
    const struct tensor *tensor = t->from;
    const struct params *params = out->what->params;
    const size_t cols = (size_t)t->cols;
    const float *from;

    if (t->name[0] == 'r') { /* rope_… */
        memcpy(to, t->from, cols * sizeof *to);
        return;
    }
    from = params->data + tensor->at;
    for (int r = 0; t->rows && r < n; r++)
        memcpy(to + (size_t)r * cols, from + (size_t)turned_row(out, tensor, row + r) * cols,
               cols * sizeof *to);
    for (int c = 0; !t->rows && c < t->cols; c++) {
        to[c] = from[turned_row(out, tensor, c)];
        if (out->arch->norms_plus && tensor->row->kind == KIND_NORM_PLUS)
            to[c] += 1.0f;
    }
}

/* llama.cpp looks for these lists by name, once for all layers. */
static void put_factors(struct gguf_write_tensor *list, size_t *n, const char *name,
                        const float *factors, int count)
{
    struct gguf_write_tensor *t = &list[(*n)++];

    memset(t, 0, sizeof *t);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->type = QUANT_F32;
    t->cols = count;
    t->from = factors;
}

/* list [params->n + 2] out. A weight that has no name there is refused. */
static enum err list_tensors(struct gguf_write_tensor *list, size_t *n, struct outgoing *out,
                             struct ggufmodel_written *told)
{
    const struct params *params = out->what->params;
    const struct shape *shape = &out->shape;
    const int half = shape_rotary(shape) / 2;

    *n = 0;
    if (shape->rope == ROPE_LLAMA3) {
        out->factors = mem_new((size_t)half, sizeof *out->factors);
        ropefit_list(out->factors, shape);
        put_factors(list, n, "rope_freqs.weight", out->factors, half);
    }
    if (shape->rope == ROPE_LONG) {
        put_factors(list, n, "rope_factors_long.weight", shape->rope_long, half);
        put_factors(list, n, "rope_factors_short.weight", shape->rope_short, half);
    }
    for (int i = 0; i < params->n; i++) {
        const struct tensor *tensor = &params->tensor[i];
        struct gguf_write_tensor *t = &list[(*n)++];
        bool fell;

        if (!tensor->row->gguf)
            return err_set(ERR_RANGE, "GGUF: llama.cpp has no name for tensor %s",
                           tensor->name);
        memset(t, 0, sizeof *t);
        part_name(t->name, sizeof t->name, tensor->row->gguf, tensor->layer);
        t->type = gguf_mix_type(out->what->mix, shape, tensor, &fell);
        t->rows = part_is_vector(tensor->row) ? 0 : tensor->rows;
        t->cols = tensor->cols;
        t->from = tensor;
        told->fell += fell;
        told->count[t->type]++;
        told->bytes += (double)gguf_write_size(t);
    }
    return OK;
}

/* ---- reading it back */

/* The first key of config.json under which two shapes differ; NULL: none. Free it. */
static char *differs(const struct shape *a, const struct shape *b)
{
    json_t *x = hfconfig_write(a, "float32"), *y = hfconfig_write(b, "float32"), *value;
    const char *key;
    char *found = NULL;

    json_object_foreach(x, key,
                        value) if (!found && !json_equal(value, json_object_get(y, key)))
        found = mem_text(key);
    json_object_foreach(y, key, value) if (!found && !json_object_get(x, key)) found =
        mem_text(key);
    json_decref(x);
    json_decref(y);
    return found;
}

/* GGUF has no key for the first values of weights nor more than three ends (told); tokens that stand
 * for rows of padding, and a scale of queries that is the usual one, have two spellings. */
static void level(struct shape *read, const struct shape *meant)
{
    read->init_std = meant->init_std;
    read->bos = meant->bos;
    read->pad = meant->pad;
    read->eos_count = meant->eos_count;
    memcpy(read->eos, meant->eos, sizeof read->eos);
    if (read->query_scalar == (meant->query_scalar != 0 ? meant->query_scalar : read->head_dim))
        read->query_scalar = meant->query_scalar;
}

/* With pre=NAME the person knows better than our table: then the tokenizer is not opened. */
static enum err check(struct ggufmodel_written *told, const char *path,
                      const struct outgoing *out)
{
    struct shape read;
    struct tokenizer *tokenizer = NULL;
    struct gguf *file = NULL;
    char *key;
    enum err err = gguf_open(&file, path);

    if (!err)
        err = ggufshape_read(&read, file);
    if (!err) {
        level(&read, &out->shape);
        key = differs(&out->shape, &read);
        if (key)
            err = err_set(ERR_RANGE, "%s: this model's value has no place in GGUF's %s", key,
                          out->arch->name);
        free(key);
    }
    if (!err)
        err = ggufmodel_hash(&told->hash, file, &read);
    if (!err && !out->what->pre)
        err = ggufmodel_tokenizer(&tokenizer, file);
    tokenizer_free(tokenizer);
    gguf_close(file);
    return err;
}

enum err ggufmodel_write(struct ggufmodel_written *told, const char *path,
                         const struct ggufmodel_write *what)
{
    struct gguf_write_tensor *list = mem_new((size_t)what->params->n + 2, sizeof *list);
    struct outgoing *out = mem_new(1, sizeof *out);
    char *made = mem_print("%s.part", path);
    struct meta_write meta = {{0}, 0};
    size_t n;
    enum err err = outgoing_of(out, what);

    memset(told, 0, sizeof *told);
    if (!err)
        err = put_meta(&meta, out);
    if (!err)
        err = list_tensors(list, &n, out, told);
    if (!err)
        err = gguf_write(made, &meta, list, n, rows, out);
    if (!err)
        err = check(told, made, out);
    if (!err)
        err = fs_rename(made, path);
    if (!err && out->shape.context < what->params->shape.context)
        told->context = out->shape.context;
    if (out->shape.eos_count > GGUF_VOCAB_ENDS)
        told->ends_cut = out->shape.eos_count - GGUF_VOCAB_ENDS;
    if (err && fs_exists(made))
        err = fs_give_up(made, err);
    free(meta.buf.text);
    free(made);
    free(list);
    free(out->factors);
    free(out);
    return err;
}
