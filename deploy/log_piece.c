/* How it works: where to begin is found from the end, block by block, since logs are long; what
 * is given is whole lines, and bytes that are no text are replaced: an answer is JSON. */
#include "deploy/log_piece.h"

#include "base/mem.h"
#include "proto/text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the last `lines` lines begin, not more than LOG_PIECE bytes back. */
static int64_t begin_of(int fd, int64_t size, int lines)
{
    char bytes[LOG_PIECE];
    const int64_t first = size > LOG_PIECE ? size - LOG_PIECE : 0;
    const ssize_t n = pread(fd, bytes, sizeof bytes, first);

    for (ssize_t i = n - 1; i > 0; i--)
        if (bytes[i - 1] == '\n' && --lines <= 0)
            return first + i;
    return first;
}

static enum err read_it(char **out, int fd, int64_t from, int64_t size)
{
    char bytes[LOG_PIECE], *text;
    ssize_t n = pread(fd, bytes, sizeof bytes, from);
    json_t *tree;

    if (n < 0)
        return err_set(ERR_IO, "log: %s", strerror(errno));
    if (from + n < size) /* there is more: up to the end of a line */
        for (ssize_t i = n; i > 0; i--)
            if (bytes[i - 1] == '\n') {
                n = i;
                break;
            }
    text = text_clean(bytes, (size_t)n);
    tree = json_pack("{s:s,s:I,s:I}", "text", text, "to", (json_int_t)(from + n), "left",
                     (json_int_t)(size - from - n));
    free(text);
    *out = json_dumps(tree, JSON_COMPACT);
    json_decref(tree);
    return *out ? OK : err_set(ERR_PARSE, "log: what it has is no text");
}

/* The size is asked once: what is written meanwhile belongs to the next piece. */
enum err log_piece(char **out, const char *path, bool follow, int64_t from, int lines)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    enum err err;

    *out = NULL;
    if (fd < 0)
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st)) {
        close(fd);
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (!follow)
        from = lines > 0 ? begin_of(fd, st.st_size, lines) : st.st_size;
    if (from < 0 || from > st.st_size)
        from = 0;
    err = read_it(out, fd, from, st.st_size);
    close(fd);
    return err;
}
