/* tarball: files into one compressed archive that any tar reads; the same files, the same bytes. */

#ifndef DEPLOY_TARBALL_H
#define DEPLOY_TARBALL_H

#include "base/err.h"

#include <stddef.h>

struct tarball;

/* A new archive at `path`. Errors: ERR_IO. */
enum err tarball_begin(struct tarball **out, const char *path) MUST_CHECK;
/* One file more: `name` of at most 99 bytes, `mode` 0755 or 0644. Errors: ERR_RANGE, ERR_IO. */
enum err tarball_put(struct tarball *tarball, const char *name, unsigned mode,
                     const void *bytes, size_t n) MUST_CHECK;
/* The end; frees it, whatever it returns. Errors: ERR_IO. */
enum err tarball_end(struct tarball *tarball) MUST_CHECK;
void tarball_abort(struct tarball *tarball); /* NULL is fine; what was written stays */

#endif
