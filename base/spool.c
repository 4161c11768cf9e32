#define _GNU_SOURCE /* mremap */
/* How: a block of realloc until it is larger than it may be; then the bytes go into a file that is
 * unlinked at once, and a shared mapping of that file is the block. Space is reserved on the disk
 * before a page of it is touched, so that a full disk is an error here and not a signal later. The
 * kernel writes pages out as it likes; MADV_DONTNEED takes them out of this process' memory and
 * loses nothing, as the mapping is shared with the file. */

#include "base/spool.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STEP = 64 << 20 /* a file grows by whole steps */ };

struct spool {
    char *folder, *what;
    size_t memory, room, seen;
    void *data;
    int fd; /* -1: in memory */
};

struct spool *spool_new(const char *folder, size_t memory, const char *what)
{
    struct spool *s = mem_new(1, sizeof *s);
    const char *usual = getenv("TMPDIR");

    s->folder = mem_text(folder ? folder : usual && *usual ? usual : "/var/tmp");
    s->what = mem_text(what);
    s->memory = memory;
    s->fd = -1;
    return s;
}

void spool_free(struct spool *s)
{
    if (!s)
        return;
    if (s->fd < 0)
        free(s->data);
    else {
        munmap(s->data, s->room);
        close(s->fd);
    }
    free(s->folder);
    free(s->what);
    free(s);
}

int spool_on_disk(const struct spool *s)
{
    return s->fd >= 0;
}

static enum err failed(const struct spool *s, const char *why)
{
    return err_set(ERR_IO, "%s: no room for %s: %s", s->folder, s->what, why);
}

/* Twice what was there, so that appending costs nothing much. */
static enum err in_memory(struct spool *s, size_t bytes)
{
    const size_t twice = s->room > s->memory / 2 ? s->memory : 2 * s->room;
    const size_t room = bytes > twice ? bytes : twice;
    char *data = realloc(s->data, room);

    if (!data)
        return err_set(ERR_NOMEM, "no %zu bytes of memory for %s", room, s->what);
    memset(data + s->room, 0, room - s->room);
    s->data = data;
    s->room = room;
    return OK;
}

/* A file without a name: nothing is left behind by a process that is killed. */
static enum err make_file(const struct spool *s, int *fd)
{
    char *path = mem_print("%s/.spool-XXXXXX", s->folder);
    enum err err = fs_mkdir(s->folder);

    if (!err) {
        *fd = mkostemp(path, O_CLOEXEC);
        if (*fd < 0)
            err = failed(s, strerror(errno));
        else
            unlink(path);
    }
    free(path);
    return err;
}

/* posix_fallocate says by its value, not by errno, what is wrong. */
static enum err reserve(const struct spool *s, int fd, size_t from, size_t to)
{
    const int why = posix_fallocate(fd, (off_t)from, (off_t)(to - from));

    return why ? failed(s, strerror(why)) : OK;
}

static enum err map(const struct spool *s, int fd, size_t room, void **data)
{
    *data = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return *data == MAP_FAILED ? failed(s, strerror(errno)) : OK;
}

/* Out of memory into a file. */
static enum err move(struct spool *s, size_t room)
{
    void *data = NULL;
    int fd = -1;
    enum err err = make_file(s, &fd);

    if (!err)
        err = reserve(s, fd, 0, room);
    if (!err)
        err = map(s, fd, room, &data);
    if (err) {
        if (fd >= 0)
            close(fd);
        return err;
    }
    if (s->room)
        memcpy(data, s->data, s->room);
    free(s->data);
    s->data = data;
    s->room = room;
    s->fd = fd;
    say(stderr,
        "data: %s take more than %zu MiB: they lie in a file in %s for as long as this runs\n",
        s->what, s->memory >> 20, s->folder);
    return OK;
}

static enum err grow_file(struct spool *s, size_t room)
{
    enum err err = reserve(s, s->fd, s->room, room);
    void *data;

    if (err)
        return err;
    data = mremap(s->data, s->room, room, MREMAP_MAYMOVE);
    if (data == MAP_FAILED)
        return failed(s, strerror(errno));
    s->data = data;
    s->room = room;
    return OK;
}

enum err spool_room(struct spool *s, size_t bytes, void *data)
{
    void **out = data;
    enum err err = OK;

    if (bytes > s->room) {
        /* an eighth more than asked for: copies are cheap here, and the disk is the user's */
        const size_t room = (bytes + bytes / 8 + STEP - 1) / STEP * STEP;

        if (bytes > SIZE_MAX / 2)
            err = err_set(ERR_NOMEM, "%s: %zu bytes", s->what, bytes);
        else if (s->fd >= 0)
            err = grow_file(s, room);
        else
            err = bytes > s->memory ? move(s, room) : in_memory(s, bytes);
    }
    *out = s->data;
    return err;
}

void spool_seen(struct spool *s, size_t bytes)
{
    s->seen += bytes;
    if (s->fd < 0 || s->seen < SPOOL_WINDOW)
        return;
    s->seen = 0;
    (void)madvise(s->data, s->room, MADV_DONTNEED); /* a wish: it costs memory if refused */
}
