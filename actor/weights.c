#include "actor/weights.h"

#include "actor/compute.h"
#include "base/log.h"
#include "lm/file/bundle.h"
#include "lm/model/image.h"

#include <stdlib.h>
#include <string.h>

static const struct hash no_hash;

void weights_reset(struct weights *w)
{
    memset(w, 0, sizeof *w);
}

void weights_card(struct weights *w, const struct artifact *artifact, uint32_t artifacts)
{
    for (uint32_t i = 0; i < artifacts; i++)
        if (artifact[i].kind == ARTIFACT_CARD && !strcmp(artifact[i].name, "policy") &&
            !hash_same(&w->card, &artifact[i].hash)) {
            weights_reset(w);
            w->card = artifact[i].hash;
        }
}

static int find(const struct version *list, uint32_t n, const struct version *version)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i].number == version->number && hash_same(&list[i].hash, &version->hash))
            return (int)i;
    return -1;
}

void weights_want(struct weights *w, const struct version *version)
{
    if (hash_same(&version->hash, &no_hash) || version->number < w->smallest_live ||
        find(w->held, w->helds, version) >= 0 || find(w->wanted, w->wanteds, version) >= 0)
        return;
    if (w->wanteds < WEIGHTS_MAX)
        w->wanted[w->wanteds++] = *version;
}

void weights_newest(struct weights *w, const struct version *version)
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

struct item *weights_drop(struct weights *w, uint64_t below)
{
    struct item *item;

    if (below <= w->smallest_live)
        return NULL;
    w->smallest_live = below;
    w->helds = keep_from(w->held, w->helds, below);
    w->wanteds = keep_from(w->wanted, w->wanteds, below);
    item = compute_item(ITEM_DROP);
    item->version.number = below;
    return item;
}

enum err weights_ask(struct weights *w, struct fetch *fetch, const struct artifact *card)
{
    struct artifact image = {.kind = ARTIFACT_IMAGE, .name = "policy image"};
    enum err err = OK;

    if (!w->have_card) {
        err = !hash_same(&w->card, &no_hash) && hash_same(&card->hash, &w->card)
                  ? fetch_want(fetch, card)
                  : OK;
        return err == ERR_RANGE ? OK : err;
    }
    image.bytes = image_size(&w->shape);
    for (uint32_t i = 0; i < w->wanteds && !err; i++) {
        image.hash = w->wanted[i].hash;
        err = fetch_want(fetch, &image);
    }
    return err == ERR_RANGE ? OK : err; /* enough on their way: asked again later */
}

static enum err got_card(struct weights *w, struct item **out, struct slab *text)
{
    struct item *item = compute_item(ITEM_CARD);
    enum err err =
        bundle_from_card(&item->bundle, slab_bytes(text), slab_size(text), "the policy's card");

    slab_free(text);
    if (err) {
        compute_item_free(item);
        return err;
    }
    w->shape = item->bundle->shape;
    w->have_card = true;
    log_info("model", "layers=%d width=%d vocab=%d", w->shape.layers, w->shape.width,
             w->shape.vocab);
    *out = item;
    return OK;
}

enum err weights_got(struct weights *w, struct item **out, const struct artifact *what,
                     struct slab *slab)
{
    *out = NULL;
    if (!w->have_card && hash_same(&what->hash, &w->card))
        return got_card(w, out, slab);
    for (uint32_t i = 0; i < w->wanteds; i++) {
        if (!hash_same(&w->wanted[i].hash, &what->hash))
            continue;
        *out = compute_item(ITEM_IMAGE);
        (*out)->version = w->wanted[i];
        (*out)->image = slab;
        w->wanted[i] = w->wanted[--w->wanteds];
        if (w->helds == WEIGHTS_MAX)
            memmove(w->held, w->held + 1, --w->helds * sizeof *w->held);
        w->held[w->helds++] = (*out)->version;
        return OK;
    }
    slab_free(slab);
    return OK;
}
