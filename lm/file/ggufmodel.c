#include "lm/file/ggufmodel.h"

#include "base/mem.h"
#include "lm/file/gguf.h"
#include "lm/file/meta.h"
#include "lm/file/ropefit.h"
#include "lm/file/source.h"
#include "lm/file/weights.h"
#include "lm/text/tokenizer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct arch {
    const char *name;
    enum family family;
    bool permuted; /* rows of q and k */
} archs[] = {{"llama", FAMILY_LLAMA, true}, {"qwen2", FAMILY_QWEN2, false}};
enum { ARCHS = sizeof archs / sizeof *archs };

/* Keys "{arch}.…" that change the forward pass when they are neither absent nor idle. */
static const struct {
    const char *key;
    double idle;
} changes[] = {
    {"expert_count", 0},
    {"logit_scale", 1},
    {"residual_scale", 1},
    {"embedding_scale", 1},
    {"attention.scale", 0},
    {"rope.scaling.attn_factor", 1},
    {"attention.causal", 1},
    {"attn_logit_softcapping", 0},
    {"final_logit_softcapping", 0},
};

/* Reading one file: what is wrong is set once. */
struct reader {
    const struct meta *meta;
    const char *name;
    const struct arch *arch;
    enum err err;
};

static void wrong(struct reader *reader, const char *key, const char *why)
{
    if (!reader->err)
        reader->err =
            err_set(ERR_RANGE, "%s: %s.%s: %s", reader->name, reader->arch->name, key, why);
}

static double real_of(struct reader *reader, const char *suffix, double otherwise)
{
    char key[96];
    double value = otherwise;

    snprintf(key, sizeof key, "%s.%s", reader->arch->name, suffix);
    if (!reader->err)
        reader->err = meta_real(reader->meta, key, &value);
    return value;
}

/* otherwise < 0: the key must be there. */
static int int_of(struct reader *reader, const char *suffix, int otherwise)
{
    char key[96];
    int64_t value = otherwise;

    snprintf(key, sizeof key, "%s.%s", reader->arch->name, suffix);
    if (!reader->err)
        reader->err = meta_int(reader->meta, key, &value);
    if (otherwise < 0 && !meta_has(reader->meta, key))
        wrong(reader, suffix, "is missing");
    if (value < -1 || value > 1 << 30)
        wrong(reader, suffix, "is out of range");
    return (int)(value < 0 || value > 1 << 30 ? 0 : value);
}

static int token_of(struct reader *reader, const char *key)
{
    int64_t id = -1;

    if (!reader->err)
        reader->err = meta_int(reader->meta, key, &id);
    return id < 0 || id > 1 << 30 ? -1 : (int)id;
}

static void read_arch(struct reader *reader)
{
    char *name = NULL;
    char shown[SOURCE_SHOWN];

    reader->err = meta_text(reader->meta, "general.architecture", &name);
    for (int i = 0; i < ARCHS && name && !reader->err; i++)
        if (!strcmp(archs[i].name, name))
            reader->arch = &archs[i];
    if (!reader->err && !reader->arch)
        reader->err = err_set(
            ERR_RANGE, "%s: general.architecture '%s' is not supported; llama and qwen2 are",
            reader->name, name ? source_shown(shown, name, strlen(name)) : "");
    free(name);
}

/* {arch}.rope.scaling.*: a factor on positions, or none. */
static void read_scaling(struct reader *reader, struct shape *shape)
{
    char *type = NULL, key[96];

    shape->rope_theta = real_of(reader, "rope.freq_base", 10000);
    shape->rope_factor =
        real_of(reader, "rope.scaling.factor", real_of(reader, "rope.scale_linear", 1));
    snprintf(key, sizeof key, "%s.rope.scaling.type", reader->arch->name);
    if (!reader->err)
        reader->err = meta_text(reader->meta, key, &type);
    if (type && !strcmp(type, "none"))
        shape->rope_factor = 1;
    else if (type && strcmp(type, "linear") != 0)
        wrong(reader, "rope.scaling.type",
              "only none, linear and llama3 (rope_freqs.weight) are supported");
    free(type);
    if (shape->rope_factor != 1)
        shape->rope = ROPE_LINEAR;
    else
        shape->rope_factor = 0; /* as a config.json without scaling gives it */
}

