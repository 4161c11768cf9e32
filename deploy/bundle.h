/* bundle: drover's programs with every library they need, as one archive that runs on any Linux
 * of this processor, whatever is installed there. Its name is the hash of what is in it.
 *
 *     drover, drover-actor, ...  scripts that start the program of that name
 *     ld.so                      the loader that belongs to these libraries
 *     elf/PROGRAM, lib/LIBRARY
 */

#ifndef DEPLOY_BUNDLE_H
#define DEPLOY_BUNDLE_H

#include "base/err.h"

#include <stdint.h>

enum { BUNDLE_NAME = 17 };

struct bundle {
    char *file; /* the archive, a .tar.gz; freed by bundle_free */
    char name[BUNDLE_NAME];
    uint64_t bytes;
    char machine[16]; /* "x86_64": uname -m of where it runs */
};

/* Makes it in `folder` unless it is there. Takes a second or two. Errors: ERR_IO. */
enum err bundle_make(struct bundle *out, const char *folder) MUST_CHECK;
void bundle_free(struct bundle *bundle);

#endif
