/* Which versions are wanted follows from two sources: what the learner announces as newest, and
 * what leases name. Which are done with follows from smallest_live, and from there being no
 * room (weights_spare). This list is the truth: it goes into HELLO and heartbeats, by which the
 * broker chooses who gets a sample, and the compute thread holds exactly what it says, since
 * both change by the same items in the same order. An image is asked for only while there is
 * room for it.
 *
 * Why room can run out at all: while an evaluation of the first version is still under way no
 * version may be dropped (smallest_live stays 0), however many come after it. */

#include "actor/weights.h"

#include "actor/compute.h"
#include "base/log.h"
#include "lm/file/model_files.h"
#include "lm/model/packed.h"
#include "proto/limit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hash no_hash;

void weights_reset(struct actor_weights *w)
{
    memset(w, 0, sizeof *w);
}

/* Another card is another model: nothing that was here or wanted fits it. */
void weights_card(struct actor_weights *w, const struct artifact *artifact, uint32_t artifacts)
{
    for (uint32_t i = 0; i < artifacts; i++)
        if (artifact[i].kind == ARTIFACT_CARD && !strcmp(artifact[i].name, "policy") &&
            !hash_same(&w->card.hash, &artifact[i].hash)) {
            weights_reset(w);
            w->card = artifact[i];
            w->card.name = "policy";
        }
}

static int find(const struct version *list, uint32_t n, const struct version *version)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i].number == version->number && hash_same(&list[i].hash, &version->hash))
            return (int)i;
    return -1;
}

/* By number and hash: after a restart from an older checkpoint a number may come again with
 * other weights. */
void weights_want(struct actor_weights *w, const struct version *version)
{
    if (hash_same(&version->hash, &no_hash) || version->number < w->smallest_live ||
        find(w->loaded, w->n_loaded, version) >= 0 ||
        find(w->wanted, w->n_wanted, version) >= 0)
        return;
    if (w->n_wanted < MAX_LIVE)
        w->wanted[w->n_wanted++] = *version;
}

void weights_newest(struct actor_weights *w, const struct version *version)
{
    w->newest = *version;
    weights_want(w, version);
}

static uint32_t keep_from(struct version *list, uint32_t n, uint64_t below)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n; i++)
        if (list[i].number >= below)
            list[kept++] = list[i];
    return kept;
}

/* WELCOME may say less than we heard before: an older state of the run is served again, and its
 * versions must be welcome. Heartbeats only raise it (weights_drop). */
void weights_lower(struct actor_weights *w, uint64_t smallest_live)
{
    if (smallest_live < w->smallest_live)
        w->smallest_live = smallest_live;
}

/* What died on its way here. Nobody has it any more, and its pull would ask for it for ever; but a
 * difference that is offered yet and has nearly come is finished (fetch_ways.c makes the next one of
 * what it makes), until the next version dies. */
static void bury(struct actor_weights *w, struct fetch *fetch, uint64_t below)
{
    const struct version before = w->late;

    memset(&w->late, 0, sizeof w->late);
    for (uint32_t i = 0; i < w->n_wanted; i++) {
        const struct version *const v = &w->wanted[i];
        if (v->number >= below)
            continue;
        if (v->number + 1 == below && fetch_by_way(fetch, &v->hash) &&
            fetch_share(fetch, &v->hash) > .5)
            w->late = *v;
        else
            fetch_drop(fetch, &v->hash);
    }
    if (!hash_same(&before.hash, &no_hash) && !hash_same(&before.hash, &w->late.hash))
        fetch_drop(fetch, &before.hash);
}

/* A version that lives and has the bytes of one that died is asked for anew (weights_ask). */
struct compute_item *weights_drop(struct actor_weights *w, struct fetch *fetch, uint64_t below)
{
    struct compute_item *item;

    if (below <= w->smallest_live)
        return NULL;
    w->smallest_live = below;
    bury(w, fetch, below);
    w->n_loaded = keep_from(w->loaded, w->n_loaded, below);
    w->n_wanted = keep_from(w->wanted, w->n_wanted, below);
    item = compute_item(ITEM_DROP);
    item->version.number = below;
    return item;
}

struct compute_item *weights_spare(struct actor_weights *w,
                                   bool (*is_needed)(const void *self, const struct version *v),
                                   const void *self)
{
    struct compute_item *item;
    uint32_t oldest = MAX_LIVE, newest = 0;

    if (!w->n_wanted || w->n_loaded < MAX_LIVE)
        return NULL;
    for (uint32_t i = 1; i < w->n_loaded; i++)
        if (w->loaded[i].number > w->loaded[newest].number)
            newest = i;
    for (uint32_t i = 0; i < w->n_loaded; i++)
        if (i != newest && !is_needed(self, &w->loaded[i]) &&
            (oldest == MAX_LIVE || w->loaded[i].number < w->loaded[oldest].number))
            oldest = i;
    if (oldest == MAX_LIVE)
        return NULL; /* with a learner that keeps to MAX_LAG this cannot be */
    item = compute_item(ITEM_FORGET);
    item->version = w->loaded[oldest];
    w->loaded[oldest] = w->loaded[--w->n_loaded];
    return item;
}

