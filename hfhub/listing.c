/* A listing is JSON of others: {"sha": commit, "siblings": [{"rfilename", "size", "blobId",
 * "lfs": {"sha256", "size"}}]}. Sizes and hashes come only where they were asked for, and not
 * from every mirror: what is missing is asked for file by file (hfhub.c). A large file's name is
 * its SHA-256, a small one's is git's; both are names in the cache's blobs/, so they are checked
 * as names first and as hashes when the bytes are there. */
#include "hfhub/listing.h"

#include "base/mem.h"
#include "base/say.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_BYTES = 512, PARTS_MAX = 32 };

bool listing_is_path(const char *path)
{
    const char *part = path;
    int parts = 1;

    if (strlen(path) > PATH_MAX_BYTES)
        return false;
    for (const char *at = path;; at++) {
        const ptrdiff_t n = at - part;
        if (*at && *at != '/') {
            if ((unsigned char)*at < 32 || *at == 127 || *at == '\\')
                return false;
            continue;
        }
        if (!n || n > 255 || (*part == '.' && (n == 1 || (n == 2 && part[1] == '.'))))
            return false;
        if (!*at)
            return parts <= PARTS_MAX;
        part = at + 1;
        parts++;
    }
}

bool listing_is_commit(const char *text)
{
    const size_t n = strlen(text);

    return n >= 40 && n < REPO_COMMIT && strspn(text, "0123456789abcdef") == n;
}

bool listing_is_blob(const char *text)
{
    const size_t n = strlen(text);

    return n && n < REPO_BLOB && *text != '-' &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") ==
               n;
}

void listing_add(struct repo *o, char *path, int64_t size, const char *blob)
{
    /* room doubles: at powers of two there is none left */
    if (!(o->n & (o->n - 1)))
        o->file = mem_grow(o->file, o->n ? 2 * o->n : 1, sizeof *o->file);
    o->file[o->n] = (struct repo_file){.path = path, .size = size};
    snprintf(o->file[o->n].blob, sizeof o->file[o->n].blob, "%s", blob);
    o->n++;
}

void listing_free(struct repo *o)
{
    for (size_t i = 0; i < o->n; i++)
        free(o->file[i].path);
    free(o->file);
    o->file = NULL;
    o->n = 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct repo_file *)a)->path, ((const struct repo_file *)b)->path);
}

bool listing_sort(struct repo *o)
{
    if (o->n)
        qsort(o->file, o->n, sizeof *o->file, by_path);
    for (size_t i = 1; i < o->n; i++)
        if (!strcmp(o->file[i - 1].path, o->file[i].path))
            return false;
    return true;
}

/* A negative or missing number is one that was not told. */
static int64_t size_of(const json_t *object)
{
    const json_t *size = json_object_get(object, "size");

    return json_is_integer(size) && json_integer_value(size) >= 0 ? json_integer_value(size)
                                                                  : -1;
}

/* What a file's name and hashes are called: the same, in two of the hub's answers. */
struct words {
    const char *path, *large, *small;
};
static const struct words of_revision = {"rfilename", "sha256", "blobId"},
                          of_tree = {"path", "oid", "oid"};

/* False: its name is odd. */
static bool take(struct repo *o, const json_t *file, const struct words *words)
{
    const json_t *lfs = json_object_get(file, "lfs");
    const char *path = json_string_value(json_object_get(file, words->path));
    const char *blob =
        json_string_value(json_is_object(lfs) ? json_object_get(lfs, words->large)
                                              : json_object_get(file, words->small));
    const bool hashed = blob && listing_is_commit(blob); /* 40 or 64 digits */

    if (!path || !listing_is_path(path))
        return false;
    listing_add(o, mem_text(path), size_of(json_is_object(lfs) ? lfs : file),
                hashed ? blob : "");
    return true;
}

static enum err read_files(struct repo *o, const json_t *files, const char *url)
{
    const char *odd = NULL;
    const json_t *file;
    size_t i, n_odd = 0;

    if (!json_is_array(files))
        return err_set(ERR_PARSE, "%.300s: the hub lists no files", url);
    /* A hub cuts longer lists: what is missing would be taken for what is not there. */
    if (json_array_size(files) >= REPO_FILES)
        return err_set(ERR_RANGE, "%.300s: %d files or more: too many to be sure of all", url,
                       REPO_FILES);
    json_array_foreach((json_t *)(uintptr_t)files, i, file)
    {
        if (take(o, file, &of_revision))
            continue;
        n_odd++;
        odd = json_string_value(json_object_get(file, "rfilename"));
    }
    if (n_odd)
        say(stderr, "hub: left out: %zu file(s) of %s with odd names: %.100s\n", n_odd, o->name,
            odd ? odd : "(none)");
    return listing_sort(o) ? OK : err_set(ERR_PARSE, "%.300s: lists a file twice", url);
}

enum err listing_page(struct repo *o, const char *text, size_t n, const char *url,
                      size_t *entries, size_t *n_odd)
{
    json_t *page = json_loadb(text, n, 0, NULL), *file;
    const enum err err =
        json_is_array(page) ? OK : err_set(ERR_PARSE, "%.300s: the hub lists no files", url);
    size_t i;

    *entries = json_array_size(page);
    json_array_foreach(page, i, file)
    {
        const char *type = json_string_value(json_object_get(file, "type"));

        if ((!type || strcmp(type, "directory") != 0) && !take(o, file, &of_tree))
            ++*n_odd;
    }
    json_decref(page);
    return err;
}

enum err listing_read(struct repo *o, const char *text, size_t n, const char *url)
{
    json_t *page = json_loadb(text, n, 0, NULL);
    const char *commit = json_string_value(json_object_get(page, "sha"));
    enum err err = OK;

    if (!json_is_object(page))
        err = err_set(ERR_PARSE, "%.300s: the hub did not answer in JSON", url);
    else if (!commit || !listing_is_commit(commit))
        err = err_set(ERR_PARSE, "%.300s: the hub names no commit", url);
    if (!err) {
        snprintf(o->commit, sizeof o->commit, "%s", commit);
        err = read_files(o, json_object_get(page, "siblings"), url);
    }
    if (err)
        listing_free(o);
    json_decref(page);
    return err;
}
