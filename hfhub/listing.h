/* listing: what a hub says a repository holds, checked before anything of it becomes a path. */

#ifndef HFHUB_LISTING_H
#define HFHUB_LISTING_H

#include "base/err.h"
#include "base/repo.h"

#include <stdbool.h>

enum { LISTING_BYTES = 16 << 20 };

/* Fills commit and files of `o` out of the answer to /api/models/NAME/revision/REVISION (or
 * datasets). Names that could lead elsewhere are left out; stderr is told how many. `url` is for
 * words. Free with listing_free. Errors: ERR_PARSE; ERR_RANGE: the hub cut the list,
 * and `o` has the commit. On an error no file is held. */
enum err listing_read(struct repo *o, const char *text, size_t n, const char *url) MUST_CHECK;
/* One page of a tree, a list of {"type", "path", "oid", "size", "lfs": {"oid", "size"}}: its files are
 * added; *entries of it there were, folders among them, *n_odd files more had odd names. Errors:
 * ERR_PARSE. */
enum err listing_page(struct repo *o, const char *text, size_t n, const char *url,
                      size_t *entries, size_t *n_odd) MUST_CHECK;
void listing_free(struct repo *o);

/* Takes the path; orders nothing. */
void listing_add(struct repo *o, char *path, int64_t size, const char *blob);
/* By path; false: a path stands twice. */
bool listing_sort(struct repo *o);

/* A relative path of plain parts, none of them a dot or two, at most 512 bytes. */
bool listing_is_path(const char *path);
/* 40 to 64 lower-case hexadecimal digits. */
bool listing_is_commit(const char *text);
/* What may name a file in blobs/: letters, digits and "-_", at most REPO_BLOB - 1. */
bool listing_is_blob(const char *text);

#endif
