/* Reading (model_files, on a path that is a folder): config.json first (hfconfig), then what
 * may add to it, then the tokenizer's files; names of tokens become ids only when there is a
 * tokenizer (folder_tokens).
 *
 * Writing (folder_replace): everything goes into a sibling folder, which then takes the name in
 * one exchange, so a crash leaves a whole folder; a folder that holds anything we would not
 * have written is left alone, since all that the old one holds goes with it. */

#define _GNU_SOURCE /* renameat2 */

#include "lm/file/folder.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/chat_tokens.h"
#include "lm/file/hfconfig.h"
#include "lm/file/hfconfig_write.h"
#include "lm/file/slow_folder.h"
#include "lm/file/travel.h"
#include "lm/file/weights.h"
#include "lm/text/tokenizer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG_BYTES = 4 << 20, TOKENIZER_BYTES = 128 << 20 };

/* What a model folder of ours, or of transformers, may hold: such a folder may be replaced. */
static const char *const known[] = {
    "config.json",
    "adapter_config.json",
    "adapter_model.safetensors",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "model.safetensors.index.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
};

/* A file of the folder; NULL when it is absent and may be. */
static enum err read_file(char **out, size_t *n, const char *path, const char *name,
                          size_t limit, bool needed)
{
    char *full = mem_print("%s/%s", path, name);
    enum err err = OK;

    *out = NULL;
    *n = 0;
    if (needed || fs_exists(full))
        err = fs_read(out, n, full, limit);
    free(full);
    return err;
}

/* flags: JSON_DECODE_INT_AS_REAL for tokenizer_config.json, whose model_max_length is often
 * transformers' "no limit", 10^30 as an integer, which no integer here can hold. */
static enum err read_json(json_t **out, const char *path, const char *name, bool needed,
                          size_t flags)
{
    char *full = mem_print("%s/%s", path, name);
    char *text;
    size_t n;
    enum err err = read_file(&text, &n, path, name, CONFIG_BYTES, needed);

    *out = NULL;
    if (!err && text)
        err = hfconfig_parse(out, text, n, full, flags);
    free(text);
    free(full);
    return err;
}

/* A token of tokenizer_config.json: a text or {"content": text}. */
static char *token_name(const json_t *config, const char *key)
{
    const json_t *value = json_object_get(config, key);

    if (json_is_object(value))
        value = json_object_get(value, "content");
    return json_is_string(value) ? mem_text(json_string_value(value)) : NULL;
}

/* chat_template: a text or a list of {"name", "template"}, of which "default" counts. */
static const char *template_of(const json_t *config)
{
    const json_t *value = json_object_get(config, "chat_template");
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)(uintptr_t)value, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        if (name && !strcmp(name, "default"))
            return json_string_value(json_object_get(item, "template"));
    }
    return json_string_value(value);
}

/* Of chat_template.jinja, which wins as in transformers, or of tokenizer_config.json; NULL:
 * none. */
static enum err read_template(char **out, const char *path, const json_t *config)
{
    size_t n;
    const enum err err = read_file(out, &n, path, "chat_template.jinja", CONFIG_BYTES, false);

    if (!err && !*out && template_of(config))
        *out = mem_text(template_of(config));
    return err;
}

enum err folder_template(char **out, const char *path)
{
    json_t *config = NULL;
    enum err err =
        read_json(&config, path, "tokenizer_config.json", false, JSON_DECODE_INT_AS_REAL);

    *out = NULL;
    if (!err)
        err = read_template(out, path, config);
    if (!err && !*out)
        err = err_set(ERR_PARSE,
                      "%s: no chat_template.jinja, and no chat_template in "
                      "tokenizer_config.json",
                      path);
    json_decref(config);
    return err;
}

enum err folder_read_tokenizer(struct folder *out, const char *path)
{
    json_t *config = NULL;
    size_t n = 0;
    enum err err;

    err = read_file(&out->card.tokenizer, &n, path, "tokenizer.json", TOKENIZER_BYTES,
                    !slow_folder_has(path));
    /* from here on it is a text that ends at its first zero byte */
    if (!err && out->card.tokenizer && strlen(out->card.tokenizer) != n)
        err = err_set(ERR_PARSE, "%s/tokenizer.json: byte %zu is zero", path,
                      strlen(out->card.tokenizer));
    if (!err)
        err = read_json(&config, path, "tokenizer_config.json", false, JSON_DECODE_INT_AS_REAL);
    if (!err && !out->card.tokenizer)
        err = slow_folder_read(&out->card.tokenizer, path, config);
    if (!err)
        err = read_template(&out->card.template_text, path, config);
    out->bos = token_name(config, "bos_token");
    out->eos = token_name(config, "eos_token");
    out->pad = token_name(config, "pad_token");
    out->config = config;
    return err;
}

