/* mem: memory, of two kinds.
 *
 * Small things whose size the program decides: mem_new and kin; out of memory
 * says so and aborts (a supervisor restarts the process). Large things whose
 * size the input decides (weights, caches, frames): mem_big, which may fail. */

#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* `count` zeroed elements of `size` bytes; never NULL. Free with free(). */
void *mem_new(size_t count, size_t size) __attribute__((returns_nonnull));

/* Like realloc to `count` elements; never NULL; the new part is not zeroed. */
void *mem_grow(void *old, size_t count, size_t size) __attribute__((returns_nonnull));

/* A copy of a string; never NULL. Free with free(). */
char *mem_text(const char *text) __attribute__((returns_nonnull));

/* A formatted string; never NULL. Free with free(). */
char *mem_print(const char *fmt, ...) PRINTF(1, 2) __attribute__((returns_nonnull));

/* What others wrote, made printable (printable.h; `how`: enum printable_how); never NULL. Free
 * with free(). */
char *mem_printable(const char *text, size_t n, unsigned how) __attribute__((returns_nonnull));

/* `count` zeroed elements of `size` bytes, aligned to 64; large ones take no memory before they are touched.
 * Free with free().
 * Errors: ERR_NOMEM with words that name `what` and the bytes. */
enum err mem_big(void *out, size_t count, size_t size, const char *what) MUST_CHECK;

/* The same, not zeroed: what is not written takes no memory. */
enum err mem_later(void *out, size_t count, size_t size, const char *what) MUST_CHECK;

/* What was freed is the machine's again, as far as whole pages are free: after much was, and before more is
 * asked for that stays. */
void mem_trim(void);

/* Highest resident set of this process so far, bytes. */
size_t mem_peak(void);

#endif
