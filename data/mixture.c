/* How it works: an entry of `datasets:` is read into its files, columns and fraction
 * (mixture_read); dataset.c reads the files and hands each object to mixture_apply, which
 * keeps and renames columns; of a part with a weight it keeps a choice. Last, mixture_shares says how much of each part is used: the
 * largest whole that fits all fractions, so that no part is read twice and the smallest is
 * used up.
 *
 * Keys that Hugging Face has and we have not are refused by name: a recipe from there must
 * not do something else here. */
#include "data/mixture.h"

#include "base/fs.h"
#include "base/mem.h"
#include "data/published.h"
#include "data/split.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void mixture_free(struct mixture *mixture)
{
    for (size_t i = 0; i < mixture->files; i++)
        free(mixture->file[i]);
    mixture->files = 0;
}

/* A path, or a list of paths. */
static enum err add_files(struct mixture *out, const json_t *value)
{
    const size_t n = json_is_array(value) ? json_array_size(value) : 1;

    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_is_string(item))
            return err_set(ERR_PARSE,
                           "datasets: 'data_files' is not a path or a list of paths");
        if (out->files == MIXTURE_FILES_MAX)
            return err_set(ERR_RANGE, "datasets: more than %d files", MIXTURE_FILES_MAX);
        out->file[out->files++] = mem_text(json_string_value(item));
    }
    return OK;
}

static enum err add_found(struct mixture *out, const struct split *found)
{
    if (found->n > MIXTURE_FILES_MAX)
        return err_set(ERR_RANGE, "datasets: more than %d files", MIXTURE_FILES_MAX);
    for (size_t i = 0; i < found->n; i++)
        out->file[out->files++] = mem_text(found->file[i]);
    return OK;
}

/* A folder means its files of that split; a file is itself, whatever the split is called. */
static enum err add_path(struct mixture *out, const char *path, const char *split)
{
    struct split found;
    enum err err;

    if (!fs_is_dir(path)) {
        out->file[out->files++] = mem_text(path);
        return OK;
    }
    err = split_find(&found, path, split);
    if (!err && !found.n)
        err =
            err_set(ERR_IO, "%s: has no %s.jsonl, nor %s in another form", path, split, split);
    if (!err)
        err = add_found(out, &found);
    split_free(&found);
    return err;
}

/* A key with a spelling mistake would silently change what is trained on. */
static enum err check_keys(const json_t *entry)
{
    static const char *const known[] = {"path",   "data_files", "split", "columns",
                                        "rename", "fraction",   "name",  "data_dir",
                                        "weight", "revision"};
    const char *key;
    json_t *value;

    if (!json_is_object(entry))
        return err_set(ERR_PARSE, "datasets: expected a list of {path, ...}");
    json_object_foreach((json_t *)(uintptr_t)entry, key, value)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            found = found || !strcmp(key, known[i]);
        if (!found)
            return err_set(ERR_PARSE,
                           "datasets: '%s': no such key; there are path, data_files, "
                           "split, columns, rename, fraction, weight",
                           key);
    }
    return OK;
}

/* What a folder of this machine has no use for. */
static enum err check_local(const json_t *entry)
{
    static const char *const names[] = {"data_dir", "revision"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const json_t *value = json_object_get(entry, names[i]);
        if (value && !json_is_null(value))
            return err_set(ERR_RANGE,
                           "datasets: '%s' is for a set on the hub; %s is a path here",
                           names[i], json_string_value(json_object_get(entry, "path")));
    }
    return OK;
}

/* What `datasets` calls its readers; the file itself says which one it needs. */
static bool is_form(const char *path)
{
    static const char *const forms[] = {"json", "parquet", "csv", "arrow"};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (!strcmp(path, forms[i]))
            return true;
    return false;
}

/* A set of several configurations has a folder for each, named as the configuration. */
static enum err add_named(struct mixture *out, const char *path, const char *name,
                          const char *split)
{
    char *folder = mem_print("%s/%s", path, name);
    enum err err =
        fs_is_dir(folder)
            ? add_path(out, folder, split)
            : err_set(ERR_RANGE, "datasets: 'name' %s: %s is no folder", name, folder);

    free(folder);
    return err;
}