enum err folder_read(struct folder *out, const char *path)
{
    char *name = mem_print("%s/config.json", path);
    char *generation = mem_print("%s/generation_config.json", path);
    json_t *config = NULL, *more = NULL;
    enum err err;

    memset(out, 0, sizeof *out);
    err = read_json(&config, path, "config.json", true, 0);
    if (!err)
        err = hfconfig_read(&out->card.shape, config, name);
    if (!err)
        err = read_json(&more, path, "generation_config.json", false, 0);
    if (!err && more)
        err = hfconfig_generation(&out->card.shape, more, generation);
    if (!err && more)
        out->generation = hfconfig_text(more, JSON_COMPACT);
    if (!err)
        err = folder_read_tokenizer(out, path);
    json_decref(config);
    json_decref(more);
    free(name);
    free(generation);
    if (err)
        folder_fini(out);
    return err;
}

void folder_fini(struct folder *folder)
{
    model_meta_fini(&folder->card);
    free(folder->eos);
    free(folder->bos);
    free(folder->pad);
    free(folder->generation);
    folder->eos = folder->bos = folder->pad = folder->generation = NULL;
    json_decref(folder->config);
    folder->config = NULL;
}

enum err folder_tokens(struct folder *folder, const struct tokenizer *tokenizer,
                       const char *path)
{
    struct shape *shape = &folder->card.shape;
    const int eos = folder->eos ? tokenizer_id(tokenizer, folder->eos) : -1;
    int at = 0;

    if (shape->bos < 0 && folder->bos)
        shape->bos = tokenizer_id(tokenizer, folder->bos);
    if (shape->pad < 0 && folder->pad)
        shape->pad = tokenizer_id(tokenizer, folder->pad);
    if (eos >= 0) {
        /* to the front, wherever it stood: eos[0] is the one whose text is shown and written;
         * of a full list the last one goes */
        while (at < shape->eos_count && shape->eos[at] != eos)
            at++;
        if (at == SHAPE_STOPS)
            at--;
        if (at >= shape->eos_count)
            shape->eos_count = at + 1;
        memmove(shape->eos + 1, shape->eos, (size_t)at * sizeof *shape->eos);
        shape->eos[0] = eos;
    }
    folder->card.tokens = chat_tokens_named(folder->config, shape, tokenizer);
    return shape_check(shape) ? err_add("%s/tokenizer_config.json", path) : OK;
}

static enum err write_json(const char *path, const char *name, json_t *json)
{
    char *full = mem_print("%s/%s", path, name);
    char *text = hfconfig_text(json, JSON_INDENT(2));
    char *line = mem_print("%s\n", text);
    const enum err err = fs_write(full, line, strlen(line));

    json_decref(json);
    free(full);
    free(text);
    free(line);
    return err;
}

/* "key": the text of token `id`, as the vocabulary spells it. */
static void put_token(json_t *to, const char *key, const struct tokenizer *tokenizer, int id)
{
    char *text;
    size_t n;

    if (id < 0 || id >= tokenizer_count(tokenizer) ||
        tokenizer_decode(tokenizer, &id, 1, true, &text, &n))
        return;
    if (strlen(text) == n)
        travel_token(to, key, text);
    free(text);
}

/* By their ids, but where the start model's file named another beginning or end, or none: a
 * template writes that. The pad is training's. */
static void put_tokens(json_t *to, const struct model_meta *card,
                       const struct tokenizer *tokenizer)
{
    static const char *const key[] = {"bos_token", "eos_token", "pad_token"};
    const struct shape *shape = &card->shape;
    const int id[] = {shape->bos, shape->eos_count ? shape->eos[0] : -1, shape->pad};

    for (int i = 0; i < 3; i++) {
        const json_t *named = json_object_get(card->tokens, key[i]);

        if (!named || i == 2)
            put_token(to, key[i], tokenizer, id[i]);
        else if (json_is_string(named))
            travel_token(to, key[i], json_string_value(named));
    }
}

/* What a start model's file says and we do not know stays; what needs code that older transformers
 * lack (version 5's class) becomes the class that needs nothing but tokenizer.json. */
static json_t *tokenizer_config(const struct model_meta *card, const char *start)
{
    json_t *config = travel_json(start, "tokenizer_config.json");
    const char *class = json_string_value(json_object_get(config, "tokenizer_class"));
    const char *now = card->template_text, *was = template_of(config);

    if (!json_object_size(config)) {
        json_object_set_new(config, "model_max_length", json_integer(card->shape.context));
        json_object_set_new(config, "clean_up_tokenization_spaces", json_false());
    }
    if (!class || !strcmp(class, "TokenizersBackend"))
        json_object_set_new(config, "tokenizer_class", json_string("PreTrainedTokenizerFast"));
    if (now && (!was || strcmp(now, was) != 0))
        json_object_set_new(config, "chat_template", json_string(now));
    return config;
}

