/* How: a memfd, mapped for writing until it is sealed. Sealing unmaps it first (the kernel
 * refuses the seal while a writable mapping lives) and maps it again for reading, so every
 * pointer taken before shared_memory_seal is void after it. A descriptor that comes from
 * elsewhere is believed only with all three seals on and with the size that was asked for: else
 * its sender could cut it short and a read would end us with SIGBUS.
 *
 * Users are counted atomically, since the loop and the compute thread share a block. */

#define _GNU_SOURCE /* memfd_create, madvise, F_ADD_SEALS */

#include "base/shared_memory.h"

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

struct shared_memory {
    void *bytes;
    size_t n;
    int fd;
    bool sealed;
    atomic_uint users;
};

/* Large pages are a wish. */
static enum err map(struct shared_memory *shared, int protection, const char *what)
{
    if (!shared->n)
        return OK;
    shared->bytes = mmap(NULL, shared->n, protection, MAP_SHARED, shared->fd, 0);
    if (shared->bytes == MAP_FAILED) {
        shared->bytes = NULL;
        return err_set(ERR_NOMEM, "%s: no %zu bytes of memory", what, shared->n);
    }
    (void)madvise(shared->bytes, shared->n, MADV_HUGEPAGE);
    return OK;
}

/* One user: who makes it. Also of a descriptor that did not come (-1): freeing copes with it.
 */
static struct shared_memory *begin(int fd, size_t n)
{
    struct shared_memory *shared = mem_new(1, sizeof *shared);

    shared->fd = fd;
    shared->n = n;
    atomic_init(&shared->users, 1);
    return shared;
}

enum err shared_memory_new(struct shared_memory **out, size_t n, const char *what)
{
    struct shared_memory *shared =
        begin(memfd_create("drover", MFD_CLOEXEC | MFD_ALLOW_SEALING), n);
    enum err err = OK;

    *out = NULL;
    if (shared->fd < 0 || ftruncate(shared->fd, (off_t)n))
        err = err_set(ERR_NOMEM, "%s: no %zu bytes of memory: %s", what, n, strerror(errno));
    if (!err)
        err = map(shared, PROT_READ | PROT_WRITE, what);
    if (err)
        shared_memory_free(shared);
    else
        *out = shared;
    return err;
}

enum err shared_memory_open(struct shared_memory **out, int fd, size_t n, const char *what)
{
    struct shared_memory *shared = begin(fd, n);
    const int seals = fcntl(fd, F_GET_SEALS);
    struct stat stat;
    enum err err = OK;

    *out = NULL;
    if (seals < 0 || (seals & SEALS) != SEALS)
        err = err_set(ERR_RANGE, "%s: pages that could still change", what);
    else if (fstat(fd, &stat) || stat.st_size < 0 || (size_t)stat.st_size != n)
        err = err_set(ERR_RANGE, "%s: not the %zu bytes that were asked for", what, n);
    else
        err = map(shared, PROT_READ, what);
    shared->sealed = true;
    if (err)
        shared_memory_free(shared);
    else
        *out = shared;
    return err;
}

struct shared_memory *shared_memory_share(struct shared_memory *shared)
{
    atomic_fetch_add(&shared->users, 1);
    return shared;
}

unsigned shared_memory_users(const struct shared_memory *shared)
{
    return atomic_load(&shared->users);
}

void shared_memory_free(struct shared_memory *shared)
{
    if (!shared || atomic_fetch_sub(&shared->users, 1) != 1)
        return;
    if (shared->bytes)
        munmap(shared->bytes, shared->n);
    if (shared->fd >= 0)
        close(shared->fd);
    free(shared);
}

/* A descriptor takes the seal only while nobody has it mapped for writing. */
enum err shared_memory_seal(struct shared_memory *shared)
{
    if (shared->sealed)
        return OK;
    if (shared->bytes)
        munmap(shared->bytes, shared->n);
    shared->bytes = NULL;
    if (fcntl(shared->fd, F_ADD_SEALS, SEALS))
        return err_set(ERR_IO, "sealing %zu bytes: %s", shared->n, strerror(errno));
    shared->sealed = true;
    return map(shared, PROT_READ, "sealed pages");
}

void *shared_memory_bytes(const struct shared_memory *shared)
{
    return shared->bytes;
}

size_t shared_memory_size(const struct shared_memory *shared)
{
    return shared->n;
}

int shared_memory_fd(const struct shared_memory *shared)
{
    return shared->sealed ? shared->fd : -1;
}
