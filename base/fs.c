/* How: what is written lies beside its target, under a lock, until it is whole; then its name
 * changes. What is no regular file cannot be replaced: bytes go through it as they come. */

#define _DEFAULT_SOURCE /* madvise */

#include "base/fs.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { LINKS_MAX = 40, TRIES_MAX = 3 };

struct fs_file {
    int fd;
    char *path, *tmp; /* tmp: beside the target; NULL when the bytes go straight into `path` */
};

static enum err failed(const char *path, const char *verb)
{
    return err_set(ERR_IO, "%s: cannot %s: %s", path, verb, strerror(errno));
}

/* A folder opens for reading without complaint and fails only at the first read: said at once.
 */
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

void fs_leave(const void *bytes, size_t n)
{
    if (bytes) /* a wish, whose refusal changes nothing but memory */
        (void)madvise((void *)(uintptr_t)bytes, n, MADV_DONTNEED);
}

/* ---- writing */

/* Is the link `at`, whose last slash is given, one of the kernel's own? /dev/stdout leads to
 * /proc/self/fd/1, whose text names no file that could be replaced. */
static bool is_magic(const char *at, const char *slash)
{
    char *folder = slash ? mem_print("%.*s/", (int)(slash - at), at) : mem_text(".");
    struct statfs fs;
    const bool magic = !statfs(folder, &fs) && fs.f_type == 0x9fa0; /* PROC_SUPER_MAGIC */

    free(folder);
    return magic;
}

/* Where `path` leads if it is a link: links are followed by hand, for what they lead to may not
 * exist yet. *out is NULL behind a magic link. Free *out. */
static enum err resolve(char **out, const char *path)
{
    char *at = mem_text(path), to[4096], *next;
    struct stat st;

    *out = NULL;
    for (int links = 0; links < LINKS_MAX; links++) {
        const char *const slash = strrchr(at, '/');
        ssize_t n;
        if (lstat(at, &st) || !S_ISLNK(st.st_mode)) {
            *out = at;
            return OK;
        }
        n = is_magic(at, slash) ? 0 : readlink(at, to, sizeof to - 1);
        if (n <= 0) {
            free(at);
            return n ? failed(path, "write") : OK;
        }
        to[n] = 0;
        next = *to == '/' || !slash ? mem_text(to)
                                    : mem_print("%.*s/%s", (int)(slash - at), at, to);
        free(at);
        at = next;
    }
    free(at);
    return err_set(ERR_IO, "%s: cannot write: a link that leads nowhere", path);
}

/* A device, a FIFO, a terminal: there is no file to replace, the bytes go into it. */
static enum err open_through(struct fs_file *file)
{
    file->fd = open(file->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    return file->fd < 0 ? failed(file->path, "write") : OK;
}

/* What a writer that died has left may go; what a living one holds is locked. Links and FIFOs
 * in this place are nobody's work: the name goes, never what it leads to. */
static enum err clear(const struct fs_file *file)
{
    struct stat st;
    int fd = -1;
    enum err err = OK;

    if (!lstat(file->tmp, &st) && S_ISREG(st.st_mode))
        fd = open(file->tmp, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB))
        err = err_set(ERR_STATE, "%s: another process is writing it", file->path);
    else if (unlink(file->tmp) && errno != ENOENT)
        err = failed(file->tmp, "remove what is in the way");
    if (fd >= 0)
        close(fd);
    return err;
}

/* A new file beside the target, which nobody else can have prepared. */
static enum err open_beside(struct fs_file *file, const char *verb)
{
    enum err err = OK;

    for (int tries = 0; !err && tries < TRIES_MAX; tries++) {
        file->fd = open(file->tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (file->fd >= 0)
            return flock(file->fd, LOCK_EX | LOCK_NB)
                       ? err_set(ERR_STATE, "%s: another process is writing it", file->path)
                       : OK;
        err = errno == EEXIST ? clear(file) : failed(file->path, verb);
    }
    return err ? err : err_set(ERR_STATE, "%s: another process is writing it", file->path);
}

/* As open to others, and as much theirs, as the file that it will replace. */
static enum err keep_mode(const struct fs_file *file, const struct stat *old)
{
    struct stat st;

