/* How it works: whoever writes has the file open, and nobody can tell it to take another; so the file
 * stays, and what is in it is taken away (ftruncate): who appends goes on at its new end. What is
 * written between the last look at its size and that moment is lost; a log is for people, and this
 * happens once in 64 MiB. */
#include "deploy/log_bound.h"

#include "base/fs.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The newest whole lines as `path`.1; how many bytes they are, 0 if that failed. */
static off_t keep(int fd, off_t size, const char *path)
{
    char *bytes = mem_new(LOG_BOUND_KEPT, 1), *older = mem_print("%s.1", path), *line;
    const ssize_t n = pread(fd, bytes, LOG_BOUND_KEPT, size - LOG_BOUND_KEPT);
    off_t kept = 0;

    line = n > 0 ? memchr(bytes, '\n', (size_t)n) : NULL;
    if (line) {
        line++;
        kept = n - (line - bytes);
        if (fs_write(older, line, (size_t)kept)) {
            err_set(OK, "%s", "");
            kept = 0;
        }
    }
    free(older);
    free(bytes);
    return kept;
}

bool log_bound(const char *path, off_t *lost)
{
    struct stat st;
    bool done;
    int fd;

    /* Looked at each second, opened only when it is due. No link is followed: the folder may be one
     * that others write to, and what is cut is a log's. */
    if (lstat(path, &st) || !S_ISREG(st.st_mode) || st.st_size <= LOG_BOUND_MAX)
        return false;
    fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    *lost = st.st_size - keep(fd, st.st_size, path);
    done = !ftruncate(fd, 0);
    close(fd);
    return done;
}
