/* One JSON object is gathered from the opened model and its files' headers; for people it is
 * printed from that object and the shape, so both forms say the same. Weights are read only for
 * their hash, through tensor_walk, a piece at a time; but an adapter has a hash only merged
 * with its base, so that both are opened whole. `drover inspect` calls it. Text in it is a
 * stranger's: it reaches a terminal through put_text alone. */

#include "lm/file/inspect.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/adapter.h"
#include "lm/file/gguf.h"
#include "lm/file/ggufmodel.h"
#include "lm/file/hfconfig.h"
#include "lm/file/hfconfig_write.h"
#include "lm/file/hfkeys.h"
#include "lm/file/model_files.h"
#include "lm/file/model_meta.h"
#include "lm/file/safetensors.h"
#include "lm/file/weights.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* reversed: GGUF has the fastest dimension first, and people read the other order. */
static json_t *one_tensor(const char *name, const char *dtype, const size_t *dim, int dims,
                          bool reversed)
{
    json_t *shape = json_array();

    for (int i = 0; i < dims; i++)
        json_array_append_new(shape,
                              json_integer((json_int_t)dim[reversed ? dims - 1 - i : i]));
    return json_pack("{s:s,s:s,s:o}", "name", name, "dtype", dtype, "shape", shape);
}

/* Names and hash: all files' tensors, as they stand there, and the sum over the model's; sum NULL:
 * nobody asks. */
static enum err folder_tensors(json_t *list, struct hash *sum, const char *path,
                               const struct shape *shape)
{
    struct weights *weights;
    enum err err = weights_open(&weights, path);

    if (err)
        return err;
    if (sum)
        err = weights_file_hash(sum, weights, shape);
    for (int f = 0; f < weights_files(weights); f++)
        for (size_t i = 0; i < safetensors_count(weights_file(weights, f)); i++) {
            const struct safetensors_tensor *t = safetensors_at(weights_file(weights, f), i);
            json_array_append_new(list, one_tensor(t->name, t->dtype, t->dim, t->dims, false));
        }
    weights_close(weights);
    return err;
}

/* What the adapter says of itself, and its tensors. */
static enum err about_adapter(json_t *all, json_t *list, const char *path)
{
    const struct lora_conf *conf;
    const struct safetensors *file;
    struct adapter *adapter;
    size_t values = 0;
    const enum err err = adapter_open(&adapter, path);

    if (err)
        return err;
    conf = adapter_conf(adapter);
    file = adapter_tensors(adapter);
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const struct safetensors_tensor *t = safetensors_at(file, i);
        json_array_append_new(list, one_tensor(t->name, t->dtype, t->dim, t->dims, false));
        values += t->values;
    }
    json_object_set_new(all, "adapter",
                        json_pack("{s:s,s:i,s:f,s:f,s:b,s:I}", "base",
                                  adapter_base_name(adapter), "r", conf->r, "lora_alpha",
                                  conf->alpha, "lora_dropout", conf->dropout, "use_rslora",
                                  conf->rslora, "parameters", (json_int_t)values));
    adapter_close(adapter);
    return OK;
}

static enum err gguf_tensors(json_t *list, struct hash *sum, const char *path,
                             const struct shape *shape)
{
    struct gguf *file;
    enum err err = gguf_open(&file, path);

    if (err)
        return err;
    if (sum)
        err = ggufmodel_hash(sum, file, shape);
    for (size_t i = 0; i < gguf_count(file); i++) {
        const struct gguf_tensor *t = gguf_at(file, i);
        json_array_append_new(list, one_tensor(t->name, t->kind->name, t->dim, t->dims, true));
    }
    gguf_close(file);
    return err;
}

/* {"id", "text"} of a token, or null. */
static json_t *token(const struct tokenizer *tokenizer, int id)
{
    json_t *json;
    char *text;
    size_t n;

    if (id < 0)
        return json_null();
    json = json_pack("{s:i}", "id", id);
    if (id < tokenizer_count(tokenizer) &&
        !tokenizer_decode(tokenizer, &id, 1, true, &text, &n)) {
        json_object_set_new(json, "text", json_stringn(text, n));
        free(text);
    }
    return json;
}

static json_t *about_tokenizer(const struct model_files *files)
{
    const struct shape *shape = &files->shape;
    json_t *eos = json_array();
    int special = 0, bos;

    for (int i = 0; i < shape->eos_count; i++)
        json_array_append_new(eos, token(files->tokenizer, shape->eos[i]));
    for (int id = 0; id < tokenizer_count(files->tokenizer); id++)
        special += tokenizer_is_special(files->tokenizer, id);
    return json_pack("{s:i,s:i,s:b,s:o,s:o,s:o}", "tokens", tokenizer_count(files->tokenizer),
                     "special", special, "adds_bos", tokenizer_adds_bos(files->tokenizer, &bos),
                     "bos", token(files->tokenizer, shape->bos), "pad",
                     token(files->tokenizer, shape->pad), "eos", eos);
}