/* rope_freqs.weight, which llama.cpp's converter writes for Llama 3's scaling. */
static void read_factors(struct reader *reader, struct shape *shape, struct gguf *file)
{
    const struct gguf_tensor *factors = gguf_find(file, "rope_freqs.weight");
    float f[512];

    if (reader->err || !factors)
        return;
    if (shape->rope != ROPE_PLAIN) {
        wrong(reader, "rope.scaling.factor", "beside rope_freqs.weight is not supported");
    } else if (factors->dims != 1 || factors->dim[0] != (size_t)shape->head_dim / 2 ||
               factors->dim[0] > sizeof f / sizeof *f) {
        wrong(reader, "rope.dimension_count", "does not fit rope_freqs.weight");
    } else {
        reader->err = gguf_read(file, factors, 0, 1, f);
        if (!reader->err && ropefit_factors(shape, f))
            reader->err = err_add("%s", reader->name);
    }
}

static void refuse(struct reader *reader, const struct shape *shape)
{
    const int window = int_of(reader, "attention.sliding_window", 0);
    int64_t parts = 1;

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (real_of(reader, changes[i].key, changes[i].idle) != changes[i].idle)
            wrong(reader, changes[i].key, "is not supported");
    if (window && window < shape->context)
        wrong(reader, "attention.sliding_window", "below context_length is not supported");
    if (int_of(reader, "rope.dimension_count", shape->head_dim) != shape->head_dim)
        wrong(reader, "rope.dimension_count",
              "a rotation of part of the head is not supported");
    if (int_of(reader, "attention.value_length", shape->head_dim) != shape->head_dim)
        wrong(reader, "attention.value_length", "other than key_length is not supported");
    if (!reader->err)
        reader->err = meta_int(reader->meta, "split.count", &parts);
    if (!reader->err && parts > 1)
        reader->err = err_set(ERR_RANGE,
                              "%s: one of %" PRId64 " parts; merge them first "
                              "(llama-gguf-split --merge)",
                              reader->name, parts);
}

static void read_tokens(struct reader *reader, struct shape *shape)
{
    static const char *const stops[] = {"tokenizer.ggml.eos_token_id",
                                        "tokenizer.ggml.eot_token_id",
                                        "tokenizer.ggml.eom_token_id"};

    shape->bos = token_of(reader, "tokenizer.ggml.bos_token_id");
    shape->pad = token_of(reader, "tokenizer.ggml.padding_token_id");
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        const int id = token_of(reader, stops[i]);
        bool known = id < 0;
        for (int k = 0; k < shape->eos_count; k++)
            known = known || shape->eos[k] == id;
        if (!known)
            shape->eos[shape->eos_count++] = id;
    }
}

enum err ggufmodel_shape(struct shape *out, struct gguf *file)
{
    struct reader reader = {gguf_meta(file), gguf_name(file), NULL, OK};
    const struct gguf_tensor *embed = gguf_find(file, "token_embd.weight");

    memset(out, 0, sizeof *out);
    read_arch(&reader);
    if (reader.err)
        return reader.err;
    if (!embed || embed->dims != 2 || embed->dim[1] > 1 << 30)
        return err_set(ERR_RANGE, "%s: no token_embd.weight [vocab, width]", reader.name);
    out->family = reader.arch->family;
    out->head = HEAD_LM;
    out->layers = int_of(&reader, "block_count", -1);
    out->width = int_of(&reader, "embedding_length", -1);
    out->ffn = int_of(&reader, "feed_forward_length", -1);
    out->heads = int_of(&reader, "attention.head_count", -1);
    out->kv_heads = int_of(&reader, "attention.head_count_kv", out->heads);
    out->head_dim =
        int_of(&reader, "attention.key_length", out->heads ? out->width / out->heads : 0);
    out->context = int_of(&reader, "context_length", -1);
    out->vocab = (int)embed->dim[1];
    out->tied = !gguf_find(file, "output.weight");
    out->norm_eps = (float)real_of(&reader, "attention.layer_norm_rms_epsilon", 1e-5);
    out->init_std = 0.02;
    read_tokens(&reader, out);
    read_scaling(&reader, out);
    read_factors(&reader, out, file);
    refuse(&reader, out);
    if (reader.err)
        return reader.err;
    return shape_check(out) ? err_add("%s", reader.name) : OK;
}

