/* fs: whole files, and writing them so that a crash leaves the old or the new one. */

#ifndef BASE_FS_H
#define BASE_FS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* The bytes of a file plus a terminating zero that `*n` does not count.
 * Errors: ERR_IO (words name path and reason), ERR_RANGE if it is longer than
 * `limit` bytes. Free *out with free(). */
enum err fs_read(char **out, size_t *n, const char *path, size_t limit) MUST_CHECK;

/* A file mapped read-only; an empty file gives NULL and 0. Errors: ERR_IO. */
enum err fs_map(const void **out, size_t *n, const char *path) MUST_CHECK;
void fs_unmap(const void *bytes, size_t n);
/* What was read of fs_map's bytes leaves this process's memory: whoever looks again reads the file. */
void fs_leave(const void *bytes, size_t n);

/* Writes path.tmp, a new file that nobody else has opened, fsyncs it, renames it over `path`,
 * fsyncs the folder. The old file's mode (and owner, where we may) stays. A link stays one:
 * what it leads to is written. What exists and is no regular file (device, FIFO, terminal,
 * /dev/stdout) is written into as the bytes come, not replaced. On an error nothing of ours is
 * left behind and the old file stands. Errors: ERR_IO; ERR_STATE if another process is writing
 * it. */
enum err fs_write(const char *path, const void *bytes, size_t n) MUST_CHECK;

/* The same in pieces: fs_begin, any number of fs_put, then fs_commit or fs_abort. */
struct fs_file;
/* Errors: fs_write's, each where it comes to light; after one of fs_put only fs_abort may
 * follow. ERR_STATE: a database is there, whose place no text takes. */
enum err fs_begin(struct fs_file **out, const char *path) MUST_CHECK;
enum err fs_put(struct fs_file *file, const void *bytes, size_t n) MUST_CHECK;
enum err fs_commit(struct fs_file *file) MUST_CHECK; /* frees file, whatever it returns */
void fs_abort(struct fs_file *file);                 /* NULL is fine */

/* Makes `path` and what is missing above it. Errors: ERR_IO, also where a file is in the way.
 */
enum err fs_mkdir(const char *path) MUST_CHECK;

/* Removes a file or a folder with all that is in it; a missing one is fine.
 * Never follows a link. Errors: ERR_IO. */
enum err fs_remove(const char *path) MUST_CHECK;
/* The same after an error, which it returns with its words; where the path stays, they say so. */
enum err fs_give_up(const char *path, enum err err) MUST_CHECK;

/* Renames and fsyncs the folder that holds `to`. Errors: ERR_IO. */
enum err fs_rename(const char *from, const char *to) MUST_CHECK;

bool fs_exists(const char *path);
/* A SQLite file, by its first bytes: what people filled over weeks, and no output is. */
bool fs_is_database(const char *path);
bool fs_is_dir(const char *path);

#endif
