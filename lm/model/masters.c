/* Which half lies where the layout says and halves.h does; here a tensor's rows meet their spot. An optimiser
 * takes and puts some rows together (lm/optim); hashes and files take them through params_rows. */

#include "lm/model/masters.h"

#include "base/mem.h"
#include "lm/kernel/halves.h"

#include <stdlib.h>
#include <string.h>

static void source_take(const void *self, const struct tensor *tensor, int row, int n,
                        float *to)
{
    masters_take(self, tensor, row, n, to);
}

static void put_all(struct masters *m, const struct tensor *t, const float *data)
{
    const int some = params_some(t);

#pragma omp parallel for schedule(static) if (some < t->rows)
    for (int row = 0; row < t->rows; row += some)
        masters_put(m, t, row, t->rows - row < some ? t->rows - row : some,
                    data + t->at + (size_t)row * (size_t)t->cols);
}

enum err masters_of_image(struct masters **out, struct params *params, float *image,
                          const struct packed_layout *layout)
{
    struct masters *m = mem_new(1, sizeof *m);
    /* a master that is a bfloat16 lacks nothing */
    const enum err err = mem_big(&m->rest, params->count, sizeof *m->rest, "masters");

    *out = NULL;
    m->image = image;
    m->layout = layout;
    m->count = params->count;
    if (err) {
        masters_free(m);
        return err;
    }
    params->source = (struct params_source){m, source_take};
    *out = m;
    return OK;
}

enum err masters_new(struct masters **out, struct params *params, float *image,
                     const struct packed_layout *layout)
{
    const enum err err = masters_of_image(out, params, image, layout);

    if (err)
        return err;
    for (int i = 0; i < params->n; i++)
        put_all(*out, &params->tensor[i], params->data);
    free(params->data);
    params->data = NULL;
    return OK;
}

void masters_free(struct masters *masters)
{
    if (masters)
        free(masters->rest);
    free(masters);
}

/* Where a weight's first row or value stands in the image. */
static float *block_of(const struct masters *m, const struct tensor *tensor, int *column)
{
    const struct packed_spot at = m->layout->spot[tensor->layer + 1][tensor->part];

    *column = at.column;
    return m->image + at.block;
}

void masters_take(const struct masters *m, const struct tensor *tensor, int row, int n,
                  float *to)
{
    const size_t from = (size_t)row * (size_t)tensor->cols;
    int column;
    const float *block = block_of(m, tensor, &column);

    if (part_in_panels(tensor->row))
        halves_join(to, (const void *)block, column + row, m->rest + tensor->at + from, row, n,
                    tensor->cols);
    else
        memcpy(to, block + column + from, (size_t)n * (size_t)tensor->cols * sizeof *to);
}

void masters_put(struct masters *m, const struct tensor *tensor, int row, int n,
                 const float *from)
{
    const size_t to = (size_t)row * (size_t)tensor->cols;
    int column;
    float *block = block_of(m, tensor, &column);

    if (part_in_panels(tensor->row))
        halves_part((void *)block, column + row, m->rest + tensor->at + to, from, row, n,
                    tensor->cols);
    else
        memcpy(block + column + to, from, (size_t)n * (size_t)tensor->cols * sizeof *from);
}