static const struct gguf_tensor *tensor_of(struct gguf *file, const struct tensor *tensor,
                                           char name[96])
{
    if (!tensor->row->gguf)
        return NULL;
    part_name(name, 96, tensor->row->gguf, tensor->layer);
    return gguf_find(file, name);
}

/* Rows [row, row + n) as Hugging Face has them. Row j of a head's rows in a permuted file is
 * row (j % 2) * half + j / 2 there; row and n are of whole heads then. */
static enum err read_rows(struct gguf *file, const struct gguf_tensor *from, int head_dim,
                          int row, int n, int cols, float *to)
{
    enum err err = OK;

    if (!head_dim)
        return gguf_read(file, from, (size_t)row, (size_t)n, to);
    for (int r = 0; r < n && !err; r++) {
        const int j = r % head_dim;
        const int at = r - j + (j % 2) * (head_dim / 2) + j / 2;
        err = gguf_read(file, from, (size_t)(row + r), 1, to + (size_t)at * (size_t)cols);
    }
    return err;
}

/* Where a tensor of the model lies. *head_dim is that of permuted rows, else 0. */
static enum err locate(struct gguf *file, const struct params *params,
                       const struct tensor *tensor, const struct gguf_tensor **out,
                       int *head_dim)
{
    char name[96];
    const struct gguf_tensor *from = tensor_of(file, tensor, name);
    bool permuted = false;
    size_t rows;

    if (!from)
        return err_set(ERR_RANGE, "%s: tensor %s is missing", gguf_name(file), name);
    rows = from->dims > 1 ? from->dim[1] : 1;
    if (from->dim[0] != (size_t)tensor->cols || rows != (size_t)tensor->rows ||
        from->values != from->dim[0] * rows)
        return err_set(
            ERR_RANGE, "%s: byte %zu: tensor %s is [%zu, %zu], the metadata makes it [%d, %d]",
            gguf_name(file), from->at, name, rows, from->dim[0], tensor->rows, tensor->cols);
    for (int i = 0; i < ARCHS; i++)
        if (archs[i].family == params->shape.family)
            permuted = archs[i].permuted;
    permuted = permuted && tensor->row->interleaved;
    *head_dim = permuted ? params->shape.head_dim : 0;
    *out = from;
    return OK;
}

static enum err read_tensor(struct gguf *file, struct params *params,
                            const struct tensor *tensor)
{
    const struct gguf_tensor *from;
    int head_dim;
    const enum err err = locate(file, params, tensor, &from, &head_dim);

    return err ? err
               : read_rows(file, from, head_dim, 0, tensor->rows, tensor->cols,
                           params->data + tensor->at);
}

/* Every tensor of the file is one of the model's, or the rope factors that the shape holds. */
static enum err refuse_others(struct gguf *file, const struct params *params)
{
    const size_t factors = gguf_find(file, "rope_freqs.weight") ? 1 : 0;
    char name[96];

    if (gguf_count(file) == (size_t)params->n + factors)
        return OK;
    for (size_t i = 0; i < gguf_count(file); i++) {
        const struct gguf_tensor *tensor = gguf_at(file, i);
        bool ours = !strcmp(tensor->name, "rope_freqs.weight");
        for (int p = 0; p < params->n && !ours; p++)
            ours = tensor_of(file, &params->tensor[p], name) == tensor;
        if (!ours)
            return err_set(ERR_RANGE, "%s: byte %zu: tensor '%s' has no place in this model",
                           gguf_name(file), tensor->at, tensor->name);
    }
    return OK;
}

static enum err enough(struct gguf *file, const struct shape *shape)
{
    size_t values = 0;

    for (size_t i = 0; i < gguf_count(file); i++)
        values += gguf_at(file, i)->values;
    return weights_check(shape, values, gguf_name(file));
}

/* In pieces of whole heads or of some rows: a quarter of a million floats, or one of them. */
static enum err hash_tensor(struct hash_sha256 *state, struct gguf *file,
                            const struct params *outline, const struct tensor *t)
{
    const struct gguf_tensor *from;
    float *piece;
    int head_dim, step;
    enum err err = locate(file, outline, t, &from, &head_dim);

    if (err)
        return err;
    step = head_dim ? head_dim : (1 << 18) / t->cols + 1;
    piece = mem_new((size_t)step * (size_t)t->cols, sizeof *piece);
    for (int row = 0; !err && row < t->rows; row += step) {
        const int n = t->rows - row < step ? t->rows - row : step;
        err = read_rows(file, from, head_dim, row, n, t->cols, piece);
        if (!err)
            hash_sha256_add(state, piece, (size_t)n * (size_t)t->cols * sizeof *piece);
    }
    free(piece);
    return err;
}

