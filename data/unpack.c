/* How it works: the first bytes say what the file is. zlib reads gzip and plain files alike, so
 * those two are one case; zstd has its own, frame after frame. Both fill one buffer, from which
 * lines are cut: a line that lies in it whole is handed out where it stands, another is put
 * together in `line`, which grows up to the caller's limit.
 *
 * What must hold: a file that ends within a frame is an error, never fewer lines as if all were
 * well. A frame's window is bounded by the library (128 MiB), so a small file cannot ask for
 * more memory than that. */
#include "data/unpack.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { BUFFER = 1 << 17 };

struct unpack {
    gzFile gz;         /* gzip or plain; NULL: zstd */
    int fd;            /* zstd's file */
    ZSTD_DCtx *frames; /* zstd's state */
    bool within;       /* a frame has begun and not ended */
    bool over;         /* nothing more to read from the disk */
    char *packed;      /* [BUFFER] zstd's input, of which at..n are not yet taken */
    ZSTD_inBuffer in;
    char *buffer; /* [BUFFER] unpacked, of which at..end are not yet given */
    size_t at, end;
    char *line; /* [room] a line that the buffer did not hold whole */
    size_t room;
};

/* zstd's frames begin with one of two magic numbers; the second kind is skipped over. */
static bool is_zstd(const unsigned char *b, size_t n)
{
    return n >= 4 && ((b[0] == 0x28 && b[1] == 0xB5 && b[2] == 0x2F && b[3] == 0xFD) ||
                      ((b[0] & 0xF0) == 0x50 && b[1] == 0x2A && b[2] == 0x4D && b[3] == 0x18));
}

/* One state for all frames; it holds the window, which is most of what it takes. */
static enum err begin_zstd(struct unpack *file, int fd)
{
    file->fd = fd;
    file->frames = ZSTD_createDCtx();
    if (!file->frames)
        return err_set(ERR_IO, "no memory");
    file->packed = mem_new(BUFFER, 1);
    file->in.src = file->packed;
    return OK;
}

/* A pipe has no way back: it is read as plain or gzip. */
static enum err begin(struct unpack *file, const char *path)
{
    unsigned char first[4];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : pread(fd, first, sizeof(first), 0);

    if (fd < 0)
        return err_set(ERR_IO, "%s", strerror(errno));
    if (got > 0 && is_zstd(first, (size_t)got))
        return begin_zstd(file, fd);
    file->gz = gzdopen(fd, "rb");
    if (!file->gz) {
        close(fd);
        return err_set(ERR_IO, "no memory");
    }
    gzbuffer(file->gz, BUFFER);
    return OK;
}

enum err unpack_open(struct unpack **out, const char *path)
{
    struct unpack *file = mem_new(1, sizeof(*file));
    enum err err;

    file->fd = -1;
    file->buffer = mem_new(BUFFER, 1);
    err = begin(file, path);
    if (err) {
        unpack_close(file);
        file = NULL;
        err = err_add("%s", path);
    }
    *out = file;
    return err;
}

void unpack_close(struct unpack *file)
{
    if (!file)
        return;
    if (file->gz)
        gzclose(file->gz);
    if (file->fd >= 0)
        close(file->fd);
    ZSTD_freeDCtx(file->frames);
    free(file->packed);
    free(file->buffer);
    free(file->line);
    free(file);
}

/* zlib's reasons in words; a file that was cut off is the common one, and only gzerror tells. */
static enum err read_gzip(struct unpack *file, char *to, size_t room, size_t *n)
{
    int code = Z_OK;
    const int got = gzread(file->gz, to, (unsigned)room);
    const char *words;

    *n = got > 0 ? (size_t)got : 0;
    if (got > 0)
        return OK;
    words = gzerror(file->gz, &code);
    if (!got && (code == Z_OK || code == Z_STREAM_END))
        return OK;
    if (code == Z_ERRNO)
        words = strerror(errno);
    else if (code == Z_BUF_ERROR)
        words = "the compressed file ends too early";
    return err_set(ERR_IO, "%s", words);
}

/* More of the packed bytes, when all were taken. */
static enum err refill(struct unpack *file)
{
    ssize_t got;

    if (file->in.pos < file->in.size || file->over)
        return OK;
    do
        got = read(file->fd, file->packed, BUFFER);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_set(ERR_IO, "%s", strerror(errno));
    file->over = !got;
    file->in.size = (size_t)got;
    file->in.pos = 0;
    return OK;
}

/* A frame that has ended leaves `within` false: only then may the file end. */
static enum err read_zstd(struct unpack *file, char *to, size_t room, size_t *n)
{
    ZSTD_outBuffer out = {.dst = to, .size = room};

    *n = 0;
    while (!out.pos) {
        size_t left;
        const enum err err = refill(file);
        if (err)
            return err;
        /* What the state still holds comes out without new input, too. */
        if (file->over && !file->within)
            return OK;
        left = ZSTD_decompressStream(file->frames, &out, &file->in);
        if (ZSTD_isError(left))
            return err_set(ERR_IO, "zstd: %s", ZSTD_getErrorName(left));
        if (file->over && left && !out.pos)
            return err_set(ERR_IO, "the compressed file ends too early");
        file->within = left != 0;
    }
    *n = out.pos;
    return OK;
}

/* First what unpack_line has left in the buffer, so that both may be mixed. */
enum err unpack_read(struct unpack *file, char *to, size_t room, size_t *n)
{
    const size_t left = file->end - file->at, take = left < room ? left : room;

    if (take) { /* what lines have left over */
        memcpy(to, file->buffer + file->at, take);
        file->at += take;
        *n = take;
        return OK;
    }
    if (room > BUFFER)
        room = BUFFER;
    return file->gz ? read_gzip(file, to, room, n) : read_zstd(file, to, room, n);
}

/* Moves `take` bytes of the buffer behind the n that the line has. */
static void gather(struct unpack *file, size_t n, size_t take)
{
    if (n + take > file->room) {
        file->room = 2 * (n + take);
        file->line = mem_grow(file->line, file->room, 1);
    }
    if (take)
        memcpy(file->line + n, file->buffer + file->at, take);
    file->at += take;
}

/* The common line lies in the buffer whole and is not copied. */
enum err unpack_line(struct unpack *file, char **line, size_t *n, size_t limit, bool *end)
{
    size_t have = 0;

    *end = false;
    for (;;) {
        char *from = file->buffer + file->at;
        const size_t left = file->end - file->at;
        char *newline = memchr(from, '\n', left);
        const size_t take = newline ? (size_t)(newline - from) : left;
        if (have + take > limit)
            return err_set(ERR_RANGE, "a line of more than %zu bytes", limit);
        if (newline && !have) {
            *line = from;
            *n = take;
            file->at += take + 1;
            return OK;
        }
        gather(file, have, take);
        have += take;
        if (newline) {
            file->at++;
            break;
        }
        file->at = file->end = 0;
        const enum err err = unpack_read(file, file->buffer, BUFFER, &file->end);
        if (err)
            return err;
        if (!file->end) {
            *end = !have;
            break;
        }
    }
    *line = file->line;
    *n = have;
    return OK;
}
