/* A path that a person names may be the model itself, a run folder of ours or of transformers,
 * or what a save that was interrupted left of one. The finished model comes first, then the
 * newest checkpoint: the one whose name ends in the largest number. Of a folder of the hub's cache
 * it is the snapshot that refs/main names; what is no path here may be a name on a hub. model_files_open begins here, also for an adapter's base, and inspect, which has to know what it looks at. */

#include "lm/file/model_files.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/repo.h"
#include "lm/file/adapter.h"
#include "lm/file/hub_model.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* The number at the end of a checkpoint's name; -1 if there is none. */
static long step_of(const char *name)
{
    const size_t n = strlen(name);
    size_t at = n;

    while (at && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    return at == n ? -1 : strtol(name + at, NULL, 10);
}

/* Whether it can be read is another matter: a broken model is named, not passed over. */
static bool is_model(const char *folder)
{
    char *config = mem_print("%s/config.json", folder);
    const bool there = fs_exists(config);

    free(config);
    return there || adapter_is(folder);
}

/* A model in the checkpoint folder `name` of `folder`: in its model/ or in itself. */
static char *model_in(const char *folder, const char *name)
{
    static const char *const inner[] = {"/model", ""};

    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        char *path = mem_print("%s/%s%s", folder, name, inner[i]);
        if (is_model(path))
            return path;
        free(path);
    }
    return NULL;
}

/* The newest checkpoint with a model in it, or NULL. */
static char *newest(const char *folder)
{
    DIR *dir = fs_is_dir(folder) ? opendir(folder) : NULL;
    struct dirent *entry;
    char *best = NULL;
    long most = -1;

    while (dir && (entry = readdir(dir))) {
        /* one without a model, half written or cleared away, does not count */
        const long step = step_of(entry->d_name);
        char *path = step > most ? model_in(folder, entry->d_name) : NULL;
        if (!path)
            continue;
        free(best);
        best = path;
        most = step;
    }
    if (dir)
        closedir(dir);
    return best;
}

enum { COMMIT_ROOM = 256 };

/* The commit that refs/main of the hub's cache names; NULL: there is none, or it is no bare name. */
static char *main_commit(const char *folder)
{
    char *path = mem_print("%s/refs/main", folder), *text = NULL;
    size_t n = 0;

    if (!fs_exists(path) || fs_read(&text, &n, path, COMMIT_ROOM))
        text = NULL;
    free(path);
    if (!text)
        return NULL;
    text[strcspn(text, "\r\n")] = 0;
    if (*text && *text != '.' && !strchr(text, '/'))
        return text;
    free(text);
    return NULL;
}

/* The only snapshot with a model in it; of several none is known to be meant. */
static char *only_snapshot(const char *snapshots)
{
    DIR *dir = opendir(snapshots);
    struct dirent *entry;
    char *only = NULL;
    int n = 0;

    while (dir && (entry = readdir(dir))) {
        char *path =
            *entry->d_name == '.' ? NULL : mem_print("%s/%s", snapshots, entry->d_name);
        if (path && is_model(path) && !n++)
            only = path;
        else
            free(path);
    }
    if (dir)
        closedir(dir);
    if (n > 1) {
        free(only);
        only = NULL;
    }
    return only;
}

/* A folder of the hub's cache, models--OWNER--NAME: snapshots/COMMIT is the model, and
 * refs/main says which commit. */
static char *hub_snapshot(const char *folder)
{
    char *snapshots = mem_print("%s/snapshots", folder), *found = NULL, *commit;

    if (fs_is_dir(snapshots)) {
        commit = main_commit(folder);
        if (commit)
            found = mem_print("%s/%s", snapshots, commit);
        if (found && !is_model(found)) {
            free(found);
            found = NULL;
        }
        if (!found)
            found = only_snapshot(snapshots);
        free(commit);
    }
    free(snapshots);
    return found;
}

/* The folder that holds the model: `path` itself, its model/ or its newest checkpoint. */
static char *model_folder(const char *path)
{
    char *checkpoints = mem_print("%s/checkpoints", path);
    char *found = NULL;

    if (is_model(path))
        found = mem_text(path);
    if (!found)
        found = model_in(path, "model");
    if (!found)
        found = hub_snapshot(path);
    if (!found)
        found = newest(checkpoints);
    if (!found)
        found = newest(path); /* transformers' checkpoint-500 */
    free(checkpoints);
    return found;
}

static enum err find(char **out, const char *path,
                     enum err (*on_hub)(char **out, const char *name))
{
    char *old = mem_print("%s.old", path); /* see folder_write */
    enum err err = OK;

    *out = NULL;
    if (!fs_exists(path) && fs_is_dir(old))
        path = old;
    if (!fs_exists(path) && repo_is_name(path)) {
        /* both are said, since either may have been meant */
        err = on_hub(out, path);
        if (err)
            err =
                err_add("%s: there is no such file or folder here; as a name on the hub", path);
        free(old);
        return err;
    }
    if (!fs_exists(path))
        err = err_set(ERR_IO, "%s: there is no such file or folder", path);
    else
        *out = fs_is_dir(path) ? model_folder(path) : mem_text(path);
    if (!err && !*out)
        err = err_set(
            ERR_IO,
            "%s: no config.json here, in model/, in checkpoints/ or in one of the hub cache's "
            "snapshots/ (nor adapter_config.json)",
            path);
    free(old);
    return err;
}

enum err model_files_find(char **out, const char *path)
{
    return find(out, path, hub_model_find);
}

enum err model_files_find_text(char **out, const char *path)
{
    return find(out, path, hub_model_text);
}
