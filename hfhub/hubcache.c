/* How it works: the layout is huggingface_hub's, so whatever is written here must be good for it
 * too: refs hold a commit without a line's end, links are relative, so that a cache may be moved,
 * and blobs appear under their names only when they are whole (rename).
 *
 * What must hold: other programs write here at the same time. Nothing is removed but a link that
 * is about to be replaced, and what is found is looked at as if anybody had put it there. */
#define _DEFAULT_SOURCE /* flock */

#include "hfhub/hubcache.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/say.h"
#include "hfhub/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 32, REF_MAX = 256, LOOK_MS = 200 };

char *hubcache_folder(const char *cache, enum repo_kind kind, const char *name)
{
    const char *slash = strchr(name, '/');

    return mem_print("%s/%ss--%.*s--%s", cache, kind == REPO_DATASET ? "dataset" : "model",
                     (int)(slash - name), name, slash + 1);
}

enum err hubcache_commit(char out[REPO_COMMIT], const char *folder, const char *revision)
{
    char *ref = mem_print("%s/refs/%s", folder, revision), *text = NULL;
    char *own = mem_print("%s/snapshots/%s", folder, revision), *there = NULL;
    size_t n;
    enum err err = ERR_IO;

    *out = 0;
    if (listing_is_commit(revision) && fs_is_dir(own)) {
        snprintf(out, REPO_COMMIT, "%s", revision);
        err = OK;
    } else if (fs_exists(ref) && !fs_is_dir(ref) && !fs_read(&text, &n, ref, REF_MAX)) {
        text[strcspn(text, " \t\r\n")] = 0;
        there = mem_print("%s/snapshots/%s", folder, text);
        if (listing_is_commit(text) && fs_is_dir(there)) {
            snprintf(out, REPO_COMMIT, "%s", text);
            err = OK;
        }
    }
    free(ref);
    free(own);
    free(there);
    free(text);
    return err ? err_set(ERR_IO, "%s: not in the cache", folder) : OK;
}

/* The folder of `path`, with those above it. */
static enum err make_parent(const char *path)
{
    char *parent = mem_print("%.*s", (int)(strrchr(path, '/') - path), path);
    const enum err err = fs_mkdir(parent);

    free(parent);
    return err;
}

enum err hubcache_note(const char *folder, const char *revision, const char *commit)
{
    char *ref = mem_print("%s/refs/%s", folder, revision), *was = NULL;
    /* of one's own: several may say the same at once */
    char *fresh = mem_print("%s.%ld", ref, (long)getpid());
    size_t n;
    enum err err = OK;

    if (!strcmp(revision, commit))
        goto out;
    if (fs_exists(ref) && !fs_read(&was, &n, ref, REF_MAX) && !strcmp(was, commit))
        goto out;
    err = make_parent(ref);
    if (!err)
        err = fs_write(fresh, commit, strlen(commit));
    if (!err)
        err = fs_rename(fresh, ref);
out:
    free(fresh);
    free(was);
    free(ref);
    return err;
}

/* ---- what is here */

static enum err walk(struct repo *o, const char *root, const char *below, int depth);

/* One entry; `name` is its path below the root, and taken over. */
static enum err look_at(struct repo *o, const char *root, char *name, int depth)
{
    char *full = mem_print("%s/%s", root, name);
    struct stat st;
    enum err err = OK;

    /* a link to what is gone is a file that is not here */
    if (stat(full, &st) || !listing_is_path(name))
        st.st_mode = 0;
    if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
        err = walk(o, root, name, depth + 1);
    if (S_ISREG(st.st_mode) && o->n >= REPO_FILES)
        err = err_set(ERR_RANGE, "%s: more than %d files", root, REPO_FILES);
    if (!err && S_ISREG(st.st_mode))
        listing_add(o, name, st.st_size, "");
    else
        free(name);
    free(full);
    return err;
}

static enum err walk(struct repo *o, const char *root, const char *below, int depth)
{
    char *path = *below ? mem_print("%s/%s", root, below) : mem_text(root);
    DIR *dir = opendir(path);
    const struct dirent *entry;
    enum err err = dir ? OK : err_set(ERR_IO, "%s: %s", path, strerror(errno));

    while (!err && (entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            err = look_at(o, root, *below ? mem_print("%s/%s", below, name) : mem_text(name),
                          depth);
    }
    if (dir)
        closedir(dir);
    free(path);
    return err;
}

enum err hubcache_files(struct repo *o, const char *folder)
{
    char *root = mem_print("%s/snapshots/%s", folder, o->commit);
    const enum err err = walk(o, root, "", 0);

    free(root);
    if (err)
        listing_free(o);
    else
        (void)listing_sort(o); /* a folder has no name twice */
    return err;
}

/* ---- what is put here */

/* ../../blobs/BLOB, and one more .. for each folder in the path. */
static char *target(const char *path, const char *blob)
{
    char *to = mem_print("../../blobs/%s", blob);

    for (; (path = strchr(path, '/')); path++) {
        char *longer = mem_print("../%s", to);
        free(to);
        to = longer;
    }
    return to;
}

/* Some disks (and shares of other systems) have no links: then the file itself lies there. */
static enum err place_link(const char *at, const char *to, const char *bytes)
{
    char *fresh = mem_print("%s.%ld.link", at, (long)getpid());
    enum err err = OK;

    if (unlink(fresh) && errno != ENOENT)
        err = err_set(ERR_IO, "%s: %s", fresh, strerror(errno));
    else if (!symlink(to, fresh)) /* renamed over what is there: never a moment without */
        err = rename(fresh, at) ? err_set(ERR_IO, "%s: %s", at, strerror(errno)) : OK;
    else if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS)
        err = rename(bytes, at) ? err_set(ERR_IO, "%s: %s", at, strerror(errno)) : OK;
    else
        err = err_set(ERR_IO, "%s: cannot link: %s", at, strerror(errno));
    free(fresh);
    return err;
}

enum err hubcache_link(const char *folder, const char *commit, const char *path,
                       const char *blob)
{
    char *at = mem_print("%s/snapshots/%s/%s", folder, commit, path);
    char *bytes = mem_print("%s/blobs/%s", folder, blob), *to = target(path, blob);
    enum err err = make_parent(at);

    if (!err)
        err = place_link(at, to, bytes);
    free(at);
    free(bytes);
    free(to);
    return err;
}

int hubcache_lock(const char *cache, const char *folder, const char *blob)
{
    char *path = mem_print("%s/.locks%s/%s.lock", cache, strrchr(folder, '/'), blob);
    int fd = make_parent(path) ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    bool told = false;

    /* Who holds it fetches these very bytes: there is no sooner way to them. */
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            close(fd);
            fd = -1;
            break;
        }
        if (!told)
            say(stderr, "hub: another process fetches %.16s...: waiting for it (%s)\n", blob,
                path);
        told = true;
        poll(NULL, 0, LOOK_MS);
    }
    free(path);
    return fd;
}
