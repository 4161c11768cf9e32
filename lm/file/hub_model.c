/* How it works: a repository holds much that no reader of ours opens: the same weights for other
 * programs, pictures, code. Only files of known names are taken: first the small ones, then the
 * weights in the order in which weights_open looks for them: model.safetensors, else the shards
 * that the index names, which is therefore fetched before them. Who only wants text is spared those. A repository of .gguf files holds
 * one model in many sizes: whoever names no file is shown them. */
#include "lm/file/hub_model.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/repo.h"
#include "base/strbuf.h"
#include "lm/file/hfconfig.h"
#include "lm/file/travel.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_BYTES = 32 << 20, SHOWN = 8 };

/* What is to be taken, and of whom. */
struct pick {
    const struct repo *repo;
    char *below; /* "" or "folder/" */
    size_t *at, n;
    bool text; /* no weights */
};

static bool is_small(const char *name)
{
    static const char *const names[] = {
        "config.json",         "generation_config.json", "tokenizer.json",
        "spiece.model",        "tokenizer_config.json",  "special_tokens_map.json",
        "chat_template.jinja", "chat_template.json",     "adapter_config.json"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return travel_goes(name); /* what a model that is trained from it keeps */
}

/* The place of a file of the model's folder; -1: it has none of that name. */
static long place(const struct pick *p, const char *name)
{
    char *path = mem_print("%s%s", p->below, name);
    const long at = repo_find(p->repo, path);

    free(path);
    return at;
}

static void add(struct pick *p, long at)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->at[i] == (size_t)at)
            return;
    p->at = mem_grow(p->at, p->n + 1, sizeof *p->at);
    p->at[p->n++] = (size_t)at;
}

static enum err take(struct pick *p)
{
    const enum err err = repo_take(p->repo, p->at, p->n);

    p->n = 0;
    return err;
}

static void add_small(struct pick *p)
{
    const size_t skip = strlen(p->below);

    for (size_t i = 0; i < p->repo->n; i++) {
        const char *path = p->repo->file[i].path;
        if (!strncmp(path, p->below, skip) && is_small(path + skip))
            add(p, (long)i);
    }
}

/* The shards that the index, which is here now, names. */
static enum err add_shards(struct pick *p, long index_at)
{
    char *path = mem_print("%s/%s", p->repo->folder, p->repo->file[index_at].path);
    char *text = NULL;
    json_t *index = NULL, *file;
    const char *tensor;
    size_t n;
    enum err err = fs_read(&text, &n, path, INDEX_BYTES);

    if (!err)
        err = hfconfig_parse(&index, text, n, path, 0);
    json_object_foreach(json_object_get(index, "weight_map"), tensor, file)
    {
        const char *name = json_string_value(file);
        const long at = name && !strchr(name, '/') ? place(p, name) : -1;
        if (at < 0) {
            err = err_set(ERR_PARSE, "%s: names %.100s, which %s does not have", path,
                          name ? name : "no file", p->repo->name);
            break;
        }
        add(p, at);
    }
    json_decref(index);
    free(text);
    free(path);
    return err;
}

/* Pickles are named by their name: they can run code when they are opened. */
static enum err no_weights(const struct pick *p)
{
    if (place(p, "pytorch_model.bin") >= 0 || place(p, "pytorch_model.bin.index.json") >= 0)
        return err_set(
            ERR_IO,
            "%s: has its weights as a Python pickle alone (pytorch_model.bin), which "
            "can run code and is not opened; a revision with safetensors (often "
            "@refs/pr/NUMBER) or another repository may have them",
            p->repo->name);
    return err_set(ERR_IO, "%s: has no model.safetensors and no model.safetensors.index.json",
                   p->repo->name);
}

static enum err add_weights(struct pick *p)
{
    const long adapter = place(p, "adapter_model.safetensors");
    const long whole = place(p, "model.safetensors");
    const long index = place(p, "model.safetensors.index.json");
    enum err err;

    if (place(p, "adapter_config.json") >= 0 && adapter >= 0) {
        add(p, adapter);
        return OK;
    }
    if (whole >= 0) {
        add(p, whole);
        return OK;
    }
    if (index < 0)
        return no_weights(p);
    add(p, index);
    err = take(p);
    return err ? err : add_shards(p, index);
}

/* ---- .gguf */

static bool is_gguf(const char *path)
{
    const size_t n = strlen(path);

    return n > 5 && !strcmp(path + n - 5, ".gguf");
}

/* Several: all names as they can be typed. */
static enum err choose(const struct pick *p)
{
    struct strbuf names = {NULL, 0, 0};
    size_t n = 0;
    enum err err;

    for (size_t i = 0; i < p->repo->n; i++)
        if (is_gguf(p->repo->file[i].path) && n++ < SHOWN)
            strbuf_print(&names, " %s", p->repo->file[i].path);
    err = err_set(ERR_IO, "%s: holds %zu .gguf files: name one as hf://%s/FILE:%s%s",
                  p->repo->name, n, p->repo->name, names.text, n > SHOWN ? " ..." : "");
    free(names.text);
    return err;
}

/* The one .gguf file; -1: none, -2: several. */
static long only_gguf(const struct pick *p)
{
    long only = -1;

    for (size_t i = 0; i < p->repo->n; i++)
        if (is_gguf(p->repo->file[i].path) &&
            !strncmp(p->repo->file[i].path, p->below, strlen(p->below)))
            only = only == -1 ? (long)i : -2;
    return only;
}

static enum err take_file(char **out, struct pick *p, long at)
{
    enum err err;

    add(p, at);
    err = take(p);
    if (!err)
        *out = mem_print("%s/%s", p->repo->folder, p->repo->file[at].path);
    return err;
}

static enum err take_folder(char **out, struct pick *p)
{
    const size_t n = strlen(p->below);
    enum err err = OK;

    add_small(p);
    if (!p->text || place(p, "adapter_config.json") >= 0)
        err = add_weights(p);
    if (!err)
        err = take(p);
    if (!err)
        *out = mem_print("%s/%.*s", p->repo->folder, n ? (int)n - 1 : 0, p->below);
    if (!err && !n)
        (*out)[strlen(*out) - 1] = 0; /* without the slash */
    return err;
}

static enum err find(char **out, const char *name, bool text)
{
    char inside[REPO_NAME];
    struct pick p = {.text = text};
    long file;
    enum err err = repo_open(&p.repo, REPO_MODEL, name, inside);

    *out = NULL;
    if (err)
        return err;
    file = *inside ? repo_find(p.repo, inside) : -1;
    p.below = *inside && file < 0 ? mem_print("%s/", inside) : mem_text("");
    if (file >= 0)
        err = take_file(out, &p, file);
    else if (place(&p, "config.json") >= 0 || place(&p, "adapter_config.json") >= 0)
        err = take_folder(out, &p);
    else if ((file = only_gguf(&p)) >= 0)
        err = take_file(out, &p, file);
    else
        err = file == -2 ? choose(&p)
                         : err_set(ERR_IO,
                                   "%s: has no config.json, adapter_config.json or .gguf "
                                   "file%s%s",
                                   p.repo->name, *inside ? " in " : "", inside);
    free(p.below);
    free(p.at);
    return err;
}

enum err hub_model_find(char **out, const char *name)
{
    return find(out, name, false);
}

enum err hub_model_text(char **out, const char *name)
{
    return find(out, name, true);
}
