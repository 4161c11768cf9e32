/* How: every part is counted by activations_rows_floats and handed out by activations_rows_carve, in the
 * same order. activations.c calls both when a batch is larger than any before, and carves anew when
 * another model was in the room; a plan asks for the sum alone.
 *
 * Of a gradient of layers 0 1 2 ..., each as long as what a layer keeps or nearly so, the layers that fit lie
 *
 *     [front][   grad 0   ][   grad 1   ][   grad 2   ] ... [back]
 *            [  acts 1  ][  acts 2  ][  acts 3  ] ...
 *
 * so that none reaches its own gradient: when that is made, only earlier ones are still read. */

#include "lm/model/activations.h"

#include <assert.h>

/* Floats of a row of the scratch: both directions use it, never at once, and so does the head
 * between them, with two rows of hidden states. */
static size_t wide(const struct shape *s, const struct block_plan *plan)
{
    const size_t head = 2 * (size_t)s->width;
    const size_t most =
        plan->train.floats > plan->value.floats ? plan->train.floats : plan->value.floats;

    return most > head ? most : head;
}

int activations_rows_again(const struct shape *s, const struct block_plan *plan,
                           const struct train_options *options, size_t rows)
{
    const size_t kept = options->keep / (rows * plan->row_kept * sizeof(float));

    /* what is computed again needs one layer's room: a single one may as well stay there */
    if (!options->checkpointing || kept + 1 >= (size_t)s->layers)
        return 0;
    return s->layers - (int)kept;
}

/* Of the norm behind the last layer, which is in no list. */
static int final_factors(const struct shape *s)
{
    return rows_centred(block_of(s)->norm) ? 2 : 1;
}

/* The first weight of a layer. */
static const struct tensor *first_of(const struct params *params, int layer)
{
    for (int i = 0; i < params->n; i++)
        if (params->tensor[i].layer == layer)
            return &params->tensor[i];
    return NULL;
}

struct activations_gradient activations_rows_gradient(const struct shape *shape,
                                                      const struct train_options *options)
{
    struct activations_gradient out = {.all = 0};
    struct params *params = NULL;

    if (options->alone && shape->layers > 1 && !params_outline(&params, shape)) {
        out.all = params->count;
        out.first = first_of(params, 0)->at;
        out.each = first_of(params, 1)->at - out.first;
    }
    params_free(params);
    return out;
}

/* What a layer has of its own: its input, and what is kept of it. */
static size_t layer_floats(const struct shape *s, const struct block_plan *plan, int layer,
                           int again)
{
    const bool shares = layer && layer < again;

    return (size_t)s->width + (shares ? 0 : plan->row_kept);
}

/* Whether the next layer lies in the gradient, of which *taken floats are taken. */
static bool lies_in(const struct activations_gradient *gradient, int layer, size_t floats,
                    size_t *taken)
{
    const size_t aligned = (gradient->first + 15) / 16 * 16 - gradient->first;

    if (aligned + *taken + floats > (size_t)layer * gradient->each)
        return false;
    *taken += floats;
    return true;
}

size_t activations_rows_floats(const struct shape *s, const struct block_plan *plan,
                               const struct train_options *options, size_t rows)
{
    const struct activations_gradient gradient = activations_rows_gradient(s, options);
    const int again = activations_rows_again(s, plan, options, rows);
    const size_t angles = (size_t)s->head_dim * (model_two_angles(s) ? 2 : 1);
    size_t layers = 0, taken = 0;

    for (int i = 0; i < s->layers; i++) {
        const size_t floats = rows * layer_floats(s, plan, i, again);

        layers += lies_in(&gradient, i, floats, &taken) ? 0 : floats;
    }
    return layers +
           rows * (4 * (size_t)s->width + (size_t)final_factors(s) + angles + wide(s, plan));
}

static float *take(float **at, size_t floats)
{
    float *here = *at;

    *at += floats;
    return here;
}

/* What layer i has of its own; the pointers of one that is computed again are the first's. */
static void carve_layer(const struct activations *t, int i, size_t rows, float **at)
{
    struct activations_layer *l = &t->layer[i];
    float *in = take(at, rows * (size_t)t->shape.width);

    if (i && i < t->again) {
        *l = t->layer[0];
        l->act[ACT_IN] = in;
        return;
    }
    l->act[ACT_IN] = in;
    for (int a = ACT_IN + 1; a < ACTS; a++)
        if (t->plan.kept[a])
            l->act[a] = take(at, rows * (size_t)block_width(&t->shape, (enum block_act)a));
    for (int k = 0; k < t->block->n_ops; k++) {
        const int factors = block_factors(&t->shape, &t->block->op[k]);

        l->factor[k] = factors ? take(at, rows * (size_t)factors) : NULL;
    }
}

/* In the order of activations_rows_floats, which must count what is taken here. */
void activations_rows_carve(struct activations *t)
{
    const struct shape *s = &t->shape;
    const size_t width = (size_t)s->width, half = (size_t)s->head_dim / 2;
    const size_t rows = (size_t)t->rows;
    const struct train_part *const grad = &t->room->block[TRAIN_GRADIENT];
    float *at = t->room->block[TRAIN_ROWS].at;
    float *within = grad->at ? grad->at + (t->gradient.first + 15) / 16 * 16 : NULL;
    size_t taken = 0;

    assert(grad->floats >= t->gradient.all);
    for (int i = 0; i < s->layers; i++) {
        const size_t floats = rows * layer_floats(s, &t->plan, i, t->again);

        carve_layer(t, i, rows, lies_in(&t->gradient, i, floats, &taken) ? &within : &at);
    }
    t->out = take(&at, rows * width);
    t->hidden = take(&at, rows * width);
    t->dx = take(&at, rows * width);
    t->dh = take(&at, rows * width);
    t->factor = take(&at, rows * (size_t)final_factors(s));
    for (int i = 0; i <= model_two_angles(s); i++) {
        t->cos[i] = take(&at, rows * half);
        t->sin[i] = take(&at, rows * half);
    }
    t->wide = take(&at, rows * wide(s, &t->plan));
    t->head_in = t->wide;
    t->head_d = t->wide + rows * width;
}
