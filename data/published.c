/* How it works: the set is opened by its name, which gives the list of its files and no bytes; its
 * card (README.md) is fetched and asked which of them are the split (card.h); those alone are
 * fetched. A set of one file (hf://…/FILE) is that file, whatever the split is called.
 *
 * Older sets bring a Python script in place of data, which is never run. The hub keeps a copy of
 * many of them as Parquet in a branch of its own: CONFIGURATION/SPLIT/0000.parquet. That is what
 * is taken then, and said. */
#include "data/published.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/repo.h"
#include "base/say.h"
#include "data/card.h"

#include <stdlib.h>
#include <string.h>

enum { README_BYTES = 8 << 20 };
static const char converted[] = "refs/convert/parquet";

bool published_is(const char *name)
{
    return name && !fs_exists(name) && repo_is_name(name);
}

/* ---- the card */

static enum err read_card(json_t **out, const struct repo *o)
{
    const long at = repo_find(o, "README.md");
    const size_t place = (size_t)at;
    char *path, *text = NULL;
    size_t n;
    enum err err;

    *out = NULL;
    if (at < 0)
        return OK;
    err = repo_take(o, &place, 1);
    if (err)
        return err;
    path = mem_print("%s/README.md", o->folder);
    err = fs_read(&text, &n, path, README_BYTES);
    if (!err)
        err = card_read(out, text, n, path);
    free(text);
    free(path);
    return err;
}

/* ---- the files */

static bool has_data(const struct repo *o)
{
    for (size_t i = 0; i < o->n; i++)
        if (split_is_data(o->file[i].path))
            return true;
    return false;
}

/* Fetched, then named by their paths here. */
static enum err bring(struct split *out, const struct repo *o, const size_t *at, size_t n)
{
    enum err err = n > SPLIT_FILES_MAX
                       ? err_set(ERR_RANGE, "%s: more than %d files of one split", o->name,
                                 SPLIT_FILES_MAX)
                       : repo_take(o, at, n);

    if (err || !n)
        return err;
    out->file = mem_new(n, sizeof *out->file);
    for (; out->n < n; out->n++)
        out->file[out->n] = mem_print("%s/%s", o->folder, o->file[at[out->n]].path);
    return OK;
}

static enum err no_split(const struct repo *o, const char *split,
                         const struct card_answer *answer)
{
    return err_set(ERR_IO, "%s: has no split '%s'; there is:%s", o->name, split,
                   answer->splits ? answer->splits : " none with data in a form that is read");
}

/* What the card, or patterns, or names say. */
static enum err find_in(struct split *out, const struct repo *o, const struct published *what,
                        const char *folder, bool must)
{
    const char **path = mem_new(o->n + 1, sizeof *path);
    struct card_question question = {.name = o->name,
                                     .path = path,
                                     .n = o->n,
                                     .config = what->config,
                                     .folder = folder,
                                     .split = what->split};
    struct card_answer answer = {.n = 0};
    json_t *card = NULL;
    enum err err = OK;

    for (size_t i = 0; i < o->n; i++)
        path[i] = o->file[i].path;
    if (what->data_files) {
        err = card_matching(&answer, &question, what->data_files);
    } else {
        if (!folder) /* the card is of the whole set */
            err = read_card(&card, o);
        question.card = card;
        if (!err)
            err = card_files(&answer, &question);
    }
    if (!err && must && !answer.n)
        err = no_split(o, what->split, &answer);
    if (!err)
        err = bring(out, o, answer.at, answer.n);
    card_answer_free(&answer);
    json_decref(card);
    free(path);
    return err;
}

/* ---- the hub's own copy */

static bool same(const char *path, const char *folder, size_t n)
{
    return strcspn(path, "/") == n && !strncmp(path, folder, n);
}

/* The configuration's folder in the copy: the one that is asked for, "default", or the only one. */
static enum err folder_of(char **out, const struct repo *copy, const char *config)
{
    const char *wanted = config ? config : "default", *only = NULL;
    bool many = false;

    *out = NULL;
    for (size_t i = 0; i < copy->n && !*out; i++) {
        const char *path = copy->file[i].path;
        if (!strchr(path, '/') || !split_is_data(path))
            continue;
        if (same(path, wanted, strlen(wanted)))
            *out = mem_text(wanted);
        many = many || (only && !same(path, only, strcspn(only, "/")));
        only = path;
    }
    if (!*out && only && !many && !config)
        *out = mem_print("%.*s", (int)strcspn(only, "/"), only);
    return *out ? OK
                : err_set(ERR_RANGE,
                          "%s: its copy as Parquet has no configuration '%s': choose "
                          "one (dataset_config, in datasets: name)",
                          copy->name, wanted);
}

static enum err find_converted(struct split *out, const struct repo *o,
                               const struct published *what, bool must)
{
    char *name = mem_print("%s@%s", o->name, converted), *folder = NULL;
    struct published inner = *what;
    const struct repo *copy;
    enum err err = repo_open(&copy, REPO_DATASET, name, NULL);

    free(name);
    if (err)
        return err_add(
            "%s: has no file in a form that is read (JSON, Parquet, CSV, Arrow), and "
            "its scripts are not run; nor is there a copy as Parquet",
            o->name);
    err = folder_of(&folder, copy, what->config);
    if (!err) {
        inner.config = NULL;
        say(stderr,
            "hub: %s: no data but by a script, which is not run: the hub's copy as "
            "Parquet is taken\n",
            o->name);
        err = find_in(out, copy, &inner, folder, must);
    }
    free(folder);
    return err;
}

/* The card is taken even here: by it the set is known without a network later. */
static enum err without_data(struct split *out, const struct repo *o,
                             const struct published *what, bool must)
{
    json_t *card = NULL;
    enum err err = read_card(&card, o);

    json_decref(card);
    return err ? err : find_converted(out, o, what, must);
}

/* ---- */

static enum err find_inside(struct split *out, const struct repo *o,
                            const struct published *what, const char *inside, bool must)
{
    const long file = repo_find(o, inside);
    const size_t place = (size_t)file;

    if (file >= 0)
        return !strcmp(what->split, "train") || must ? bring(out, o, &place, 1) : OK;
    return find_in(out, o, what, inside, must);
}

enum err published_find(struct split *out, const struct published *what, bool must)
{
    char inside[REPO_NAME], *name = repo_at(what->name, what->revision);
    const struct repo *o;
    enum err err = repo_open(&o, REPO_DATASET, name, inside);

    *out = (struct split){.n = 0};
    if (err)
        err = err_add("%s: there is no such file or folder here; as a name on the hub", name);
    else if (*inside)
        err = find_inside(out, o, what, inside, must);
    else if (!has_data(o) && !what->data_files && !strcmp(o->revision, "main"))
        err = without_data(out, o, what, must);
    else
        err = find_in(out, o, what, what->folder && *what->folder ? what->folder : NULL, must);
    if (err)
        split_free(out);
    free(name);
    return err;
}