/* All of it out of the card, for a model that came over the wire has no files, and beside it what
 * the start model's folder has. Three files say the tokens, as different readers look in
 * different ones. */
enum err folder_write_tokenizer(const char *path, const struct model_meta *card,
                                const struct tokenizer *tokenizer, const char *start)
{
    char *full = mem_print("%s/tokenizer.json", path);
    json_t *config = tokenizer_config(card, start);
    json_t *map = travel_json(start, "special_tokens_map.json");
    enum err err = fs_write(full, card->tokenizer, strlen(card->tokenizer));

    put_tokens(map, card, tokenizer);
    put_tokens(config, card, tokenizer);
    if (err)
        json_decref(config);
    else
        err = write_json(path, "tokenizer_config.json", config);
    if (err)
        json_decref(map);
    else
        err = write_json(path, "special_tokens_map.json", map);
    if (!err)
        err = travel_files(path, start);
    free(full);
    return err;
}

struct folder_files {
    const struct model_meta *card;
    const struct tokenizer *tokenizer;
    const struct params *params;
    const char *generation, *start, *dtype;
};

/* Nobody sees the folder yet, so no order is needed among these. */
static enum err write_files(void *self, const char *path)
{
    const struct folder_files *m = self;
    const struct shape *shape = &m->card->shape;
    char *weights = mem_print("%s/model.safetensors", path);
    enum err err = weights_write(weights, m->params, m->dtype);

    if (!err)
        err = write_json(path, "config.json", hfconfig_write(shape, m->dtype));
    if (!err && shape->head == HEAD_LM)
        err = write_json(path, "generation_config.json",
                         hfconfig_write_generation(shape, m->generation));
    if (!err)
        err = folder_write_tokenizer(path, m->card, m->tokenizer, m->start);
    free(weights);
    return err;
}

/* Names that a save, ours or transformers' (model-00001-of-00004.safetensors), leaves. */
static bool replaceable(const char *name)
{
    const char *end = strrchr(name, '.');

    if (!strcmp(name, ".") || !strcmp(name, ".."))
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(name, known[i]))
            return true;
    if (travel_goes(name))
        return true;
    return !strncmp(name, "model-", 6) && end && !strcmp(end, ".safetensors");
}

/* Nothing there, or a model folder and nothing else. */
static enum err check_target(const char *path)
{
    DIR *dir = fs_exists(path) ? opendir(path) : NULL;
    struct dirent *entry;
    enum err err = OK;

    if (!dir)
        return fs_exists(path) ? err_set(ERR_STATE, "%s: is no folder", path) : OK;
    while (!err && (entry = readdir(dir)))
        if (!replaceable(entry->d_name))
            err = err_set(ERR_STATE,
                          "%s: holds %.80s, which is no part of a model; choose another folder",
                          path, entry->d_name);
    closedir(dir);
    return err;
}

/* Where the file system cannot exchange two names, the old folder waits as path.old for the
 * moment between two renames; model_files_open knows that name. */
static enum err replace(const char *made, const char *path, const char *old)
{
    enum err err = fs_remove(old);

    if (err)
        return err;
    if (!renameat2(AT_FDCWD, made, AT_FDCWD, path, RENAME_EXCHANGE))
        return fs_rename(made, old); /* `made` is the old one now; this syncs the parent */
    err = fs_rename(path, old);
    if (err)
        return err;
    err = fs_rename(made, path);
    if (err && rename(old, path))
        err = err_add("%s is kept as %s", path, old);
    return err;
}

/* `made` under the name `path`; what was there is removed, last. */
static enum err swap(const char *made, const char *path)
{
    char *old = mem_print("%s.old", path);
    enum err err = fs_exists(path) ? replace(made, path, old) : fs_rename(made, path);

    if (!err)
        err = fs_remove(old);
    free(old);
    return err;
}

enum err folder_replace(const char *path, enum err (*write)(void *self, const char *path),
                        void *self)
{
    char *bare = mem_text(path);
    char *made;
    enum err err;

    /* "run/model/": its sibling must not land inside it */
    for (size_t n = strlen(bare); n > 1 && bare[n - 1] == '/'; n--)
        bare[n - 1] = 0;
    made = mem_print("%s.new", bare);
    err = check_target(bare);
    /* what an interrupted save left */
    if (!err)
        err = fs_remove(made);
    if (!err)
        err = fs_mkdir(made);
    if (!err)
        err = write(self, made);
    if (!err)
        err = swap(made, bare);
    if (err)
        err = fs_give_up(made, err);
    free(made);
    free(bare);
    return err;
}

enum err folder_write(const char *path, const struct model_meta *card,
                      const struct tokenizer *tokenizer, const struct params *params,
                      const char *generation, const char *start, const char *dtype)
{
    struct folder_files files = {card, tokenizer, params, generation, start, dtype};

    return folder_replace(path, write_files, &files);
}
