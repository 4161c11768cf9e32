/* One process writes a folder: the one that holds the lock on .lock, which the system takes back
 * when it dies, however it dies. The lock is on an inode, so a process that was stopped while
 * its folder was cleared and taken by another finds another inode there (rundir_owned) and
 * writes no more.
 *
 * `names` is all that a run makes: it is what overwriting clears, what makes a folder "of a
 * run", and where an input may not lie. Order of the calls: check, apart, method (nothing is
 * made), open, then run and metrics as the run goes. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "learner/run/rundir.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/outlet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a run makes, besides its lock. */
static const char *const names[] = {"metrics.jsonl", "checkpoints", "model",
                                    "run.json",      "journal",     "artifacts",
                                    "images",        "report.html", "samples.jsonl"};

enum { METRICS_MAX = 1 << 30, NAMES = sizeof(names) / sizeof(names[0]) };

struct rundir {
    char *path;
    int lock, metrics; /* file descriptors, -1 when closed */
    bool fresh;        /* there was nothing of a run in it */
};

/* The file that makes a folder a model's own; NULL: there is none. */
static char *model_file(const char *path)
{
    static const char *const own[] = {"config.json", "adapter_config.json"};
    DIR *dir = opendir(path);
    struct dirent *entry;
    char *found = NULL;

    while (dir && !found && (entry = readdir(dir))) {
        const char *end = strrchr(entry->d_name, '.');
        bool is = end && !strcmp(end, ".gguf");
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
            is = is || !strcmp(entry->d_name, own[i]);
        if (is)
            found = mem_text(entry->d_name);
    }
    if (dir)
        closedir(dir);
    return found;
}

/* Asked before anything is made: what exists and is no folder, or is a model's own, is
 * refused. */
enum err rundir_check(const char *path)
{
    char *own;
    enum err err = OK;

    if (fs_exists(path) && !fs_is_dir(path))
        return err_set(ERR_IO, "output_dir: %s is a file, expected a folder", path);
    own = model_file(path);
    if (own)
        err = err_set(ERR_STATE,
                      "output_dir: %s is a model's own folder (it has %s), which would be read "
                      "in place of the run's: take another folder, such as %s/run",
                      path, own, path);
    free(own);
    return err;
}

/* Whether `path` is `folder` or lies in it, links followed. Of what is not there: no. */
static bool within(const char *path, const char *folder)
{
    /* Through links: two names may be one folder. */
    char *whole = realpath(path, NULL), *outer = realpath(folder, NULL);
    const size_t n = outer ? strlen(outer) : 0;
    const bool in = whole && outer && !strncmp(whole, outer, n) && strchr("/", whole[n]);

    free(whole);
    free(outer);
    return in;
}

enum err rundir_apart(const char *path, const char *key, const char *input)
{
    bool taken = within(input, path) && within(path, input); /* a run of itself */

    for (size_t i = 0; i < NAMES && !taken; i++) {
        char *made = mem_print("%s/%s", path, names[i]);
        taken = within(input, made);
        free(made);
    }
    return taken ? err_set(ERR_STATE,
                           "output_dir: the run would replace %s %s, which it reads: take "
                           "another folder than %s",
                           key, input, path)
                 : OK;
}

enum err rundir_method(const char *path, const char *method)
{
    char *file = mem_print("%s/run.json", path);
    json_t *run = json_load_file(file, 0, NULL);
    const char *was = json_string_value(json_object_get(run, "method"));
    enum err err = OK;

    /* run.json of an older version may not say a method: then any may go on. */
    if (was && strcmp(was, method))
        err =
            err_set(ERR_STATE,
                    "output_dir: %s holds a run of %.32s, this is %s: take another folder, or "
                    "say overwrite_output_dir=true",
                    path, was, method);
    json_decref(run);
    free(file);
    return err;
}

/* Closed on exec: the lock must not live on in a process that this one starts. */
static enum err open_file(int *out, const struct rundir *dir, const char *name, int flags)
{
    char *path = mem_print("%s/%s", dir->path, name);
    enum err err = OK;

    *out = open(path, flags | O_CREAT | O_CLOEXEC, 0644);
    if (*out < 0)
        err = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    free(path);
    return err;
}

static enum err lock(struct rundir *dir)
{
    struct flock want = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    enum err err = open_file(&dir->lock, dir, ".lock", O_RDWR);

    if (err || !fcntl(dir->lock, F_SETLK, &want))
        return err;
    /* Who holds it is asked in a second call, and may have gone in between: then the first
     * error is said. */
    if ((errno == EACCES || errno == EAGAIN) && !fcntl(dir->lock, F_GETLK, &want) &&
        want.l_type != F_UNLCK)
        return err_set(ERR_STATE, "output_dir: %s is in use by process %ld", dir->path,
                       (long)want.l_pid);
    return err_set(ERR_IO, "%s: cannot lock: %s", dir->path, strerror(errno));
}

/* Gives the journal another inode. */
static enum err renew(const struct rundir *dir)
{
    char *path = mem_print("%s/journal", dir->path);
    const void *bytes = NULL;
    size_t n = 0;
    enum err err = OK;

    if (fs_exists(path)) {
        err = fs_map(&bytes, &n, path);
        if (!err)
            err = fs_write(path, bytes, n);
        fs_unmap(bytes, n);
    }
    free(path);
    return err;
}

