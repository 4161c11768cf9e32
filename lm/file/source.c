/* A file or a block of memory behind one reading function with a small buffer: parsers above
 * (gguf, meta, safetensors) ask for bytes at an offset and get them or words that name file and
 * place. Nothing is mapped: a file that shrinks while it is read is an error, not a signal.
 *
 * The size is that of the moment when it was opened, and everything is checked against it:
 * first that `at` is inside, then n against what is left, so that no sum of a file's numbers
 * can wrap. Reads of many bytes go straight to the caller; small ones, of which a header is
 * full, through the window. */

#include "lm/file/source.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WINDOW = 1 << 16 };

struct source {
    char *name;
    int fd;               /* -1: bytes */
    const uint8_t *bytes; /* borrowed */
    size_t size;
    uint8_t *window; /* [WINDOW] bytes [from, from + have) of the file */
    size_t from, have;
};

enum err source_open(struct source **out, const char *path)
{
    struct source *source;
    struct stat st;
    int fd;

    *out = NULL;
    /* without blocking: a pipe or a device must not hang before it is refused below */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(ERR_IO, "%s: not a regular file", path);
    }
    source = mem_new(1, sizeof *source);
    source->name = mem_text(path);
    source->fd = fd;
    source->size = (size_t)st.st_size;
    source->window = mem_new(WINDOW, 1);
    *out = source;
    return OK;
}

void source_memory(struct source **out, const void *bytes, size_t n, const char *name)
{
    struct source *source = mem_new(1, sizeof *source);

    source->name = mem_text(name);
    source->fd = -1;
    source->bytes = bytes;
    source->size = n;
    *out = source;
}

void source_close(struct source *source)
{
    if (!source)
        return;
    if (source->fd >= 0)
        close(source->fd);
    free(source->window);
    free(source->name);
    free(source);
}

const char *source_name(const struct source *source)
{
    return source->name;
}

size_t source_size(const struct source *source)
{
    return source->size;
}

/* All n bytes or an error. */
static enum err fetch(struct source *source, size_t at, uint8_t *to, size_t n)
{
    while (n) {
        const ssize_t got = pread(source->fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(ERR_IO, "%s: cannot read at byte %zu: %s", source->name, at,
                           strerror(errno));
        if (!got)
            return err_set(ERR_IO, "%s: became shorter than %zu bytes while it was read",
                           source->name, at + n);
        to += got;
        at += (size_t)got;
        n -= (size_t)got;
    }
    return OK;
}

enum err source_read(struct source *source, size_t at, void *to, size_t n)
{
    enum err err;

    if (at > source->size || n > source->size - at)
        return err_set(ERR_PARSE, "%s: byte %zu: %zu bytes wanted, the file ends at %zu",
                       source->name, at, n, source->size);
    if (!n)
        return OK;
    if (source->fd < 0) {
        memcpy(to, source->bytes + at, n);
        return OK;
    }
    /* a copy would cost more than the call it saves */
    if (n >= WINDOW / 2)
        return fetch(source, at, to, n);
    if (at < source->from || at + n > source->from + source->have) {
        const size_t left = source->size - at;
        const size_t take = left < WINDOW ? left : WINDOW;
        /* what a failed read left in the window is nobody's */
        source->have = 0;
        err = fetch(source, at, source->window, take);
        if (err)
            return err;
        source->from = at;
        source->have = take;
    }
    memcpy(to, source->window + (at - source->from), n);
    return OK;
}

/* On failure *at stays, so that words name where the number should have been. */
enum err source_u64(struct source *source, size_t *at, uint64_t *out)
{
    uint8_t b[8] = {0};
    const enum err err = source_read(source, *at, b, 8);

    *out = 0;
    for (int i = 7; i >= 0; i--)
        *out = *out << 8 | b[i];
    *at += err ? 0 : 8;
    return err;
}

enum err source_u32(struct source *source, size_t *at, uint32_t *out)
{
    uint8_t b[4] = {0};
    const enum err err = source_read(source, *at, b, 4);

    *out = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    *at += err ? 0 : 4;
    return err;
}

enum err source_bad(const struct source *source, size_t at, const char *what, const char *why)
{
    char shown[SOURCE_SHOWN];

    return err_set(ERR_PARSE, "%s: byte %zu: '%s': %s", source->name, at,
                   source_shown(shown, what, strlen(what)), why);
}

enum err source_bound(const struct source *source, size_t at, const char *what, uint64_t n,
                      uint64_t most)
{
    if (n <= most)
        return OK;
    return err_set(ERR_PARSE, "%s: byte %zu: %" PRIu64 " %s, at most %" PRIu64 " can be here",
                   source->name, at, n, what, most);
}

/* Bounded twice: by what the caller takes, and by the bytes that are left. */
enum err source_length(struct source *source, size_t *at, size_t most, size_t *n)
{
    const size_t start = *at;
    uint64_t length = 0;
    enum err err = source_u64(source, at, &length);
    size_t left;

    *n = 0;
    if (err)
        return err;
    left = source->size - *at;
    err = source_bound(source, start, "bytes of text", length, most < left ? most : left);
    if (!err)
        *n = (size_t)length;
    return err;
}

/* Names are printed, compared and written again: none is empty or holds a control byte, a zero
 * byte among them. `to` has room for n + 1. */
enum err source_word(struct source *source, size_t *at, char *to, size_t n)
{
    const enum err err = source_read(source, *at, to, n);

    to[n] = 0;
    if (err)
        return err;
    if (!n)
        return source_bad(source, *at, "", "an empty name");
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)to[i] < 32 || to[i] == 127)
            return source_bad(source, *at, to, "control character in a name");
    *at += n;
    return OK;
}

/* Bytes above 127 pass: a name may be UTF-8. */
const char *source_shown(char out[SOURCE_SHOWN], const char *text, size_t n)
{
    size_t k = 0;

    for (; k < n && k < 60; k++) {
        const unsigned char c = (unsigned char)text[k];
        out[k] = c < 32 || c == 127 ? '?' : (char)c;
    }
    if (n > 60) {
        memcpy(out + 57, "...", 3);
        k = 60;
    }
    out[k] = 0;
    return out;
}
