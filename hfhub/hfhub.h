/* hfhub: the Hugging Face hub, or one that answers as it does, as a source of names (base/repo.h).
 *
 * What is fetched lies in the cache that transformers and datasets use (hubcache.h), checked by
 * the hash that the hub names it by; what lies there already is not fetched. Without a network, or
 * with HF_HUB_OFFLINE, the cache is all there is. */

#ifndef HFHUB_HFHUB_H
#define HFHUB_HFHUB_H

#include "base/err.h"

struct hubplace;
struct repo;
struct request_answer;

/* Commit and files of `o`, whose kind, name and revision are set, as the hub at `place` has them at
 * `revision`; those are freed by listing_free. *seen: of the last answer. Errors: ERR_IO (words say why
 * and what to do), ERR_PARSE, ERR_RANGE. */
enum err hfhub_list(struct repo *o, const struct hubplace *place, const char *revision,
                    struct request_answer *seen) MUST_CHECK;

/* From now on names mean the hub's repositories. Reaches for nothing yet. */
void hfhub_serve(void);

#endif