/* An adapter's tensors are listed, and the hash is that of the merged model, which is there then.
 */
static enum err tensors_of(json_t *all, json_t *tensors, struct hash *sum,
                           const struct model_files *files, const char *path)
{
    if (fs_is_dir(path) && adapter_is(path)) {
        if (sum)
            *sum = params_hash(files->params);
        return about_adapter(all, tensors, path);
    }
    return fs_is_dir(path) ? folder_tensors(tensors, sum, path, &files->shape)
                           : gguf_tensors(tensors, sum, path, &files->shape);
}

/* `path` was resolved before. */
static enum err gather(json_t *all, const struct model_files *files, const char *path,
                       bool headers)
{
    char hash[HASH_TEXT];
    struct hash sum = {{0}};
    json_t *tensors = json_array();
    struct params *outline = NULL;
    struct model_meta card;
    enum err err = model_meta_read(&card, files->card, files->card_size, path);

    if (err) {
        json_decref(tensors);
        return err;
    }
    err = tensors_of(all, tensors, headers ? NULL : &sum, files, path);
    if (!err)
        err = params_outline(&outline, &files->shape);
    json_object_set_new(all, "path", json_string(path));
    json_object_set_new(all, "config", hfconfig_write(&files->shape, "float32"));
    json_object_set_new(all, "parameters",
                        json_integer(outline ? (json_int_t)outline->count : 0));
    json_object_set_new(all, "hash",
                        headers ? json_null() : json_string(hash_text(hash, &sum)));
    json_object_set_new(all, "tokenizer", about_tokenizer(files));
    json_object_set_new(all, "chat",
                        files->chat ? json_string(chat_name(files->chat)) : json_null());
    json_object_set_new(all, "chat_error",
                        files->chat_error ? json_string(files->chat_error) : json_null());
    json_object_set_new(all, "template",
                        card.template_text ? json_string(card.template_text) : json_null());
    json_object_set_new(all, "tensors", tensors);
    model_meta_fini(&card);
    params_free(outline);
    return err;
}

/* Text from a file: control bytes but newlines and tabs never reach the terminal. */
static void put_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        fputc((c < 32 && c != '\n' && c != '\t') || c == 127 ? '?' : c, to);
    }
}

/* ", bos 1 <s>"; nothing for a token that the model does not have. */
static void put_token(FILE *to, const char *name, const json_t *value)
{
    const char *text = json_string_value(json_object_get(value, "text"));

    if (!json_is_object(value))
        return;
    fprintf(to, ", %s %d", name, (int)json_integer_value(json_object_get(value, "id")));
    if (text) {
        fputc(' ', to);
        put_text(to, text);
    }
}

static void put_tokenizer(FILE *to, const json_t *json)
{
    size_t i;
    json_t *eos;

    fprintf(to, "tokenizer     %d tokens, %d special",
            (int)json_integer_value(json_object_get(json, "tokens")),
            (int)json_integer_value(json_object_get(json, "special")));
    put_token(to, "bos", json_object_get(json, "bos"));
    json_array_foreach(json_object_get(json, "eos"), i, eos) put_token(to, "eos", eos);
    put_token(to, "pad", json_object_get(json, "pad"));
    fprintf(to, "%s\n",
            json_is_true(json_object_get(json, "adds_bos")) ? ", bos goes first" : "");
}

static void put_tensors(FILE *to, const json_t *list)
{
    size_t i, k;
    json_t *tensor, *dim;

    fprintf(to, "tensors       %zu\n", json_array_size(list));
    json_array_foreach((json_t *)(uintptr_t)list, i, tensor)
    {
        fprintf(to, "  %-48s %-5s [", json_string_value(json_object_get(tensor, "name")),
                json_string_value(json_object_get(tensor, "dtype")));
        json_array_foreach(json_object_get(tensor, "shape"), k, dim)
            fprintf(to, "%s%lld", k ? ", " : "", (long long)json_integer_value(dim));
        fputs("]\n", to);
    }
}