/* A set on the hub: its files are found, and fetched, by its card. */
static enum err add_published(struct mixture *out, const json_t *entry, const char *split)
{
    const json_t *files = json_object_get(entry, "data_files");
    const struct published what = {
        .name = json_string_value(json_object_get(entry, "path")),
        .config = json_string_value(json_object_get(entry, "name")),
        .revision = json_string_value(json_object_get(entry, "revision")),
        .folder = json_string_value(json_object_get(entry, "data_dir")),
        .data_files = json_is_null(files) ? NULL : files,
        .split = split};
    struct split found;
    enum err err = published_find(&found, &what, true);

    if (!err)
        err = add_found(out, &found);
    split_free(&found);
    return err;
}

/* path names a file or a folder; with path: json it is data_files that do, as in `datasets`. */
static enum err read_files(struct mixture *out, const json_t *entry)
{
    const char *path = json_string_value(json_object_get(entry, "path"));
    const char *told = json_string_value(json_object_get(entry, "split"));
    const char *const split = out->slice.split;
    const char *name = json_string_value(json_object_get(entry, "name"));
    const json_t *files = json_object_get(entry, "data_files");
    enum err err = slice_read(&out->slice, told ? told : "train");

    if (err)
        return err_add("datasets: 'split'");
    if (!path)
        return err_set(ERR_PARSE, "datasets: an entry has no 'path'");
    if (published_is(path))
        return add_published(out, entry, split);
    err = check_local(entry);
    if (err)
        return err;
    if (!files || json_is_null(files)) {
        if (is_form(path) && !fs_exists(path))
            return err_set(ERR_PARSE, "datasets: path %s needs 'data_files'", path);
        return name ? add_named(out, path, name, split) : add_path(out, path, split);
    }
    if (name)
        return err_set(ERR_RANGE, "datasets: 'name' and 'data_files': give one of the two");
    if (!is_form(path))
        return err_set(ERR_RANGE,
                       "datasets: 'data_files' goes with path: json (or parquet, csv, "
                       "arrow), not %s",
                       path);
    if (!json_is_object(files))
        return add_files(out, files);
    files = json_object_get(files, split);
    if (!files)
        return err_set(ERR_RANGE, "datasets: 'data_files' has no split '%s'", split);
    return add_files(out, files);
}

/* A number that is not there is NAN: all of the part. Values of this tree are strings. */
static enum err read_number(double *out, const json_t *entry, const char *key)
{
    const json_t *value = json_object_get(entry, key);
    char *end = NULL;

    *out = NAN;
    if (!value || json_is_null(value))
        return OK;
    if (json_is_string(value))
        *out = strtod(json_string_value(value), &end);
    if (!end || *end || end == json_string_value(value) || !(*out >= 0) || isinf(*out))
        return err_set(ERR_RANGE, "datasets: '%s' is not a number of at least 0", key);
    return OK;
}

/* Two ways to say how much of a part is used, never both. */
static enum err read_share(struct mixture *out, const json_t *entry)
{
    enum err err = read_number(&out->fraction, entry, "fraction");

    if (!err)
        err = read_number(&out->weight, entry, "weight");
    if (!err && (out->weight <= 0 || out->weight > 1))
        err = err_set(ERR_RANGE,
                      "datasets: 'weight' %g: a share of the part's records, above 0 "
                      "and at most 1",
                      out->weight);
    if (!err && !isnan(out->weight) && !isnan(out->fraction))
        err = err_set(ERR_RANGE, "datasets: 'weight' is a share of the part, 'fraction' of the "
                                 "whole: give one of the two");
    return err;
}

/* Borrowed from the configuration, which outlives the reading. */
static enum err read_columns(struct mixture *out, const json_t *entry)
{
    const json_t *columns = json_object_get(entry, "columns"), *item;
    const json_t *rename = json_object_get(entry, "rename");
    const char *from;
    size_t i;

