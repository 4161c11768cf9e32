/* tree: the files of a repository that has more than one answer holds, page by page. */

#ifndef HFHUB_TREE_H
#define HFHUB_TREE_H

#include "base/err.h"
#include "base/repo.h"

enum { TREE_FILES = 1 << 20 };

/* Fills the files of `o`, whose commit is known, from /api/models/NAME/tree/COMMIT (or datasets) at
 * `endpoint`; a page at a time is in memory. `token` may be NULL. Errors: request_text's; ERR_PARSE
 * (no listing, one that never ends, a link to another host), ERR_RANGE (more than TREE_FILES). On an
 * error nothing is held. */
enum err tree_read(struct repo *o, const char *endpoint, const char *token) MUST_CHECK;

#endif
