/* How it works: ustar (POSIX 1003.1: a header of 512 bytes, the file, zeros up to the next 512;
 * two blocks of zeros at the end), gzipped on the way: a bare machine has tar and gzip, and not
 * always zstd. Owner and time are left at zero, so that an archive depends on its files alone. */
#include "deploy/tarball.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { BLOCK = 512, NAME = 100, PIECE = 1 << 20 };

struct tarball {
    gzFile to;
};

enum err tarball_begin(struct tarball **out, const char *path)
{
    struct tarball *tarball = mem_new(1, sizeof *tarball);

    tarball->to = gzopen(path, "wbe4");
    if (!tarball->to) {
        free(tarball);
        *out = NULL;
        return err_set(ERR_IO, "%s: cannot be written", path);
    }
    *out = tarball;
    return OK;
}

static enum err put(struct tarball *tarball, const void *bytes, size_t n)
{
    const char *at = bytes;

    while (n) {
        const unsigned piece = n > PIECE ? PIECE : (unsigned)n;

        if (gzwrite(tarball->to, at, piece) != (int)piece) {
            int code;
            const char *why = gzerror(tarball->to, &code);

            return err_set(ERR_IO, "archive: %s", code == Z_ERRNO ? "the disk is full?" : why);
        }
        at += piece;
        n -= piece;
    }
    return OK;
}

/* The sum counts its own field as blanks. */
static void head(char out[BLOCK], const char *name, unsigned mode, size_t n)
{
    unsigned sum = 0;

    memset(out, 0, BLOCK);
    snprintf(out, NAME, "%s", name);
    snprintf(out + 100, 8, "%07o", mode);
    snprintf(out + 108, 8, "%07o", 0);
    snprintf(out + 116, 8, "%07o", 0);
    snprintf(out + 124, 12, "%011lo", (unsigned long)n);
    snprintf(out + 136, 12, "%011o", 0);
    memset(out + 148, ' ', 8);
    out[156] = '0';
    memcpy(out + 257, "ustar", 6);
    memcpy(out + 263, "00", 2);
    for (int i = 0; i < BLOCK; i++)
        sum += (unsigned char)out[i];
    snprintf(out + 148, 8, "%06o", sum & 0777777);
}

enum err tarball_put(struct tarball *tarball, const char *name, unsigned mode,
                     const void *bytes, size_t n)
{
    static const char zeros[BLOCK];
    char header[BLOCK];
    enum err err;

    if (strlen(name) >= NAME || n > (size_t)UINT32_MAX)
        return err_set(ERR_RANGE, "archive: '%s' has too long a name, or is too large", name);
    head(header, name, mode, n);
    err = put(tarball, header, BLOCK);
    if (!err)
        err = put(tarball, bytes, n);
    if (!err && n % BLOCK)
        err = put(tarball, zeros, BLOCK - n % BLOCK);
    return err;
}

enum err tarball_end(struct tarball *tarball)
{
    static const char zeros[2 * BLOCK];
    enum err err = put(tarball, zeros, sizeof zeros);
    const int code = gzclose(tarball->to);

    free(tarball);
    return err || code == Z_OK ? err : err_set(ERR_IO, "archive: the disk is full?");
}

void tarball_abort(struct tarball *tarball)
{
    if (!tarball)
        return;
    (void)gzclose(tarball->to);
    free(tarball);
}
