/* F_GET_SEALS answers for memfds alone and asks nobody, so a descriptor of another kind, whose
 * every read might wait for its sender (a pipe, FUSE), is turned down before it is touched.
 *
 * Digests of all chunks are kept until the last one, as the hash is over them. */

#define _GNU_SOURCE /* F_GET_SEALS */

#include "proto/pages_check.h"

#include "base/mem.h"
#include "proto/limit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

struct pages_check {
    struct hash name;
    struct shared_memory *shared;
    int from; /* what is copied; -1: sealed */
    size_t bytes, chunks, next;
    struct hash *digest;
    bool bad;
};

/* Sealed pages as they are; a place to copy the others to. */
static enum err look(struct pages_check *check, int fd, const struct artifact *what)
{
    const int seals = fcntl(fd, F_GET_SEALS);
    struct stat stat;

    check->from = fd;
    if (seals < 0 || what->bytes > LIMIT_ARTIFACT || fstat(fd, &stat) || stat.st_size < 0 ||
        (uint64_t)stat.st_size != what->bytes)
        return err_set(ERR_RANGE, "%s: not the pages that were asked for", what->name);
    if ((seals & SEALS) != SEALS)
        return shared_memory_new(&check->shared, check->bytes, what->name);
    check->from = -1;
    return shared_memory_open(&check->shared, fd, check->bytes, what->name);
}

enum err pages_check_new(struct pages_check **out, int fd, const struct artifact *what)
{
    struct pages_check *check = mem_new(1, sizeof *check);
    enum err err;

    *out = NULL;
    check->name = what->hash;
    check->bytes = (size_t)what->bytes;
    check->chunks = (check->bytes + HASH_CHUNK - 1) / HASH_CHUNK;
    err = look(check, fd, what);
    if (!err)
        err = mem_big(&check->digest, check->chunks + 1, sizeof *check->digest, "digests");
    if (err)
        pages_check_free(check);
    else
        *out = check;
    return err;
}

void pages_check_free(struct pages_check *check)
{
    if (!check)
        return;
    if (check->from >= 0)
        close(check->from);
    shared_memory_free(check->shared);
    free(check->digest);
    free(check);
}

static bool copy(const struct pages_check *check, char *to, size_t n, size_t at)
{
    while (n) {
        const ssize_t got = pread(check->from, to, n, (off_t)at);
        if (got <= 0)
            return false;
        to += got;
        at += (size_t)got;
        n -= (size_t)got;
    }
    return true;
}

bool pages_check_step(struct pages_check *check, struct shared_memory **out)
{
    char *const bytes = shared_memory_bytes(check->shared);
    struct hash name;

    *out = NULL;
    for (int i = 0; i < PAGES_CHECK_SLICE && check->next < check->chunks && !check->bad; i++) {
        const size_t at = check->next * HASH_CHUNK;
        const size_t left = check->bytes - at, n = left < HASH_CHUNK ? left : HASH_CHUNK;
        if (check->from >= 0 && !copy(check, bytes + at, n, at))
            check->bad = true;
        else
            check->digest[check->next++] = hash_chunk(bytes + at, n);
    }
    if (!check->bad && check->next < check->chunks)
        return false;
    name = hash_join(check->digest, check->chunks);
    if (check->bad || !hash_same(&name, &check->name) || shared_memory_seal(check->shared))
        return true;
    *out = check->shared;
    check->shared = NULL;
    return true;
}
