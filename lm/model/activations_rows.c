/* How: every part is counted by activations_rows_floats and handed out by activations_rows_carve, in the
 * same order. activations.c calls both when a batch is larger than any before, and carves anew when
 * another model was in the room; a plan asks for the sum alone. */

#include "lm/model/activations.h"

/* Floats of a row of the scratch: both directions use it, never at once, and so does the head
 * between them, with two rows of hidden states. */
static size_t wide(const struct shape *s, const struct block_plan *plan)
{
    const size_t head = 2 * (size_t)s->width;
    const size_t most =
        plan->train.floats > plan->value.floats ? plan->train.floats : plan->value.floats;

    return most > head ? most : head;
}

/* The last layers are kept, as their backward comes first: when it is the turn of one that was
 * not, memory has to hold no more than before. How many layers, from the first, are computed
 * again for `rows` tokens. */
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

size_t activations_rows_floats(const struct shape *s, const struct block_plan *plan,
                               const struct train_options *options, size_t rows)
{
    const size_t again = (size_t)activations_rows_again(s, plan, options, rows);
    const size_t layers = (size_t)s->layers, width = (size_t)s->width;
    /* Layers that are computed again share one layer's room. */
    const size_t whole = layers - again + (again ? 1 : 0);
    const size_t angles = (size_t)s->head_dim * (model_two_angles(s) ? 2 : 1);

    return rows * (layers * width + whole * plan->row_kept + 4 * width +
                   (size_t)final_factors(s) + angles + wide(s, plan));
}

static float *take(float **at, size_t floats)
{
    float *here = *at;

    *at += floats;
    return here;
}

/* What layer i keeps besides its input. */
static void carve_layer(const struct activations *t, int i, size_t rows, float **at)
{
    struct activations_layer *l = &t->layer[i];

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
    float *at = t->room->block[TRAIN_ROWS].at;

    for (int i = 0; i < s->layers; i++) {
        float *in = take(&at, rows * width);

        if (i && i < t->again)
            t->layer[i] = t->layer[0]; /* its pointers; the input below is its own */
        else
            carve_layer(t, i, rows, &at);
        t->layer[i].act[ACT_IN] = in;
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
