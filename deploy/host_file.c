/* How it works: JSON with its keys sorted, so that two files that say the same are the same bytes,
 * by which a head that comes again sees whether anything has changed. */
#include "deploy/host_file.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *text_of(const struct host_file *file)
{
    json_t *tree = json_pack("{s:s,s:s,s:s,s:O,s:i}", "host", file->host, "broker",
                             file->broker, "broker_key", file->broker_key, "entry", file->entry,
                             "linger_s", file->linger_s);
    char *text = json_dumps(tree, JSON_INDENT(1) | JSON_SORT_KEYS);

    json_decref(tree);
    return text ? text : mem_text("");
}

static char *path_in(const char *folder)
{
    return mem_print("%s/host.json", folder);
}

enum err host_file_write(const struct host_file *file, const char *folder)
{
    char *path = path_in(folder), *text = text_of(file);
    const enum err err = fs_write(path, text, strlen(text));

    free(path);
    free(text);
    return err;
}

/* Bytes, not meanings: an entry that says the same in other words costs one restart. */
bool host_file_same(const struct host_file *file, const char *folder)
{
    char *path = path_in(folder), *text = text_of(file), *there = NULL;
    size_t n;
    const bool same = !fs_read(&there, &n, path, HOST_FILE_MAX) && !strcmp(there, text);

    free(path);
    free(text);
    free(there);
    return same;
}

static char *word(const json_t *tree, const char *key)
{
    const char *text = json_string_value(json_object_get(tree, key));

    return text ? mem_text(text) : NULL;
}

enum err host_file_read(struct host_file *out, const char *folder)
{
    char *path = path_in(folder), *text = NULL;
    json_t *tree = NULL;
    size_t n;
    enum err err;

    memset(out, 0, sizeof *out);
    err = fs_read(&text, &n, path, HOST_FILE_MAX);
    if (!err) {
        tree = json_loadb(text, n, 0, NULL);
        out->host = word(tree, "host");
        out->broker = word(tree, "broker");
        out->broker_key = word(tree, "broker_key");
        out->entry = json_incref(json_object_get(tree, "entry"));
        out->linger_s = (int)json_integer_value(json_object_get(tree, "linger_s"));
        if (!out->host || !out->broker || !out->broker_key || !json_is_object(out->entry) ||
            out->linger_s < 0)
            err = err_set(ERR_PARSE, "%s: not the file of a host", path);
    }
    json_decref(tree);
    free(text);
    free(path);
    return err;
}

void host_file_remove(const char *folder)
{
    char *path = path_in(folder);

    if (fs_remove(path))
        log_warn("host", "reason=\"%s\"", err_text());
    free(path);
}

bool host_file_there(const char *folder)
{
    char *path = path_in(folder);
    const bool there = fs_exists(path);

    free(path);
    return there;
}

void host_file_free(struct host_file *file)
{
    free(file->host);
    free(file->broker);
    free(file->broker_key);
    json_decref(file->entry);
    memset(file, 0, sizeof *file);
}

static bool plain(const char *name)
{
    return *name && *name != '.' && strlen(name) < 80 &&
           !name[strspn(name,
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")];
}

/* Keys will lie in it: nobody else may look. */
enum err host_file_folder(char **out, const char *fleet, const char *host)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    enum err err;

    *out = NULL;
    if (!plain(fleet) || !plain(host))
        return err_set(ERR_RANGE, "'%.40s/%.40s' names no host: letters, digits, . _ -", fleet,
                       host);
    if (state && *state == '/')
        *out = mem_print("%s/drover/%s/%s", state, fleet, host);
    else
        *out = mem_print("%s/.local/state/drover/%s/%s", home && *home ? home : "/tmp", fleet,
                         host);
    err = fs_mkdir(*out);
    if (!err && chmod(*out, 0700))
        err = err_set(ERR_IO, "%s: %s", *out, strerror(errno));
    if (err) {
        free(*out);
        *out = NULL;
    }
    return err;
}

void host_file_id(char out[HOST_FILE_ID], const char *text)
{
    char whole[HASH_TEXT];
    const struct hash hash = hash_of(text, strlen(text));

    snprintf(out, HOST_FILE_ID, "%.12s", hash_text(whole, &hash));
}
