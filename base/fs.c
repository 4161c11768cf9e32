#include "base/fs.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct fs_file {
    int fd;
    char *path, *tmp;
};

static enum err failed(const char *path, const char *verb)
{
    return err_set(ERR_IO, "%s: cannot %s: %s", path, verb, strerror(errno));
}

static enum err open_sized(int *fd, size_t *size, const char *path)
{
    struct stat st;

    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return failed(path, "open");
    if (fstat(*fd, &st) || S_ISDIR(st.st_mode)) {
        if (S_ISDIR(st.st_mode))
            errno = EISDIR;
        close(*fd);
        return failed(path, "read");
    }
    *size = (size_t)st.st_size;
    return OK;
}

/* The whole of `fd`, whose size may be unknown (pipes, /proc) or change. */
static enum err slurp(char **out, size_t *n, int fd, size_t hint, const char *path,
                      size_t limit)
{
    size_t room = hint + 1, have = 0;
    char *text = mem_grow(NULL, room, 1);

    for (;;) {
        const ssize_t got = read(fd, text + have, room - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || have + (size_t)got > limit) {
            free(text);
            return got < 0 ? failed(path, "read")
                           : err_set(ERR_RANGE, "%s: longer than %zu bytes", path, limit);
        }
        if (!got)
            break;
        have += (size_t)got;
        if (have == room)
            text = mem_grow(text, room *= 2, 1);
    }
    text[have] = 0;
    *out = text;
    *n = have;
    return OK;
}

enum err fs_read(char **out, size_t *n, const char *path, size_t limit)
{
    size_t size;
    enum err err;
    int fd;

    *out = NULL;
    *n = 0;
    err = open_sized(&fd, &size, path);
    if (err)
        return err;
    if (size > limit)
        err = err_set(ERR_RANGE, "%s: %zu bytes, at most %zu are read", path, size, limit);
    else
        err = slurp(out, n, fd, size, path, limit);
    close(fd);
    return err;
}

enum err fs_map(const void **out, size_t *n, const char *path)
{
    enum err err;
    int fd;

    *out = NULL;
    err = open_sized(&fd, n, path);
    if (err)
        return err;
    if (*n) {
        void *at = mmap(NULL, *n, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED)
            err = failed(path, "map");
        else
            *out = at;
    }
    close(fd);
    return err;
}

void fs_unmap(const void *bytes, size_t n)
{
    if (bytes)
        munmap((void *)(uintptr_t)bytes, n);
}

enum err fs_begin(struct fs_file **out, const char *path)
{
    struct fs_file *file = mem_new(1, sizeof *file);
    enum err err = OK;

    *out = NULL;
    file->path = mem_text(path);
    file->tmp = mem_print("%s.tmp", path);
    file->fd = open(file->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file->fd < 0) {
        err = failed(path, "write");
        free(file->path);
        free(file->tmp);
        free(file);
        return err;
    }
    *out = file;
    return OK;
}

enum err fs_put(struct fs_file *file, const void *bytes, size_t n)
{
    const char *p = bytes;

    while (n) {
        const ssize_t put = write(file->fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return failed(file->path, "write");
        p += put;
        n -= (size_t)put;
    }
    return OK;
}

static enum err sync_folder(const char *path)
{
    char *folder = mem_text(path);
    char *slash = strrchr(folder, '/');
    enum err err = OK;
    int fd;

    if (slash == folder)
        slash[1] = 0;
    else if (slash)
        *slash = 0;
    fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        err = failed(slash ? folder : ".", "sync");
    if (fd >= 0)
        close(fd);
    free(folder);
    return err;
}

static void forget(struct fs_file *file)
{
    free(file->path);
    free(file->tmp);
    free(file);
}

enum err fs_commit(struct fs_file *file)
{
    enum err err = OK;

    if (fsync(file->fd))
        err = failed(file->path, "sync");
    if (close(file->fd) && !err)
        err = failed(file->path, "close");
    if (!err && rename(file->tmp, file->path))
        err = failed(file->path, "rename to");
    if (err)
        unlink(file->tmp);
    else
        err = sync_folder(file->path);
    forget(file);
    return err;
}

void fs_abort(struct fs_file *file)
{
    if (!file)
        return;
    close(file->fd);
    unlink(file->tmp);
    forget(file);
}

enum err fs_write(const char *path, const void *bytes, size_t n)
{
    struct fs_file *file;
    enum err err = fs_begin(&file, path);

    if (err)
        return err;
    err = fs_put(file, bytes, n);
    if (err) {
        fs_abort(file);
        return err;
    }
    return fs_commit(file);
}

enum err fs_mkdir(const char *path)
{
    char *part = mem_text(path);
    enum err err = OK;

    for (char *p = part + 1; !err; p++) {
        const char keep = *p;
        if (keep && keep != '/')
            continue;
        *p = 0;
        if (mkdir(part, 0777) && errno != EEXIST)
            err = failed(part, "make");
        *p = keep;
        if (!keep)
            break;
    }
    if (!err && !fs_is_dir(path)) {
        errno = ENOTDIR;
        err = failed(path, "make");
    }
    free(part);
    return err;
}

static enum err remove_inside(const char *path)
{
    DIR *dir = opendir(path);
    enum err err = OK;
    struct dirent *entry;

    if (!dir)
        return failed(path, "open");
    while (!err && (entry = readdir(dir))) {
        char *inner;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        inner = mem_print("%s/%s", path, entry->d_name);
        err = fs_remove(inner);
        free(inner);
    }
    closedir(dir);
    return err;
}

enum err fs_remove(const char *path)
{
    struct stat st;
    enum err err = OK;

    if (lstat(path, &st))
        return errno == ENOENT ? OK : failed(path, "remove");
    if (S_ISDIR(st.st_mode))
        err = remove_inside(path);
    if (!err && remove(path))
        err = failed(path, "remove");
    return err;
}

enum err fs_rename(const char *from, const char *to)
{
    if (rename(from, to))
        return failed(to, "rename to");
    return sync_folder(to);
}

bool fs_exists(const char *path)
{
    struct stat st;

    return !stat(path, &st);
}

bool fs_is_dir(const char *path)
{
    struct stat st;

    return !stat(path, &st) && S_ISDIR(st.st_mode);
}
