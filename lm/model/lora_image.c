/* A host that holds the base's image needs no base in f32: W0 is read out of the panels, some rows
 * at a time, and W is put back in their place. What the adapter is of follows from its head and the
 * model's shape (lora_outline), and so does its size, which must be that of what came: nothing is
 * allocated for what is not there, and no number of it leads anywhere but into its own data. */

#include "lm/model/lora_image.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 32, ALIGN = 64 };
static const char magic[8] = "drvadapt";

struct adapter_head { /* as it travels: no gaps on any machine that floats travel between */
    char magic[8];
    uint32_t r, tensors;
    double alpha;
    uint32_t rslora, none;
};
_Static_assert(sizeof(struct adapter_head) == HEAD, "the head has no gaps");

static size_t data_at(uint32_t tensors)
{
    return ((size_t)HEAD + tensors + ALIGN - 1) / ALIGN * ALIGN;
}

size_t lora_image_size(const struct lora *l)
{
    return data_at((uint32_t)l->base->n) + l->weights->count * sizeof(float);
}

void lora_image_write(const struct lora *l, void *out)
{
    const struct adapter_head head = {.r = (uint32_t)l->conf.r,
                                      .tensors = (uint32_t)l->base->n,
                                      .alpha = l->conf.alpha,
                                      .rslora = l->conf.rslora};
    uint8_t *const to = out;
    const size_t data = data_at(head.tensors);

    memset(to, 0, data);
    memcpy(to, &head, sizeof head);
    memcpy(to, magic, sizeof magic);
    for (int i = 0; i < l->base->n; i++)
        to[HEAD + i] = l->site[i].a ? LORA_PAIR : l->site[i].whole ? LORA_WHOLE : LORA_FROZEN;
    memcpy(to + data, l->weights->data, l->weights->count * sizeof(float));
}

struct kinds {
    const uint8_t *kind;
    const struct tensor *first;
};

static enum lora_kind kind_of(void *self, const struct tensor *tensor, const char *module)
{
    const struct kinds *const k = self;

    (void)module;
    return (enum lora_kind)k->kind[tensor - k->first];
}

/* The adapter's outline, whose data is what came. */
static enum err outline(struct lora **out, const struct params *base, const void *adapter,
                        size_t n)
{
    const uint8_t *const from = adapter;
    struct adapter_head head;
    struct lora_conf conf = {.r = 0};
    struct kinds kinds = {from + HEAD, base->tensor};
    const struct lora_choice choice = {kind_of, &kinds};
    enum err err;

    *out = NULL;
    if (n < data_at((uint32_t)base->n))
        return err_set(ERR_PARSE, "%zu bytes are no adapter of this model", n);
    memcpy(&head, from, sizeof head);
    if (memcmp(head.magic, magic, sizeof magic) || head.tensors != (uint32_t)base->n ||
        head.r > LORA_RANK)
        return err_set(ERR_PARSE, "it is no adapter of this model");
    for (int i = 0; i < base->n; i++)
        if (kinds.kind[i] > LORA_WHOLE)
            return err_set(ERR_PARSE, "an adapter with weights of kind %d", kinds.kind[i]);
    conf.r = (int)head.r;
    conf.alpha = head.alpha;
    conf.rslora = head.rslora;
    err = lora_outline(out, base, &conf, &choice);
    if (!err && n != lora_image_size(*out)) {
        err = err_set(ERR_PARSE, "an adapter of %zu bytes: this one takes %zu", n,
                      lora_image_size(*out));
        lora_free(*out);
        *out = NULL;
    }
    return err;
}

enum err lora_image_merge(float *image, const float *base_image, const struct shape *shape,
                          const void *adapter, size_t n)
{
    struct params *base = NULL;
    struct packed_layout *layout = NULL;
    struct lora *l = NULL;
    enum err err = params_outline(&base, shape);

    if (!err)
        err = packed_layout_new(&layout, shape);
    if (!err)
        err = outline(&l, base, adapter, n);
    if (!err) {
        float *const none = l->weights->data;

        /* only read: its floats stay where they came */
        l->weights->data = (float *)((uintptr_t)adapter + data_at((uint32_t)base->n));
        l->image = base_image;
        l->layout = layout;
        memcpy(image, base_image, packed_size(shape)); /* what does not learn, and the gaps */
        lora_pack(l, image, layout);
        l->weights->data = none;
    }
    lora_free(l);
    packed_layout_free(layout);
    params_free(base);
    return err;
}