enum err ggufmodel_hash(struct hash *out, struct gguf *file, const struct shape *shape)
{
    const struct tensor **order = NULL;
    struct params *outline = NULL;
    struct hash_sha256 state;
    enum err err = enough(file, shape);

    hash_sha256_init(&state);
    if (!err)
        err = params_outline(&outline, shape);
    if (!err) {
        order = mem_new((size_t)outline->n, sizeof *order);
        params_order(outline, order);
    }
    for (int i = 0; !err && i < outline->n; i++)
        err = hash_tensor(&state, file, outline, order[i]);
    if (!err)
        err = refuse_others(file, outline);
    *out = hash_sha256_end(&state);
    params_free(outline);
    free(order);
    return err;
}

enum err ggufmodel_weights(struct params **out, struct gguf *file, const struct shape *shape)
{
    struct params *params = NULL;
    enum err err = enough(file, shape);

    *out = NULL;
    if (!err)
        err = params_new(&params, shape);
    if (err)
        return err;
    for (int i = 0; i < params->n && !err; i++)
        err = read_tensor(file, params, &params->tensor[i]);
    if (!err)
        err = refuse_others(file, params);
    if (err)
        params_free(params);
    else
        *out = params;
    return err;
}

/* llama.cpp's rule where the file does not say: Llama 3's pre-tokenizer brings a BOS. */
static bool default_bos(const char *pre)
{
    return pre &&
           (!strcmp(pre, "llama-bpe") || !strcmp(pre, "llama3") || !strcmp(pre, "llama-v3"));
}

/* What tokenizer_gguf borrows; all of it may be NULL. */
struct lists {
    char *model, *pre, **token, **merge;
    int32_t *type;
    size_t tokens, merges, types;
    int64_t bos;
    bool add_bos;
};

static enum err read_lists(struct lists *lists, const struct meta *meta)
{
    enum err err = meta_text(meta, "tokenizer.ggml.model", &lists->model);

    if (!err)
        err = meta_text(meta, "tokenizer.ggml.pre", &lists->pre);
    lists->add_bos = default_bos(lists->pre);
    if (!err)
        err = meta_bool(meta, "tokenizer.ggml.add_bos_token", &lists->add_bos);
    if (!err)
        err = meta_int(meta, "tokenizer.ggml.bos_token_id", &lists->bos);
    if (!err)
        err = meta_texts(meta, "tokenizer.ggml.tokens", &lists->token, &lists->tokens);
    if (!err)
        err = meta_texts(meta, "tokenizer.ggml.merges", &lists->merge, &lists->merges);
    if (!err)
        err = meta_ints(meta, "tokenizer.ggml.token_type", &lists->type, &lists->types);
    return err;
}

enum err ggufmodel_tokenizer(struct tokenizer **out, struct gguf *file)
{
    struct lists lists = {.bos = -1};
    enum err err = read_lists(&lists, gguf_meta(file));

    *out = NULL;
    if (!err &&
        (!lists.tokens || lists.types != lists.tokens || lists.bos >= (int64_t)lists.tokens))
        err = err_set(ERR_PARSE, "%s: %zu tokens, %zu token types, bos %" PRId64,
                      gguf_name(file), lists.tokens, lists.types, lists.bos);
    if (!err) {
        const struct tokenizer_gguf parts = {
            .model = lists.model ? lists.model : "",
            .pre = lists.pre ? lists.pre : "",
            .tokens = lists.tokens,
            .merges = lists.merges,
            .token = (const char *const *)lists.token,
            .type = lists.type,
            .merge = (const char *const *)lists.merge,
            .add_bos = lists.add_bos && lists.bos >= 0,
            .bos = lists.bos < 0 ? -1 : (int)lists.bos,
        };
        err = tokenizer_gguf(out, &parts, gguf_name(file));
    }
    free(lists.model);
    free(lists.pre);
    free(lists.token);
    free(lists.merge);
    free(lists.type);
    return err;
}

enum err ggufmodel_template(char **out, struct gguf *file)
{
    *out = NULL;
    return meta_text(gguf_meta(file), "tokenizer.chat_template", out);
}
