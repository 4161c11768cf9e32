/* pages_check: pages of somebody who is not believed, hashed a slice at a time.
 *
 * Sealed ones are used as they are, once they have the hash; what could still change is copied
 * first, by reading: a mapping of it could be cut short under us. */

#ifndef PROTO_PAGES_CHECK_H
#define PROTO_PAGES_CHECK_H

#include "base/shared_memory.h"
#include "proto/noun.h"

enum { PAGES_CHECK_SLICE = 4 }; /* chunks a step: about 4 ms */

struct pages_check;
/* Takes `fd`, also on an error. Errors: ERR_RANGE (no memfd, or not what->bytes long),
 * ERR_NOMEM. */
enum err pages_check_new(struct pages_check **out, int fd,
                         const struct artifact *what) MUST_CHECK;
void pages_check_free(struct pages_check *check); /* NULL is fine */

/* A slice; false while there is more. At the end *out is the pages, the caller's now, or NULL:
 * they are not what was asked for. */
bool pages_check_step(struct pages_check *check, struct shared_memory **out);

#endif