enum err rundir_owned(const struct rundir *dir)
{
    char *path = mem_print("%s/.lock", dir->path);
    struct stat ours, there;
    const bool same = !fstat(dir->lock, &ours) && !stat(path, &there) &&
                      ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;

    free(path);
    return same ? OK
                : err_set(ERR_STATE,
                          "output_dir: %s is another process's now (its .lock was replaced): "
                          "this one changes nothing more there",
                          dir->path);
}

enum err rundir_open(struct rundir **out, const char *path)
{
    char *lock_path = mem_print("%s/.lock", path), *lines = mem_print("%s/run.log", path);
    const bool locked = fs_exists(lock_path);
    char *checkpoints = mem_print("%s/checkpoints", path);
    struct rundir *dir = mem_new(1, sizeof(*dir));
    enum err err = rundir_check(path);

    *out = NULL;
    dir->path = mem_text(path);
    dir->fresh = true;
    /* Before the lock is made, or the folder would never look fresh. */
    for (size_t i = 0; i < NAMES; i++) {
        char *old = mem_print("%s/%s", path, names[i]);
        dir->fresh = dir->fresh && !fs_exists(old);
        free(old);
    }
    dir->lock = dir->metrics = -1;
    if (!err)
        err = fs_mkdir(path);
    if (!err)
        err = lock(dir);
    if (!err && !locked)
        err = renew(dir);
    if (!err)
        err = fs_mkdir(checkpoints);
    /* From here on the run has a place for its lines, should nobody read them any more. */
    if (!err)
        outlet_keep(lines);
    free(checkpoints);
    free(lock_path);
    free(lines);
    if (err)
        rundir_close(dir);
    else
        *out = dir;
    return err;
}

/* Closing the file gives the lock back. */
void rundir_close(struct rundir *dir)
{
    if (!dir)
        return;
    if (dir->metrics >= 0)
        close(dir->metrics);
    if (dir->lock >= 0)
        close(dir->lock);
    free(dir->path);
    free(dir);
}

/* As the user named it, for words. */
const char *rundir_path(const struct rundir *dir)
{
    return dir->path;
}

/* Indented: people read it. */
enum err rundir_run(struct rundir *dir, const json_t *run)
{
    char *path = mem_print("%s/run.json", dir->path);
    char *text = json_dumps(run, JSON_INDENT(2));
    const enum err err = fs_write(path, text, strlen(text));

    free(text);
    free(path);
    return err;
}

/* The lock stays: the folder is still ours while it is being cleared. */
enum err rundir_clear(struct rundir *dir)
{
    enum err err = OK;

    if (dir->metrics >= 0)
        close(dir->metrics);
    dir->metrics = -1;
    for (size_t i = 0; i < NAMES && !err; i++) {
        char *path = mem_print("%s/%s", dir->path, names[i]);
        err = fs_remove(path);
        if (!err && !strcmp(names[i], "checkpoints"))
            err = fs_mkdir(path);
        free(path);
    }
    return err;
}

void rundir_abandon(struct rundir *dir)
{
    char *journal, *checkpoints, *lock;

    if (!dir)
        return;
    journal = mem_print("%s/journal", dir->path);
    checkpoints = mem_print("%s/checkpoints", dir->path);
    lock = mem_print("%s/.lock", dir->path);
    /* Only what this run made, and only if nothing of an earlier run was there: a refusal
     * must not cost anybody a folder. */
    if (dir->fresh && !fs_exists(journal) && !rundir_clear(dir) && !rmdir(checkpoints) &&
        !unlink(lock))
        rmdir(dir->path);
    rundir_close(dir);
    free(journal);
    free(checkpoints);
    free(lock);
}

/* Copies the lines to keep to the front; returns their length. A last line without its end was
 * being written when the process died. */
static size_t keep_lines(char *text, int64_t step)
{
    size_t to = 0;
    char *end;

    for (char *line = text; (end = strchr(line, '\n')); line = end + 1) {
        const size_t n = (size_t)(end - line) + 1;
        json_t *object = json_loadb(line, n, 0, NULL);
        const json_t *at = json_object_get(object, "step");
        if (json_is_integer(at) && json_integer_value(at) <= step &&
            !json_object_get(object, "train_runtime")) {
            memmove(text + to, line, n);
            to += n;
        }
        json_decref(object);
    }
    return to;
}

enum err rundir_metrics_cut(struct rundir *dir, int64_t step)
{
    char *path = mem_print("%s/metrics.jsonl", dir->path), *text = NULL;
    size_t n;
    enum err err = OK;

    /* Lines beyond the checkpoint are of steps that will be made again, and written again. */
    if (fs_exists(path)) {
        err = fs_read(&text, &n, path, METRICS_MAX);
        if (!err) {
            n = keep_lines(text, step);
            err = fs_write(path, text, n);
        }
    }
    free(text);
    free(path);
    return err;
}

enum err rundir_metrics(struct rundir *dir, const json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
    char *whole = mem_print("%s\n", text);
    const size_t n = strlen(whole);
    enum err err = OK;

    if (dir->metrics < 0)
        err = open_file(&dir->metrics, dir, "metrics.jsonl", O_WRONLY | O_APPEND);
    /* One write, so that a reader never sees half a line, and a full disk ends the run
     * instead of the curve. */
    if (!err && write(dir->metrics, whole, n) != (ssize_t)n)
        err = err_set(ERR_IO, "%s/metrics.jsonl: %s", dir->path, strerror(errno));
    free(whole);
    free(text);
    return err;
}
