/* rebuild: an image made of another one and of a patch or an adapter; in whatever thread
 * computes. */

#ifndef FOLLOW_REBUILD_H
#define FOLLOW_REBUILD_H

#include "lm/model/shape.h"
#include "proto/fetch_ways.h"

/* Makes job->made and its digests, sealed, of the hash that the image must have; or says why not:
 * job->err (ERR_PARSE: what came makes nothing, or something else; ERR_NOMEM, ERR_IO) and words.
 * shape: the policy's; NULL: it is not known yet, and adapters are refused. */
void rebuild_do(struct fetch_rebuild *job, const struct shape *shape);

#endif
