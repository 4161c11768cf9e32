/* How it works: pread, so that the readers of a file's columns share one descriptor and none
 * moves another's place. Not mapped: a file that shrinks under a mapping ends the process, here
 * it is an error. */
#include "data/columns/bytes.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bytes {
    int fd;            /* -1: memory */
    const uint8_t *at; /* [size] borrowed; NULL: a file */
    uint64_t size;     /* as it was when it was opened */
};

/* A pipe has no end to begin at: refused with the reason, instead of a seek that fails. */
enum err bytes_open(struct bytes **out, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;

    *out = NULL;
    if (fd < 0)
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(fd, &about)) {
        const int why = errno;
        close(fd);
        return err_set(ERR_IO, "%s: %s", path, strerror(why));
    }
    if (!S_ISREG(about.st_mode)) {
        close(fd);
        return err_set(ERR_IO, "%s: no regular file, and this format is read from its end",
                       path);
    }
    *out = mem_new(1, sizeof(**out));
    (*out)->fd = fd;
    (*out)->size = (uint64_t)about.st_size;
    return OK;
}

struct bytes *bytes_memory(const void *at, size_t n)
{
    struct bytes *bytes = mem_new(1, sizeof(*bytes));

    bytes->fd = -1;
    bytes->at = at;
    bytes->size = n;
    return bytes;
}

void bytes_close(struct bytes *bytes)
{
    if (bytes && bytes->fd >= 0)
        close(bytes->fd);
    free(bytes);
}

uint64_t bytes_size(const struct bytes *bytes)
{
    return bytes->size;
}

/* A read may be cut short by a signal; 0 bytes in the midst mean that the file has shrunk. */
enum err bytes_read(struct bytes *bytes, uint64_t at, void *to, size_t n)
{
    uint8_t *next = to;

    if (at > bytes->size || n > bytes->size - at)
        return err_set(ERR_IO, "the file ends too early");
    if (bytes->fd < 0) {
        if (n)
            memcpy(to, bytes->at + at, n);
        return OK;
    }
    while (n) {
        const ssize_t got = pread(bytes->fd, next, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_set(ERR_IO, "%s", got ? strerror(errno) : "the file ends too early");
        next += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return OK;
}