/* What was to make it did not come: nobody has the image itself, and what is made of it would wait. */
static void let_late_go(struct actor_weights *w, struct fetch *fetch)
{
    const struct hash dead = w->late.hash;

    if (hash_same(&dead, &no_hash) || fetch_by_way(fetch, &dead))
        return;
    memset(&w->late, 0, sizeof w->late);
    for (uint32_t i = 0; i < w->n_wanted; i++)
        if (hash_same(&w->wanted[i].hash, &dead)) /* a version that lives has the same bytes */
            return;
    fetch_drop(fetch, &dead);
}

void weights_latest(struct actor_weights *w, struct fetch *fetch,
                    bool (*is_needed)(const void *self, const struct version *v),
                    const void *self)
{
    uint32_t kept = 0;

    let_late_go(w, fetch);
    for (uint32_t i = 0; i < w->n_wanted; i++) {
        const struct version v = w->wanted[i];
        const double share = fetch_share(fetch, &v.hash);
        if (v.number >= w->newest.number || share > .5 || is_needed(self, &v)) {
            w->wanted[kept++] = v;
            continue;
        }
        log_info("weights", "state=given-up version=%llu share=%.2f newest=%llu",
                 (unsigned long long)v.number, share, (unsigned long long)w->newest.number);
        fetch_drop(fetch, &v.hash);
    }
    w->n_wanted = kept;
}

/* Once, where people look: the log, the heartbeat's note, and FAIL. */
static void turn_down(struct actor_weights *w, const char *words)
{
    snprintf(w->unfit, sizeof w->unfit, "%s", words);
    log_warn("unfit", "reason=\"%s\" next=\"waits for another run\"", w->unfit);
}

static enum err want(struct actor_weights *w, struct fetch *fetch, const struct artifact *what)
{
    const enum err err = fetch_want(fetch, what);

    if (err != ERR_NOMEM)
        return err;
    turn_down(w, err_text());
    return OK;
}

enum err weights_ask(struct actor_weights *w, struct fetch *fetch)
{
    struct artifact image = {.kind = ARTIFACT_IMAGE, .name = "policy image"};
    uint32_t room = w->have_card ? MAX_LIVE - w->n_loaded : 0;
    enum err err = OK;

    if (room > w->n_wanted)
        room = w->n_wanted;
    if (!w->have_card && !hash_same(&w->card.hash, &no_hash) && !*w->unfit)
        err = want(w, fetch, &w->card);
    if (w->have_card)
        image.bytes = packed_size(&w->shape);
    for (uint32_t i = 0; i < room && !err && !*w->unfit; i++) {
        image.hash = w->wanted[i].hash;
        err = want(w, fetch, &image);
    }
    return err == ERR_RANGE ? OK : err; /* enough on their way: asked again later */
}

/* The card says how large an image is, so it comes first. What could not be held is turned down
 * here, before a byte of it is asked for. */
static struct compute_item *got_card(struct actor_weights *w, struct shared_memory *text)
{
    struct compute_item *item = compute_item(ITEM_CARD);
    enum err err = model_files_from_meta(&item->files, shared_memory_bytes(text),
                                         shared_memory_size(text), "the policy's card");

    shared_memory_free(text);
    if (!err)
        item->files->shape = shape_answers(&item->files->shape);
    if (!err && packed_size(&item->files->shape) > LIMIT_ARTIFACT)
        err = err_set(ERR_RANGE, "the policy's card: its weights are more than 32 GiB");
    if (err) {
        compute_item_free(item);
        turn_down(w, err_text());
        return NULL;
    }
    w->shape = item->files->shape;
    w->have_card = true;
    log_info("model", "layers=%d width=%d vocab=%d", w->shape.layers, w->shape.width,
             w->shape.vocab);
    return item;
}

struct compute_item *weights_got(struct actor_weights *w, const struct artifact *what,
                                 struct shared_memory *shared)
{
    struct compute_item *item;

    if (!w->have_card && hash_same(&what->hash, &w->card.hash))
        return got_card(w, shared);
    for (uint32_t i = 0; i < w->n_wanted; i++) {
        if (!hash_same(&w->wanted[i].hash, &what->hash))
            continue;
        item = compute_item(ITEM_IMAGE);
        item->version = w->wanted[i];
        item->image = shared;
        w->wanted[i] = w->wanted[--w->n_wanted];
        assert(w->n_loaded < MAX_LIVE); /* else it was not asked for */
        w->loaded[w->n_loaded++] = item->version;
        return item;
    }
    if (hash_same(&w->late.hash, &what->hash))
        memset(&w->late, 0, sizeof w->late);
    shared_memory_free(shared);
    return NULL;
}
