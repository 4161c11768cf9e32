/* hubcache: the cache on disk, in the layout of huggingface_hub, which reads what lies here and
 * whose files are read:
 *
 *   models--OWNER--NAME/refs/main             the commit that the branch had when it was last seen
 *   models--OWNER--NAME/blobs/HASH            bytes; HASH.incomplete while they come
 *   models--OWNER--NAME/snapshots/COMMIT/…    the files under their own names: links into blobs/
 *   .locks/models--OWNER--NAME/HASH.lock      held (flock) by whoever fetches HASH */

#ifndef HFHUB_HUBCACHE_H
#define HFHUB_HUBCACHE_H

#include "base/err.h"
#include "base/repo.h"

#include <stdbool.h>

/* CACHE/models--OWNER--NAME (datasets--…); free it. */
char *hubcache_folder(const char *cache, enum repo_kind kind, const char *name);

/* The commit that the revision had, or the revision itself where it is a commit that is here.
 * Errors: ERR_IO: none of it is here. */
enum err hubcache_commit(char out[REPO_COMMIT], const char *folder,
                         const char *revision) MUST_CHECK;
/* Errors: ERR_IO. A cache that cannot be written but says the same already is fine. */
enum err hubcache_note(const char *folder, const char *revision, const char *commit) MUST_CHECK;

/* Adds the files of folder/snapshots/COMMIT to the list, ordered. Errors: ERR_IO, ERR_RANGE. */
enum err hubcache_files(struct repo *o, const char *folder) MUST_CHECK;

/* snapshots/COMMIT/PATH leads to blobs/BLOB; on a disk without links it becomes the file.
 * Errors: ERR_IO. */
enum err hubcache_link(const char *folder, const char *commit, const char *path,
                       const char *blob) MUST_CHECK;

/* Waits until nobody else fetches this blob; stderr is told of whom it waits for, once. The
 * descriptor is closed to let go. -1 where the folder has no locks: the rename is whole anyway.
 */
int hubcache_lock(const char *cache, const char *folder, const char *blob);

#endif
