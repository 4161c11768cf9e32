#define _GNU_SOURCE /* memfd_create, madvise, F_ADD_SEALS */

#include "base/slab.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

struct slab {
    void *bytes;
    size_t n;
    int fd;
    bool sealed;
    atomic_uint users;
};

/* Large pages are a wish. */
static enum err map(struct slab *slab, int protection, const char *what)
{
    if (!slab->n)
        return OK;
    slab->bytes = mmap(NULL, slab->n, protection, MAP_SHARED, slab->fd, 0);
    if (slab->bytes == MAP_FAILED) {
        slab->bytes = NULL;
        return err_set(ERR_NOMEM, "%s: no %zu bytes of memory", what, slab->n);
    }
    (void)madvise(slab->bytes, slab->n, MADV_HUGEPAGE);
    return OK;
}

static struct slab *begin(int fd, size_t n)
{
    struct slab *slab = mem_new(1, sizeof *slab);

    slab->fd = fd;
    slab->n = n;
    atomic_init(&slab->users, 1);
    return slab;
}

enum err slab_new(struct slab **out, size_t n, const char *what)
{
    struct slab *slab = begin(memfd_create("drover", MFD_CLOEXEC | MFD_ALLOW_SEALING), n);
    enum err err = OK;

    *out = NULL;
    if (slab->fd < 0 || ftruncate(slab->fd, (off_t)n))
        err = err_set(ERR_NOMEM, "%s: no %zu bytes of memory: %s", what, n, strerror(errno));
    if (!err)
        err = map(slab, PROT_READ | PROT_WRITE, what);
    if (err)
        slab_free(slab);
    else
        *out = slab;
    return err;
}

enum err slab_open(struct slab **out, int fd, size_t n, const char *what)
{
    struct slab *slab = begin(fd, n);
    const int seals = fcntl(fd, F_GET_SEALS);
    struct stat stat;
    enum err err = OK;

    *out = NULL;
    if (seals < 0 || (seals & SEALS) != SEALS)
        err = err_set(ERR_RANGE, "%s: pages that could still change", what);
    else if (fstat(fd, &stat) || stat.st_size < 0 || (size_t)stat.st_size != n)
        err = err_set(ERR_RANGE, "%s: not the %zu bytes that were asked for", what, n);
    else
        err = map(slab, PROT_READ, what);
    slab->sealed = true;
    if (err)
        slab_free(slab);
    else
        *out = slab;
    return err;
}

struct slab *slab_share(struct slab *slab)
{
    atomic_fetch_add(&slab->users, 1);
    return slab;
}

void slab_free(struct slab *slab)
{
    if (!slab || atomic_fetch_sub(&slab->users, 1) != 1)
        return;
    if (slab->bytes)
        munmap(slab->bytes, slab->n);
    if (slab->fd >= 0)
        close(slab->fd);
    free(slab);
}

/* A descriptor takes the seal only while nobody has it mapped for writing. */
enum err slab_seal(struct slab *slab)
{
    if (slab->sealed)
        return OK;
    if (slab->bytes)
        munmap(slab->bytes, slab->n);
    slab->bytes = NULL;
    if (fcntl(slab->fd, F_ADD_SEALS, SEALS))
        return err_set(ERR_IO, "sealing %zu bytes: %s", slab->n, strerror(errno));
    slab->sealed = true;
    return map(slab, PROT_READ, "sealed pages");
}

void *slab_bytes(const struct slab *slab)
{
    return slab->bytes;
}

size_t slab_size(const struct slab *slab)
{
    return slab->n;
}

int slab_fd(const struct slab *slab)
{
    return slab->sealed ? slab->fd : -1;
}
