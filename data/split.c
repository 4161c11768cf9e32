/* How it works: the places are looked at in one order, the first that has something is taken:
 * a file called as the split, shards, a folder. Shards and a folder's files are read in the order
 * of their names, which is that of their numbers, so that a data set in shards has the records of
 * one in a single file in the same order.
 *
 * What must hold: a shard that says "of 8" and is not one of eight is an error: training on
 * three quarters of the data would look like all of it. */
#include "data/split.h"

#include "base/fs.h"
#include "base/mem.h"
#include "data/rows.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const forms[] = {"jsonl",    "jsonl.gz", "jsonl.zst", "json",    "json.gz",
                                    "json.zst", "parquet",  "arrow",     "csv",     "csv.gz",
                                    "csv.zst",  "tsv",      "tsv.gz",    "tsv.zst", "feather"};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

void split_free(struct split *split)
{
    for (size_t i = 0; i < split->n; i++)
        free(split->file[i]);
    free(split->file);
    *split = (struct split){.n = 0};
}

/* Takes the path. */
static enum err add(struct split *split, char *path)
{
    if (split->n == SPLIT_FILES_MAX) {
        free(path);
        return err_set(ERR_RANGE, "more than %d files of one split", SPLIT_FILES_MAX);
    }
    split->file = mem_grow(split->file, split->n + 1, sizeof(*split->file));
    split->file[split->n++] = path;
    return OK;
}

/* Which form a name ends in; -1 for none. */
static int form_of(const char *name)
{
    const size_t n = strlen(name);

    for (int i = 0; i < FORMS; i++) {
        const size_t m = strlen(forms[i]);
        if (n > m + 1 && name[n - m - 1] == '.' && !strcmp(name + n - m, forms[i]))
            return i;
    }
    return -1;
}

/* "-00000-of-00002", and perhaps a hash behind it; 0: it does not say of how many. */
static long shards_of(const char *name)
{
    const char *of = strstr(name, "-of-");
    long n = 0;

    if (!of || of == name || !isdigit((unsigned char)of[-1]))
        return 0;
    for (of += 4; isdigit((unsigned char)*of) && n <= SPLIT_FILES_MAX; of++)
        n = 10 * n + (*of - '0');
    return n;
}

/* Numbers in names have leading zeros, so that the order of bytes is theirs. */
static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Beside data lie README.md, dataset_info.json and kin, which are none. */
static bool is_about(const char *name)
{
    return !strcmp(name, "dataset_info.json") || !strcmp(name, "dataset_infos.json") ||
           !strcmp(name, "dataset_dict.json") || !strcmp(name, "state.json");
}

bool split_is_data(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    return *path != '.' && !strstr(path, "/.") && *name != '_' && form_of(name) >= 0 &&
           !is_about(name) && strcmp(name, "config.json") != 0;
}

/* All shards there, and of one form. */
static enum err check(const struct split *split, const char *folder)
{
    const int form = split->n ? form_of(split->file[0]) : 0;
    const char *name = split->n ? strrchr(split->file[0], '/') + 1 : "";
    const long wanted = shards_of(name);

    for (size_t i = 0; i < split->n; i++)
        if (form_of(split->file[i]) != form)
            return err_set(ERR_PARSE,
                           "%s: %s and %s are of different forms: name the file that "
                           "is meant",
                           folder, name, strrchr(split->file[i], '/') + 1);
    if (wanted && (size_t)wanted != split->n)
        return err_set(ERR_PARSE, "%s: has %zu of the %ld parts that %s belongs to", folder,
                       split->n, wanted, name);
    return OK;
}

/* The folder's files that begin with `front` and end in a form. */
static enum err add_files(struct split *out, const char *folder, const char *front)
{
    DIR *dir = fs_is_dir(folder) ? opendir(folder) : NULL;
    const struct dirent *entry;
    enum err err = OK;

    if (!dir)
        return fs_is_dir(folder) ? err_set(ERR_IO, "%s: %s", folder, strerror(errno)) : OK;
    while (!err && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        if (name[0] == '.' || strncmp(name, front, strlen(front)) != 0 || form_of(name) < 0 ||
            is_about(name))
            continue;
        err = add(out, mem_print("%s/%s", folder, name));
    }
    closedir(dir);
    if (!err && out->n) {
        qsort(out->file, out->n, sizeof(*out->file), by_name);
        err = check(out, folder);
    }
    return err;
}

/* state.json of save_to_disk lists its files in order. */
static enum err add_saved(struct split *out, const char *folder)
{
    char *path = mem_print("%s/state.json", folder);
    json_t *state = NULL, *item;
    size_t i;
    enum err err = fs_exists(path) ? rows_document(&state, path) : OK;

    json_array_foreach(json_object_get(state, "_data_files"), i, item)
    {
        const char *name = json_string_value(json_object_get(item, "filename"));
        if (!err && (!name || strchr(name, '/') || name[0] == '.'))
            err = err_set(ERR_PARSE, "%s: names a file that lies elsewhere", path);
        if (!err)
            err = add(out, mem_print("%s/%s", folder, name));
    }
    /* Rows that were chosen or put in another order are told by a second file. */
    if (!err && json_array_size(json_object_get(state, "_indices_data_files")))
        err = err_set(ERR_PARSE, "%s: has an index of rows, which is not read", path);
    json_decref(state);
    free(path);
    return err;
}

/* SPLIT.jsonl and kin. */
static enum err add_single(struct split *out, const char *folder, const char *split)
{
    for (int i = 0; i < FORMS; i++) {
        char *path = mem_print("%s/%s.%s", folder, split, forms[i]);
        if (fs_exists(path) && !fs_is_dir(path))
            return add(out, path);
        free(path);
    }
    return OK;
}

/* In one folder: a file, shards, or a folder of the split's name. */
static enum err look(struct split *out, const char *folder, const char *split)
{
    char *front = mem_print("%s-", split), *inner = mem_print("%s/%s", folder, split);
    enum err err = add_single(out, folder, split);

    if (!err && !out->n)
        err = add_files(out, folder, front);
    if (!err && !out->n)
        err = add_saved(out, inner);
    if (!err && !out->n)
        err = add_files(out, inner, "");
    free(front);
    free(inner);
    return err;
}

/* Beside the folder itself, data/ is where the hub has most of its files. */
enum err split_find(struct split *out, const char *folder, const char *split)
{
    char *data = mem_print("%s/data", folder);
    enum err err;

    *out = (struct split){.n = 0};
    err = look(out, folder, split);
    if (!err && !out->n)
        err = look(out, data, split);
    if (!err && !out->n && !strcmp(split, "train")) /* one set, without splits */
        err = add_saved(out, folder);
    free(data);
    if (err)
        split_free(out);
    return err;
}
