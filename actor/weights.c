#include "actor/weights.h"

#include "actor/compute.h"
#include "base/log.h"
#include "lm/file/model_files.h"
#include "lm/model/packed.h"
#include "proto/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hash no_hash;

void weights_reset(struct actor_weights *w)
{
    memset(w, 0, sizeof *w);
}

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

void weights_want(struct actor_weights *w, const struct version *version)
{
    if (hash_same(&version->hash, &no_hash) || version->number < w->smallest_live ||
        find(w->held, w->helds, version) >= 0 || find(w->wanted, w->wanteds, version) >= 0)
        return;
    if (w->wanteds < WEIGHTS_MAX)
        w->wanted[w->wanteds++] = *version;
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

void weights_lower(struct actor_weights *w, uint64_t smallest_live)
{
    if (smallest_live < w->smallest_live)
        w->smallest_live = smallest_live;
}

struct compute_item *weights_drop(struct actor_weights *w, uint64_t below)
{
    struct compute_item *item;

    if (below <= w->smallest_live)
        return NULL;
    w->smallest_live = below;
    w->helds = keep_from(w->held, w->helds, below);
    w->wanteds = keep_from(w->wanted, w->wanteds, below);
    item = compute_item(ITEM_DROP);
    item->version.number = below;
    return item;
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
    enum err err = OK;

    if (!w->have_card && !hash_same(&w->card.hash, &no_hash) && !*w->unfit)
        err = want(w, fetch, &w->card);
    if (w->have_card)
        image.bytes = packed_size(&w->shape);
    for (uint32_t i = 0; w->have_card && i < w->wanteds && !err && !*w->unfit; i++) {
        image.hash = w->wanted[i].hash;
        err = want(w, fetch, &image);
    }
    return err == ERR_RANGE ? OK : err; /* enough on their way: asked again later */
}

static struct compute_item *got_card(struct actor_weights *w, struct shared_memory *text)
{
    struct compute_item *item = compute_item(ITEM_CARD);
    enum err err = model_files_from_meta(&item->files, shared_memory_bytes(text),
                                         shared_memory_size(text), "the policy's card");

    shared_memory_free(text);
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
    for (uint32_t i = 0; i < w->wanteds; i++) {
        if (!hash_same(&w->wanted[i].hash, &what->hash))
            continue;
        item = compute_item(ITEM_IMAGE);
        item->version = w->wanted[i];
        item->image = shared;
        w->wanted[i] = w->wanted[--w->wanteds];
        if (w->helds == WEIGHTS_MAX)
            memmove(w->held, w->held + 1, --w->helds * sizeof *w->held);
        w->held[w->helds++] = item->version;
        return item;
    }
    shared_memory_free(shared);
    return NULL;
}
