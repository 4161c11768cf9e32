/* rebuild: an image made of another one and of a patch or an adapter; on the compute thread. */

#ifndef ACTOR_REBUILD_H
#define ACTOR_REBUILD_H

#include "lm/model/shape.h"
#include "proto/fetch_ways.h"

struct compute_item;
struct late;
struct worker;

/* To the thread, as an item; and out of one that comes back. Errors: ERR_STATE: the thread takes no
 * more now, and the job stays the caller's. */
enum err rebuild_post(struct fetch_rebuild *job, const struct late *late,
                      struct worker *worker) MUST_CHECK;
struct fetch_rebuild *rebuild_of(struct compute_item *item);

/* Makes job->made and its digests, sealed, of the hash that the image must have; or says why not:
 * job->err (ERR_PARSE: what came makes nothing, or something else; ERR_NOMEM, ERR_IO) and words.
 * shape: the policy's; NULL: it is not known yet, and adapters are refused. */
void rebuild_do(struct fetch_rebuild *job, const struct shape *shape);

#endif
