/* fleet_versions: the images of versions that tasks may still name, offered to whoever asks. */

#ifndef LEARNER_FLEET_FLEET_VERSIONS_H
#define LEARNER_FLEET_FLEET_VERSIONS_H

#include "learner/context/run_context.h"

struct fleet_bulk;

struct fleet_versions {
    struct fleet_bulk *bulk;
    const struct hash *first; /* version 0's image: an artifact of its own, which stays */
    uint32_t first_golden;    /* lm/model/golden.h */
    struct snapshot *snapshot[RUN_CONTEXT_VERSIONS]; /* alive, ascending */
    uint32_t n_snapshot;
    bool
        keep; /* hosts pull over the wire: the one before the oldest is kept, though not offered */
    struct snapshot *before; /* that one, or NULL */
    /* the first models' images as pages for processes of this host, until a version follows */
    struct shared_memory *lent[REWARDS_MAX + 1];
    int n_lent;
};

/* The reward model that people taught is another one, or there is none: offers it in the place of the one
 * before. Errors: run_refresh_map's, fleet_bulk_add's. */
enum err fleet_versions_refresh(struct fleet_versions *versions,
                                struct run_context *run) MUST_CHECK;
/* Offers a run's initial models: cards, and images over the wire and as pages. Errors: fleet_bulk_add's,
 * ERR_NOMEM. */
enum err fleet_versions_first(struct fleet_versions *versions,
                              const struct initial_models *models) MUST_CHECK;
/* Offers all that a run has as it begins: its models, and the images that tasks may still name, which
 * are taken from it. Before the first WELCOME, so that the first OFFER has all of them. Errors: as
 * fleet_versions_add, fleet_bulk_add. */
enum err fleet_versions_begin(struct fleet_versions *versions,
                              struct run_context *run) MUST_CHECK;
/* Offers a newer version's image; takes the snapshot, also on an error. Errors: ERR_RANGE
 * (an image of more than 32 GiB). */
enum err fleet_versions_add(struct fleet_versions *versions,
                            struct snapshot *snapshot) MUST_CHECK;
/* Takes away those below version `from`. Errors: as above, of one that is offered in place of
 * another with the same bytes. */
enum err fleet_versions_drop(struct fleet_versions *versions, uint64_t from) MUST_CHECK;
/* What makes that version of another was made, of so many bytes (snapshot.h). */
void fleet_versions_way(struct fleet_versions *versions, const struct hash *hash,
                        uint64_t bytes);
/* A version by its image, `before` too; NULL: it is not here. */
const struct snapshot *fleet_versions_find(const struct fleet_versions *versions,
                                           const struct hash *hash);
enum { FLEET_VERSIONS = RUN_CONTEXT_VERSIONS + 1 };
/* All that tasks may name, and of each its golden number, or 0. Returns how many. */
uint32_t fleet_versions_list(const struct fleet_versions *versions,
                             struct version version[FLEET_VERSIONS],
                             uint32_t golden[FLEET_VERSIONS]);
uint64_t fleet_versions_newest(const struct fleet_versions *versions); /* its number */
/* Nobody asks for differences any more: none is kept for them. */
void fleet_versions_forgo(struct fleet_versions *versions);
void fleet_versions_fini(
    struct fleet_versions *versions); /* once nothing is offered any more */

#endif
