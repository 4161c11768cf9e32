/* How: calloc and realloc, with one place (must) where having none left ends the process. Its
 * line looks as log.h's do but is written here, without log: making a line takes memory, of
 * which there is none, and so mem stands below everything that allocates. */

#define _GNU_SOURCE /* madvise, program_invocation_short_name */
#include "base/mem.h"

#include "base/printable.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* Blocks from this size on ask for large pages: fewer faults, and fewer misses where a kernel
 * streams weights. */
enum { LARGE_PAGE = 2 << 20 };

/* Blocks from this size on come from the kernel, which has zeros at hand (malloc's largest threshold). */
enum { FRESH = 32 << 20 };

static void *must(void *p, size_t count, size_t size)
{
    if (!p) {
        fprintf(stderr,
                "level=error proc=%s event=memory count=%zu size=%zu "
                "reason=\"out of memory\"\n",
                program_invocation_short_name, count, size);
        abort();
    }
    return p;
}

void *mem_new(size_t count, size_t size)
{
    return must(calloc(count ? count : 1, size ? size : 1), count, size);
}

void *mem_grow(void *old, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count ? count : 1, size ? size : 1, &bytes))
        return must(NULL, count, size);
    return must(realloc(old, bytes), count, size);
}

char *mem_text(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = mem_new(bytes, 1);

    memcpy(copy, text, bytes);
    return copy;
}

/* Formatted twice: first for the length alone. */
char *mem_print(const char *fmt, ...)
{
    va_list args, again;
    char *text;
    int n;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    text = mem_new((size_t)(n < 0 ? 0 : n) + 1, 1);
    vsnprintf(text, (size_t)(n < 0 ? 0 : n) + 1, fmt, again);
    va_end(again);
    return text;
}

char *mem_printable(const char *text, size_t n, unsigned how)
{
    const size_t room = 4 * n + 8; /* a byte becomes at most four; two become six */
    char *out = mem_new(room, 1);

    printable(out, room, text, n, how);
    return out;
}

static enum err reserve(void **slot, size_t count, size_t size, const char *what, size_t *got)
{
    size_t bytes;

    *slot = NULL;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - 63)
        return err_set(ERR_NOMEM, "%s: %zu x %zu bytes is more than an address holds", what,
                       count, size);
    const size_t align = bytes < LARGE_PAGE ? 64 : LARGE_PAGE;
    bytes = bytes ? (bytes + 63) / 64 * 64 : 64;
    if (posix_memalign(slot, align, bytes)) /* aligned_alloc wants whole pages */
        return err_set(ERR_NOMEM, "%s: no %zu bytes of memory", what, bytes);
    if (align == LARGE_PAGE) /* a wish: where the kernel has none left, small pages do */
        (void)madvise(*slot, bytes, MADV_HUGEPAGE);
    *got = bytes;
    return OK;
}

enum err mem_later(void *out, size_t count, size_t size, const char *what)
{
    size_t bytes;

    return reserve(out, count, size, what, &bytes);
}

/* posix_memalign may hand out used pages. Those of a large block are given back, so that the kernel zeroes
 * each where it is first touched, by the thread that does: once and not twice, and by all of them. */
static void zero(uint8_t *block, size_t bytes)
{
    const size_t whole = bytes < FRESH ? 0 : bytes / LARGE_PAGE * LARGE_PAGE;
    const size_t done = whole && !madvise(block, whole, MADV_DONTNEED) ? whole : 0;

    memset(block + done, 0, bytes - done);
}

enum err mem_big(void *out, size_t count, size_t size, const char *what)
{
    void **slot = out;
    size_t bytes;
    const enum err err = reserve(slot, count, size, what, &bytes);

    if (!err)
        zero(*slot, bytes);
    return err;
}

/* glibc keeps what lies between blocks in use, and looks at the end of its heap alone by itself. */
void mem_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

size_t mem_peak(void)
{
    struct rusage use;

    return getrusage(RUSAGE_SELF, &use) ? 0 : (size_t)use.ru_maxrss * 1024;
}
