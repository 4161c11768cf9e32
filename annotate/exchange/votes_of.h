/* votes_of: what a store holds, as ratings reads votes on models: the rows of its arena export. */

#ifndef ANNOTATE_EXCHANGE_VOTES_OF_H
#define ANNOTATE_EXCHANGE_VOTES_OF_H

#include "ratings/votes.h"

/* All of a store at rest, and votes_end; covariates: as votes_read_open has them. Errors: the
 * store's, votes_read_row's. */
enum err votes_of_file(struct votes *votes, const char *path,
                       const char *covariates) MUST_CHECK;

#endif
