/* An artifact is named by its hash alone, so that two versions with the same bytes are one
 * artifact: when the older one's copy goes, the newer one's is offered in its place. Version 0
 * is among the initial models, whose bytes are mapped from the run's folder for as long as it
 * lasts; it is never dropped. A file cannot be sealed: processes of this host are lent copies of
 * these images as pages, so that each lies in its memory once and none goes through the broker. When
 * a version follows they have what they need, and what any of them holds stays here for others.
 *
 * Where hosts pull over the wire (fleet_ways) the last one that went stays a while, for itself:
 * a difference is made between two. */

#include "learner/fleet/fleet_versions.h"

#include "base/fs.h"
#include "learner/context/run_refresh.h"
#include "learner/fleet/fleet_bulk.h"
#include "lm/file/model_files.h"
#include "lm/model/golden.h"

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
    snapshot_free(v->before);
    v->before = v->keep ? s : NULL;
    if (!v->keep)
        snapshot_free(s);
    return err;
}

static void take_back(struct fleet_versions *v)
{
    while (v->n_lent)
        shared_memory_free(v->lent[--v->n_lent]);
}

enum err fleet_versions_drop(struct fleet_versions *v, uint64_t from)
{
    enum err err = OK;

    take_back(v);
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

/* Version 0 is no snapshot: nobody else computes with it here. */
static enum err first_golden(struct fleet_versions *v, const struct initial_models *m)
{
    const struct shape answers = shape_answers(&m->policy->shape);
    struct model *model = NULL;
    const enum err err = model_new(&model, &answers, (const float *)m->model[0].image_bytes,
                                   (size_t)m->model[0].image.bytes);

    if (!err)
        v->first_golden = golden_number(model);
    model_free(model);
    return err;
}

enum err fleet_versions_refresh(struct fleet_versions *v, struct run_context *run)
{
    const struct initial_model *const now = &run->models->refreshed;
    enum err err;

    if (now->image_bytes) /* unmapped by what follows */
        fleet_bulk_remove(v->bulk, &now->image.hash);
    err = run_refresh_map(run);
    return err || !now->image_bytes ? err
                                    : fleet_bulk_add(v->bulk, &now->image, now->image_bytes);
}

/* An initial model's image, over the wire and within the host. */
static enum err offer_first(struct fleet_versions *v, const struct initial_model *m)
{
    const size_t n = (size_t)m->image.bytes;
    struct shared_memory *pages;
    enum err err = fleet_bulk_add(v->bulk, &m->image, m->image_bytes);

    if (err)
        return err;
    err = shared_memory_new(&pages, n, "a model's weights");
    if (err)
        return err;
    v->lent[v->n_lent++] = pages;
    memcpy(shared_memory_bytes(pages), m->image_bytes, n);
    err = shared_memory_seal(pages);
    if (!err)
        fleet_bulk_here(v->bulk, &m->image, pages);
    return err;
}

enum err fleet_versions_first(struct fleet_versions *v, const struct initial_models *m)
{
    enum err err = OK;

    for (int i = 0; i < m->n_model && !err; i++) {
        err = fleet_bulk_add(v->bulk, &m->model[i].card, m->model[i].card_bytes);
        if (!err)
            err = offer_first(v, &m->model[i]);
    }
    return err;
}

enum err fleet_versions_begin(struct fleet_versions *v, struct run_context *run)
{
    const struct initial_models *m = run->models;
    enum err err = first_golden(v, m);

    if (!err)
        err = fleet_versions_first(v, m);
    for (int i = 0; i < m->n_model; i++) /* what the wire is asked for is read again */
        fs_leave(m->model[i].image_bytes, (size_t)m->model[i].image.bytes);
    for (uint32_t i = 0; i < run->n_snapshot; i++) {
        if (!err)
            err = fleet_versions_add(v, run->snapshot[i]);
        else
            snapshot_free(run->snapshot[i]);
    }
    run->n_snapshot = 0;
    return err ? err : fleet_versions_refresh(v, run);
}

uint32_t fleet_versions_list(const struct fleet_versions *v,
                             struct version version[FLEET_VERSIONS],
                             uint32_t golden[FLEET_VERSIONS])
{
    uint32_t n = 0;

    version[n] = (struct version){0, *v->first};
    golden[n++] = v->first_golden;
    for (uint32_t i = 0; i < v->n_snapshot; i++) {
        version[n] = v->snapshot[i]->version;
        golden[n++] = v->snapshot[i]->golden;
    }
    return n;
}

void fleet_versions_way(struct fleet_versions *v, const struct hash *hash, uint64_t bytes)
{
    for (uint32_t i = 0; i < v->n_snapshot; i++)
        if (hash_same(&v->snapshot[i]->version.hash, hash))
            v->snapshot[i]->way_bytes = bytes;
}

const struct snapshot *fleet_versions_find(const struct fleet_versions *v,
                                           const struct hash *hash)
{
    for (uint32_t i = 0; i < v->n_snapshot; i++)
        if (hash_same(&v->snapshot[i]->version.hash, hash))
            return v->snapshot[i];
    return v->before && hash_same(&v->before->version.hash, hash) ? v->before : NULL;
}

uint64_t fleet_versions_newest(const struct fleet_versions *v)
{
    return v->n_snapshot ? v->snapshot[v->n_snapshot - 1]->version.number : 0;
}

void fleet_versions_forgo(struct fleet_versions *v)
{
    v->keep = false;
    snapshot_free(v->before);
    v->before = NULL;
}

void fleet_versions_fini(struct fleet_versions *v)
{
    fleet_versions_forgo(v);
    take_back(v);
    for (uint32_t i = 0; i < v->n_snapshot; i++)
        snapshot_free(v->snapshot[i]);
    v->n_snapshot = 0;
}
