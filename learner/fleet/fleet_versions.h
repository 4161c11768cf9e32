/* fleet_versions: the images of versions that tasks may still name, offered to whoever asks. */

#ifndef LEARNER_FLEET_FLEET_VERSIONS_H
#define LEARNER_FLEET_FLEET_VERSIONS_H

#include "learner/context/run_context.h"

struct fleet_bulk;

struct fleet_versions {
    struct fleet_bulk *bulk;
    const struct hash *first; /* version 0's image: an artifact of its own, which stays */
    struct snapshot *snapshot[RUN_CONTEXT_VERSIONS]; /* alive, ascending */
    uint32_t n_snapshot;
};

/* Offers a newer version's image; takes the snapshot, also on an error. Errors: ERR_RANGE
 * (an image of more than 32 GiB). */
enum err fleet_versions_add(struct fleet_versions *versions,
                            struct snapshot *snapshot) MUST_CHECK;
/* Takes away those below version `from`. Errors: as above, of one that is offered in place of
 * another with the same bytes. */
enum err fleet_versions_drop(struct fleet_versions *versions, uint64_t from) MUST_CHECK;
void fleet_versions_fini(
    struct fleet_versions *versions); /* once nothing is offered any more */

#endif
