/* A path that a person names may be the model itself, a run folder of ours or of transformers,
 * or what a save that was interrupted left of one. The finished model comes first, then the
 * newest checkpoint: the one whose name ends in the largest number. model_files_open begins
 * here, also for an adapter's base, and inspect, which has to know what it looks at. */

#include "lm/file/model_files.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/adapter.h"

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
        found = newest(checkpoints);
    if (!found)
        found = newest(path); /* transformers' checkpoint-500 */
    free(checkpoints);
    return found;
}

enum err model_files_find(char **out, const char *path)
{
    char *old = mem_print("%s.old", path); /* see folder_write */
    enum err err = OK;

    *out = NULL;
    if (!fs_exists(path) && fs_is_dir(old))
        path = old;
    if (!fs_exists(path))
        err = err_set(ERR_IO, "%s: there is no such file or folder", path);
    else
        *out = fs_is_dir(path) ? model_folder(path) : mem_text(path);
    if (!err && !*out)
        err = err_set(
            ERR_IO,
            "%s: no config.json here, in model/ or in checkpoints/ (nor adapter_config.json)",
            path);
    free(old);
    return err;
}
