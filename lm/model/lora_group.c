/* W comes out of lora_rows, some rows at a time, as it does for an image (lora_pack): what a product
 * reads here has the bits of what it would read there. Matrices of one block lie behind one another
 * in the base's list, so the walk goes on until another block begins. Called by model_product for
 * every product, so nothing is looked up twice: a pass over n tokens pays r of n for it. */

#include "lm/model/lora_group.h"

#include "base/mem.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/pairs.h"

#include <stdlib.h>
#include <string.h>

/* Behind the last of the matrices that lie in one block with `first`. */
static const struct tensor *block_end(const struct params *base, const struct tensor *first)
{
    const struct tensor *const last = base->tensor + base->n, *t = first;

    while (t < last && t->row->group == first->row->group && t->layer == first->layer)
        t++;
    return t;
}

/* Also of matrices that carry no pair: backward reads them as rows out of the same room. */
size_t lora_group_floats(const struct shape *shape)
{
    struct params *outline;
    size_t most = 0;

    if (params_outline(&outline, shape))
        return 0;
    for (int i = 0; i < outline->n; i++) {
        const struct tensor *t = &outline->tensor[i], *end = block_end(outline, t);
        const int cols = t->cols;
        size_t n = 0;
        int rows = 0;

        if (t->layer > 0 || !part_in_panels(t->row)) /* layers are alike */
            continue;
        for (; t < end; t++)
            rows += t->rows;
        n = gemm_packed_size(rows, cols);
        most = n > most ? n : most;
        n = pairs_size(rows, cols) / 2; /* more, where a depth is filled up */
        most = n > most ? n : most;
    }
    params_free(outline);
    return most;
}

static enum packed_store store_of(const struct lora *l, const struct tensor *t)
{
    return packed_row_store(packed_store_run(&l->base->shape), t->row);
}

/* Columns at.. of the room. */
static void put(const struct lora *l, const struct tensor *t, int at, float *room)
{
    const struct lora_site *const site = lora_at(l, t);
    float *const panels = site->a ? lora_panels(l, site) : NULL;
    float *const rows = mem_new(2 * (size_t)LORA_ROWS * (size_t)t->cols, sizeof *rows);
    float *const merged = rows + (size_t)LORA_ROWS * (size_t)t->cols;
    const enum packed_store store = store_of(l, t);

    for (int row = 0; row < t->rows; row += LORA_ROWS) {
        const int n = t->rows - row < LORA_ROWS ? t->rows - row : LORA_ROWS;
        const float *from = lora_base_rows(l, t, row, n, rows);

        if (site->a)
            lora_rows(l, site, panels, row, n, from, merged);
        from = site->a ? merged : from;
        if (store == PACKED_INT8)
            packed_whole_rows((void *)room, at + row, from, row, n, t->cols);
        else if (store == PACKED_PAIRS)
            pairs_pack_rounded((void *)room, at + row, from, (size_t)t->cols, row, n, t->cols);
        else
            gemm_pack(room, at + row, from, (size_t)t->cols, n, t->cols);
    }
    free(panels);
    free(rows);
}

/* Of panels of pairs. */
static size_t bytes_of(const struct tensor *first, const struct tensor *end)
{
    int rows = 0;

    for (const struct tensor *t = first; t < end; t++)
        rows += t->rows;
    return pairs_size(rows, first->cols) * sizeof(uint16_t);
}

bool lora_group_panels(const struct lora *l, enum part part, int layer, float *room,
                       enum packed_store *store)
{
    const struct tensor *const first = params_part(l->base, part, layer);
    const struct tensor *const end = first ? block_end(l->base, first) : NULL;
    bool pair = false;
    int at = 0;

    for (const struct tensor *t = first; t < end; t++)
        pair = pair || lora_at(l, t)->a;
    if (pair)
        *store = store_of(l, first);
    if (pair && precision_halves(l->base->shape.compute)) /* what fills panels up is read */
        memset(room, 0, bytes_of(first, end));
    for (const struct tensor *t = first; pair && t < end; at += t++->rows)
        put(l, t, at, room);
    return pair;
}