    if (columns && !json_is_null(columns)) {
        if (!json_is_array(columns))
            return err_set(ERR_PARSE, "datasets: 'columns' is not a list of names");
        out->columns = columns;
    }
    json_array_foreach((json_t *)(uintptr_t)out->columns, i,
                       item) if (!json_is_string(item)) return err_set(ERR_PARSE,
                                                                       "datasets: 'columns' is "
                                                                       "not a list of names");
    if (rename && !json_is_null(rename)) {
        if (!json_is_object(rename))
            return err_set(ERR_PARSE, "datasets: 'rename' is not a map {old name: new name}");
        out->rename = rename;
    }
    json_object_foreach((json_t *)(uintptr_t)out->rename, from, item)
    {
        if (!json_is_string(item))
            return err_set(ERR_PARSE, "datasets: 'rename': the new name of %s is not a word",
                           from);
    }
    return OK;
}

enum err mixture_read(struct mixture *out, const json_t *entry)
{
    enum err err = check_keys(entry);

    *out = (struct mixture){.fraction = NAN, .weight = NAN};
    if (!err)
        err = read_files(out, entry);
    if (!err)
        err = read_share(out, entry);
    if (!err)
        err = read_columns(out, entry);
    if (err)
        mixture_free(out);
    return err;
}

/* Order as in the list; all or an error. */
static enum err keep_columns(const json_t *columns, json_t *object)
{
    json_t *kept = json_object();
    size_t i;
    json_t *name;

    json_array_foreach((json_t *)(uintptr_t)columns, i, name)
    {
        json_t *value = json_object_get(object, json_string_value(name));
        if (!value) {
            json_decref(kept);
            return err_set(ERR_PARSE, "column '%s' is missing", json_string_value(name));
        }
        json_object_set(kept, json_string_value(name), value);
    }
    /* In place: whoever reads the rows holds this object. */
    json_object_clear(object);
    json_object_update(object, kept);
    json_decref(kept);
    return OK;
}

/* Columns are kept before they are renamed: the list names them as the file does. */
enum err mixture_apply(const struct mixture *mixture, json_t *object)
{
    const char *from;
    json_t *to;

    if (mixture->columns) {
        const enum err err = keep_columns(mixture->columns, object);
        if (err)
            return err;
    }
    json_object_foreach((json_t *)(uintptr_t)mixture->rename, from, to)
    {
        json_t *value = json_object_get(object, from);
        if (!value)
            return err_set(ERR_PARSE, "rename: column '%s' is missing", from);
        /* Two columns would become one, and which of them was trained on nobody could say. */
        if (json_object_get(object, json_string_value(to)) &&
            strcmp(from, json_string_value(to)))
            return err_set(ERR_PARSE, "rename: there is a column '%s' already beside '%s'",
                           json_string_value(to), from);
        json_object_set(object, json_string_value(to), value);
        json_object_del(object, from);
    }
    return OK;
}

/* The part that is smallest beside its fraction is used up; the others in proportion. */
enum err mixture_shares(size_t *keep, const double *fraction, const size_t *rows, size_t n)
{
    double sum = 0, total = INFINITY;
    size_t given = 0;

    for (size_t i = 0; i < n; i++) {
        keep[i] = rows[i];
        if (!isnan(fraction[i])) {
            given++;
            sum += fraction[i];
        }
    }
    if (!given)
        return OK;
    /* A share of some and all of the others has no sum to be a share of. */
    if (given != n)
        return err_set(ERR_RANGE, "datasets: 'fraction' stands at some entries, not at all");
    if (!(sum > 0))
        return err_set(ERR_RANGE, "datasets: all fractions are 0");
    for (size_t i = 0; i < n; i++)
        if (fraction[i] > 0)
            total = fmin(total, (double)rows[i] / (fraction[i] / sum));
    /* To the nearest: cut off, a product that is whole could lose one by rounding. */
    for (size_t i = 0; i < n; i++)
        keep[i] = (size_t)nearbyint(fraction[i] / sum * total);
    return OK;
}