    if (fstat(file->fd, &st))
        return failed(file->path, "write");
    if ((st.st_uid != old->st_uid || st.st_gid != old->st_gid) &&
        fchown(file->fd, old->st_uid, old->st_gid) && errno != EPERM)
        return failed(file->path, "keep the owner of");
    return fchmod(file->fd, old->st_mode & 0777) ? failed(file->path, "keep the mode of") : OK;
}

/* The handle alone: the name beside the target is the caller's matter. */
static void forget(struct fs_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
    free(file->tmp);
    free(file);
}

/* Decides which of the two ways a file is written: beside and renamed, or straight into it. */
static enum err open_target(struct fs_file *file, const char *path)
{
    struct stat st;
    const bool there = !stat(path, &st);
    enum err err = there || errno == ENOENT ? OK : failed(path, "write");

    if (!err && there && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        err = failed(path, "write");
    }
    if (!err && (!there || S_ISREG(st.st_mode)))
        err = resolve(&file->path, path);
    if (err)
        return err;
    if (!file->path) {
        file->path = mem_text(path);
        return open_through(file);
    }
    file->tmp = mem_print("%s.tmp", file->path);
    err = open_beside(file, there ? "write a new one beside it" : "write");
    return !err && there ? keep_mode(file, &st) : err;
}

enum err fs_begin(struct fs_file **out, const char *path)
{
    struct fs_file *file;
    enum err err;

    *out = NULL;
    if (fs_is_database(path))
        return err_set(ERR_STATE, "%s: is a database: no other file takes its place", path);
    file = mem_new(1, sizeof *file);
    file->fd = -1;
    err = open_target(file, path);
    if (err) {
        if (file->fd >= 0 && file->tmp)
            unlink(file->tmp);
        forget(file);
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

/* A rename is durable only once the folder is: without this a crash could bring the old file
 * back after its writer was told that the new one stands. */
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

/* Pipes and devices cannot be synced and say so. */
static enum err sync_file(const struct fs_file *file)
{
    if (!fsync(file->fd) || (!file->tmp && (errno == EINVAL || errno == EROFS)))
        return OK;
    return failed(file->path, "sync");
}

/* Is the name beside the target still our file's? */
static bool still_ours(const struct fs_file *file)
{
    struct stat ours, there;

    return !fstat(file->fd, &ours) && !lstat(file->tmp, &there) &&
           ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

/* If another took our name away meanwhile, renaming would put its bytes in place as ours. */
static enum err put_in_place(struct fs_file *file)
{
    if (!still_ours(file))
        return err_set(ERR_STATE, "%s: another process took %s away", file->path, file->tmp);
    if (rename(file->tmp, file->path)) {
        const enum err err = failed(file->path, "rename to");
        unlink(file->tmp);
        return err;
    }
    return sync_folder(file->path);
}

enum err fs_commit(struct fs_file *file)
{
    enum err err = sync_file(file);

    if (!err && file->tmp)
        err = put_in_place(file);
    else if (file->tmp)
        unlink(file->tmp);
    forget(file);
    return err;
}

void fs_abort(struct fs_file *file)
{
    if (!file)
        return;
    if (file->tmp && still_ours(file))
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

/* As mkdir -p: a part that exists is no error, whatever it is; a file in the way shows at the
 * end. */
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

/* By name and lstat, so a link in the folder goes itself and never what it leads to. */
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

enum err fs_give_up(const char *path, enum err err)
{
    char why[400];

    snprintf(why, sizeof why, "%s", err_text());
    if (fs_remove(path))
        return err_set(err, "%s (and %s is left behind)", why, path);
    return err_set(err, "%s", why);
}

/* Moves what is whole already; for what is being written there is fs_commit. */
enum err fs_rename(const char *from, const char *to)
{
    if (rename(from, to))
        return failed(to, "rename to");
    return sync_folder(to);
}

/* Regular files alone: reading a pipe, which standard output may be, would take what is in it. */
bool fs_is_database(const char *path)
{
    static const char magic[] = "SQLite format 3";
    char first[sizeof magic] = {0};
    struct stat st;
    const bool regular = !stat(path, &st) && S_ISREG(st.st_mode);
    const int fd = regular ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    const bool is = fd >= 0 && read(fd, first, sizeof first) == (ssize_t)sizeof first &&
                    !memcmp(first, magic, sizeof magic);

    if (fd >= 0)
        close(fd);
    return is;
}

bool fs_exists(const char *path)
{
    struct stat st;

    return !stat(path, &st);
}

/* Follows links, as whoever writes into it would. */
bool fs_is_dir(const char *path)
{
    struct stat st;

    return !stat(path, &st) && S_ISDIR(st.st_mode);
}