/* How a token knows where it stands, and how far it sees. */
static void put_positions(FILE *to, const struct shape *s)
{
    static const char *const rope[] = {
        [ROPE_PLAIN] = "plain",   [ROPE_LINEAR] = "linear",   [ROPE_LLAMA3] = "llama3",
        [ROPE_LONG] = "longrope", [ROPE_DYNAMIC] = "dynamic", [ROPE_YARN] = "yarn",
    };
    int local = 0, unrotated = 0;

    for (int i = 0; i < s->layers; i++) {
        local += shape_local(s, i);
        unrotated += !shape_rotates(s, i);
    }
    fprintf(to, "context       %d tokens, ", s->context);
    if (hfkeys_family[s->family].rope == HFROPE_NONE)
        fprintf(to, "learned positions");
    else
        fprintf(to, "rope %s, theta %g", rope[s->rope], s->rope_theta);
    if (s->rope != ROPE_PLAIN && s->rope != ROPE_LONG)
        fprintf(to, ", factor %g", s->rope_factor);
    if (s->rope == ROPE_LONG)
        fprintf(to, ", %s factors, %d tokens with the long ones",
                s->rope_far ? "long" : "short", s->rope_whole);
    if (s->rope_local_theta > 0)
        fprintf(to, ", theta %g in local layers", s->rope_local_theta);
    if (s->rotary)
        fprintf(to, ", %d of %d columns", s->rotary, s->head_dim);
    if (unrotated)
        fprintf(to, ", not in %d layers", unrotated);
    if (local)
        fprintf(to, "\nwindow        %d tokens, in %d layers", s->window, local);
    fputc('\n', to);
}

static void put_shape(FILE *to, const struct shape *s)
{
    fprintf(to, "layers        %d x (width %d, %d heads of %d, %d key/value heads, mlp %d)\n",
            s->layers, s->width, s->heads, s->head_dim, s->kv_heads, s->ffn);
    fprintf(to, "vocabulary    %d rows%s\n", s->vocab, s->tied ? ", tied to the head" : "");
    put_positions(to, s);
    fprintf(to, "norm eps      %g\n", (double)s->norm_eps);
}

static void put_adapter(FILE *to, const json_t *json)
{
    if (!json)
        return;
    fprintf(to,
            "adapter       LoRA r %d, alpha %g%s, dropout %g: %lld parameters\nbase          ",
            (int)json_integer_value(json_object_get(json, "r")),
            json_number_value(json_object_get(json, "lora_alpha")),
            json_is_true(json_object_get(json, "use_rslora")) ? " over a root" : "",
            json_number_value(json_object_get(json, "lora_dropout")),
            (long long)json_integer_value(json_object_get(json, "parameters")));
    put_text(to, json_string_value(json_object_get(json, "base")));
    fputc('\n', to);
}

/* One line for one word, the word in fourteen columns; long things last. */
static void put_all(FILE *to, const json_t *all, const struct model_files *files)
{
    const json_t *config = json_object_get(all, "config");
    const char *text = json_string_value(json_object_get(all, "template"));
    const char *error = json_string_value(json_object_get(all, "chat_error"));
    const char *chat = json_string_value(json_object_get(all, "chat"));
    const char *hash = json_string_value(json_object_get(all, "hash"));

    fprintf(to, "model         ");
    put_text(to, json_string_value(json_object_get(all, "path")));
    fprintf(to, "\narchitecture  %s\n",
            json_string_value(json_array_get(json_object_get(config, "architectures"), 0)));
    put_adapter(to, json_object_get(all, "adapter"));
    put_shape(to, &files->shape);
    fprintf(to, "parameters    %lld\n",
            (long long)json_integer_value(json_object_get(all, "parameters")));
    fprintf(to, "weights hash  %s\n", hash ? hash : "not asked for (hash=false)");
    put_tokenizer(to, json_object_get(all, "tokenizer"));
    fprintf(to, "chat          ");
    put_text(to, error ? error : chat ? chat : "no template");
    fputc('\n', to);
    if (text) {
        fputs("template\n", to);
        put_text(to, text);
        fputc('\n', to);
    }
    put_tensors(to, json_object_get(all, "tensors"));
}

/* NULL: no memory. */
static char *render(const json_t *all, const struct model_files *files)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);

    if (!to)
        return NULL;
    put_all(to, all, files);
    if (fclose(to)) {
        free(text);
        return NULL;
    }
    return text;
}

static enum err inspect(char **out, const char *path, bool json, bool headers,
                        enum precision compute)
{
    struct model_files *files = NULL;
    json_t *all = json_object();
    char *found = NULL;
    enum err err = model_files_find(&found, path);

    *out = NULL;
    if (!err)
        err = model_files_open_as(&files, found,
                                  !headers && fs_is_dir(found) && adapter_is(found)
                                      ? MODEL_FILES_ALL
                                      : MODEL_FILES_META,
                                  compute);
    if (!err)
        err = gather(all, files, found, headers);
    if (!err)
        *out = json ? hfconfig_text(all, JSON_INDENT(2)) : render(all, files);
    if (!err && !*out)
        err = err_set(ERR_NOMEM, "%s: no memory for the description", path);
    json_decref(all);
    model_files_free(files);
    free(found);
    return err;
}

enum err inspect_model(char **out, const char *path, bool json, enum precision compute)
{
    return inspect(out, path, json, false, compute);
}

enum err inspect_headers(char **out, const char *path, bool json)
{
    return inspect(out, path, json, true, PRECISION_FLOAT32);
}
