/* An artifact is named by its hash alone, so that two versions with the same bytes are one
 * artifact: when the older one's copy goes, the newer one's is offered in its place. Version 0
 * is among the initial models, whose bytes are mapped from the run's folder for as long as it
 * lasts; it is never dropped. */

#include "learner/fleet/fleet_versions.h"

#include "learner/fleet/fleet_bulk.h"

#include <string.h>

static enum err offer(struct fleet_versions *v, const struct snapshot *s)
{
    const struct artifact what = {.hash = s->version.hash,
                                  .bytes = shared_memory_size(s->image),
                                  .kind = ARTIFACT_IMAGE,
                                  .name = "policy"};

    return fleet_bulk_shared(v->bulk, &what, s->image, s->digest);
}

static enum err drop_oldest(struct fleet_versions *v)
{
    struct snapshot *s = v->snapshot[0];
    enum err err = OK;

    v->n_snapshot--;
    memmove(v->snapshot, v->snapshot + 1, v->n_snapshot * sizeof(*v->snapshot));
    if (!hash_same(&s->version.hash, v->first)) {
        fleet_bulk_remove(v->bulk, &s->version.hash);
        for (uint32_t i = 0; i < v->n_snapshot && !err; i++)
            if (hash_same(&v->snapshot[i]->version.hash, &s->version.hash))
                err = offer(v, v->snapshot[i]);
    }
    snapshot_free(s);
    return err;
}

enum err fleet_versions_drop(struct fleet_versions *v, uint64_t from)
{
    enum err err = OK;

    while (!err && v->n_snapshot && v->snapshot[0]->version.number < from)
        err = drop_oldest(v);
    return err;
}

/* They come in order: the array is ascending. */
enum err fleet_versions_add(struct fleet_versions *v, struct snapshot *s)
{
    const enum err err = offer(v, s);

    if (err)
        snapshot_free(s);
    else
        v->snapshot[v->n_snapshot++] = s;
    return err;
}

void fleet_versions_fini(struct fleet_versions *v)
{
    for (uint32_t i = 0; i < v->n_snapshot; i++)
        snapshot_free(v->snapshot[i]);
    v->n_snapshot = 0;
}
