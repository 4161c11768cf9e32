/* The bytes that trainable.c will take, before anything is loaded: of the same sums, as far as shapes tell
 * them. A plan (learner/run/memory_plan) asks many times with other options; who trains asks what of
 * activations is kept. */
#include "learner/step/trainable.h"

#include "lm/model/lora_branch.h"
#include "lm/model/lora_group.h"
#include "lm/optim/moments.h"

size_t trainable_size_quarter(size_t weights)
{
    return weights / 4;
}

struct train_options trainable_size_own(const struct train_options *options, size_t weights,
                                        bool adapter)
{
    struct train_options own = *options;

    own.keep = own.keep ? own.keep : trainable_size_quarter(weights);
    own.alone = own.alone && !adapter;
    return own;
}

/* Bytes of a model's parameters in f32, from an image: close enough for a plan, never less. */
static size_t block_size(const struct shape *shape)
{
    return packed_size_as(shape, PACKED_F32);
}

/* With what a model makes of it. */
static size_t image_size(const struct shape *shape)
{
    return packed_size(shape) + model_size_beside(shape);
}

/* Of moments in 8 bits; 0: they are floats, or there can be no such model. */
static size_t eight_size(const struct shape *shape, const struct train_options *options)
{
    struct params *params = NULL;
    size_t size = 0;

    if (options->eight && !params_outline(&params, shape))
        size = moments_size(params, true);
    params_free(params);
    return size;
}

static size_t whole_size(const struct shape *shape, const struct train_options *options, int n)
{
    const struct train_options own = trainable_size_own(options, packed_size(shape), false);
    /* masters: the other half of what is in the image already */
    const size_t weights =
        precision_halves(shape->compute) ? block_size(shape) / 2 : block_size(shape);

    const size_t eight = eight_size(shape, options);
    const size_t moments = eight ? eight : 2 * block_size(shape);

    return weights + block_size(shape) + moments + image_size(shape) +
           train_size(shape, &own, n);
}

/* Weights, gradient and moments of the adapter, and what its branches keep; 0: there can be no such adapter. */
static size_t adapter_size(const struct shape *shape, const struct train_options *options,
                           const struct lora_conf *lora, int n)
{
    struct params *base = NULL;
    struct lora *outline = NULL;
    size_t size = 0;

    if (!params_outline(&base, shape) && !lora_outline(&outline, base, lora, NULL))
        size =
            (2 * outline->weights->count + lora_branch_floats(shape, lora, n)) * sizeof(float) +
            moments_size(outline->weights, options->eight);
    lora_free(outline);
    params_free(base);
    return size;
}

/* Without gradient and moments of the base: the weights and their image. */
size_t trainable_size(const struct shape *shape, const struct train_options *options,
                      const struct lora_conf *lora, int n)
{
    const struct train_options own =
        trainable_size_own(options, packed_size(shape), lora != NULL);
    const size_t adapter = lora ? adapter_size(shape, options, lora, n) : 0;

    if (!adapter)
        return whole_size(shape, options, n);
    return block_size(shape) + image_size(shape) + train_size(shape, &own, n) + adapter;
}

size_t trainable_size_shared(const struct shape *shape, const struct train_options *options,
                             const struct lora_conf *lora, int n)
{
    const struct train_options own =
        trainable_size_own(options, packed_size(shape), lora != NULL);

    return train_size(shape, &own, n) + (lora ? 0 : block_size(shape));
}

size_t trainable_size_packed(const struct shape *shape, enum packed_store store,
                             const struct train_options *options, const struct lora_conf *lora,
                             int n)
{
    const size_t weights = packed_size_as(shape, store);
    const struct train_options own = trainable_size_own(options, weights, true);

    return weights + model_size_beside(shape) + lora_group_floats(shape) * sizeof(float) +
           train_size(shape, &own, n) + adapter_size(shape, options, lora, n);
}
