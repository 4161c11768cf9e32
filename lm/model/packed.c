/* One walk over the weights' rows lays the block out: packed_size asks it for the end alone, a
 * layout keeps every spot. A row whose group is that of the row before it goes on in the same
 * block, behind its columns; every other row starts a block of its own. The order is that of
 * params, so equal shapes give equal bytes, which is what a version's hash stands on. Actors
 * fill a block from the wire, the learner from its params after each step (packed_fill, or
 * packed_put for what an adapter changes), and both read it through packed_at.
 *
 * Each block knows how it lies, as one image may have two kinds: with PACKED_INT8 matrices are whole
 * numbers, but for those of queries, keys and values, which are pairs. The same walk lays PACKED_BESIDE
 * out, which leaves all out that is not multiplied with as whole numbers. Whole numbers come out of f32 rows (packed_put, which rounds them first, as
 * they would lie in pairs) or out of panels of pairs, block by block (packed_whole): the same bytes. */

#include "lm/model/packed.h"

#include "base/mem.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/int8.h"
#include "lm/kernel/master.h"
#include "lm/kernel/pairs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_FLOATS = 4096 / sizeof(float), PIECE = 96 /* rows */ };

/* The block that is being laid out. */
struct packing_block {
    enum part group;
    bool panels;
    enum packed_store store;
    size_t start;
    int columns, depth; /* so far; floats of a plain row */
};

/* A panel of pairs or of bytes is a whole number of floats long, too: places are counted in those. */
static size_t block_end(const struct packing_block *b)
{
    const size_t n = !b->panels                 ? (size_t)b->columns * (size_t)b->depth
                     : b->store == PACKED_INT8  ? int8_size(b->columns, b->depth) / 4
                     : b->store == PACKED_PAIRS ? pairs_size(b->columns, b->depth) / 2
                                                : gemm_packed_size(b->columns, b->depth);

    return (b->start + n + PAGE_FLOATS - 1) / PAGE_FLOATS * PAGE_FLOATS;
}

/* Whether an image of that store has the row. Beside pairs lies what is multiplied with: an embedding that
 * is no head is read by rows, which are made of the pairs as they are read. */
static bool lies(const struct part_row *row, const struct shape *s, enum packed_store store)
{
    const bool rows_alone = row->kind == KIND_EMBED && !(s->tied && s->head == HEAD_LM);

    return part_has(row, s) && (store != PACKED_BESIDE ||
                                (packed_row_store(store, row) == PACKED_INT8 && !rows_alone));
}

/* Queries, keys and values stay pairs: an error in the value of a token that all others look at goes into
 * all of them (docs/decisions/0046). */
enum packed_store packed_row_store(enum packed_store store, const struct part_row *row)
{
    const bool attends = row->group == PART_Q || row->group == PART_QKV;

    if (store < PACKED_INT8)
        return store;
    return part_in_panels(row) && !attends ? PACKED_INT8 : PACKED_PAIRS;
}

/* The rows of one place, from `end` on. `spot` may be NULL: only the new end is asked for. */
static size_t lay(size_t end, enum part_place place, const struct shape *s,
                  enum packed_store store, struct packed_spot *spot)
{
    const struct part_row *row = part_rows(place).row;
    const int n = part_rows(place).n;
    struct packing_block b = {.group = PARTS, .start = end};

    for (int i = 0; i < n; i++) {
        const bool vector = part_is_vector(&row[i]);

        if (!lies(&row[i], s, store))
            continue;
        if (row[i].group != b.group) {
            end = block_end(&b);
            b = (struct packing_block){.group = row[i].group,
                                       .panels = part_in_panels(&row[i]),
                                       .store = packed_row_store(store, &row[i]),
                                       .start = end,
                                       .depth = vector ? 1 : part_dim(s, row[i].cols)};
        }
        if (spot)
            spot[row[i].part] = (struct packed_spot){b.start, b.columns, true, b.store};
        b.columns += part_dim(s, vector ? row[i].cols : row[i].rows);
    }
    return block_end(&b);
}

static size_t lay_all(const struct shape *s, enum packed_store store,
                      struct packed_spot (*spot)[PARTS])
{
    size_t end = lay(0, PLACE_FRONT, s, store, spot ? spot[0] : NULL);

    for (int i = 0; i < s->layers; i++)
        end = lay(end, PLACE_LAYER, s, store, spot ? spot[1 + i] : NULL);
    end = lay(end, PLACE_BACK, s, store, spot ? spot[0] : NULL);
    /* tied: the head is read out of the embedding's panels */
    if (spot && (s->head != HEAD_LM || s->tied))
        spot[0][PART_HEAD] = spot[0][PART_EMBED];
    return end;
}

enum packed_store packed_store_of(const struct shape *shape)
{
    return precision_halves(shape->compute) ? PACKED_PAIRS : PACKED_F32;
}

enum packed_store packed_store_run(const struct shape *shape)
{
    return shape->compute == PRECISION_INT8 ? PACKED_INT8 : packed_store_of(shape);
}

size_t packed_size(const struct shape *shape)
{
    return packed_size_as(shape, packed_store_of(shape));
}

size_t packed_size_as(const struct shape *shape, enum packed_store store)
{
    return lay_all(shape, store, NULL) * sizeof(float);
}

enum err packed_layout_new(struct packed_layout **out, const struct shape *shape)
{
    return packed_layout_as(out, shape, packed_store_of(shape));
}

enum err packed_layout_as(struct packed_layout **out, const struct shape *shape,
                          enum packed_store store)
{
    struct packed_layout *l;

    *out = NULL;
    if (shape_check(shape))
        return ERR_RANGE;
    if (precision_halves(shape->compute) && store == PACKED_F32)
        return err_set(ERR_RANGE, "weights in float32: a model that computes in %s",
                       precision_name(shape->compute));
    if (shape->compute != PRECISION_INT8 && store >= PACKED_INT8)
        return err_set(ERR_RANGE, "weights in int8: a model that computes in %s",
                       precision_name(shape->compute));
    l = mem_new(1, sizeof *l);
    l->spot = mem_new((size_t)shape->layers + 1, sizeof *l->spot);
    l->store = store;
    l->rounds = precision_halves(shape->compute);
    l->size = lay_all(shape, store, l->spot);
    *out = l;
    return OK;
}

void packed_layout_free(struct packed_layout *layout)
{
    if (!layout)
        return;
    free(layout->spot);
    free(layout);
}

bool packed_has(const struct packed_layout *layout, enum part part, int layer)
{
    return layout->spot[layer + 1][part].has;
}

size_t packed_at(const struct packed_layout *layout, enum part part, int layer)
{
    return layout->spot[layer + 1][part].block;
}

/* A row's scale is of its rounded weights: whoever has only those gets the same. */
void packed_whole_rows(uint8_t *panels, int at, const float *from, int row, int n, int cols)
{
    float *const rows = mem_new((size_t)PIECE * (size_t)cols, sizeof *rows);

    for (int first = 0; first < n; first += PIECE) {
        const int some = n - first < PIECE ? n - first : PIECE;
        const float *const w = from + (size_t)first * (size_t)cols;

        master_round(rows, w, row + first, some, cols);
        int8_pack(panels, at + first, rows, (size_t)cols, some, cols);
    }
    free(rows);
}

void packed_put(float *packed, const struct packed_layout *layout, const struct tensor *tensor,
                int row, int n, const float *from)
{
    const struct packed_spot at = layout->spot[tensor->layer + 1][tensor->part];

    if (part_in_panels(tensor->row) && at.store == PACKED_INT8)
        packed_whole_rows((void *)(packed + at.block), at.column + row, from, row, n,
                          tensor->cols);
    else if (part_in_panels(tensor->row) && layout->rounds)
        pairs_pack_rounded((void *)(packed + at.block), at.column + row, from,
                           (size_t)tensor->cols, row, n, tensor->cols);
    else if (part_in_panels(tensor->row) && at.store == PACKED_PAIRS)
        pairs_pack((void *)(packed + at.block), at.column + row, from, (size_t)tensor->cols, n,
                   tensor->cols);
    else if (part_in_panels(tensor->row))
        gemm_pack(packed + at.block, at.column + row, from, (size_t)tensor->cols, n,
                  tensor->cols);
    else
        memcpy(packed + at.block + at.column + (size_t)row * (size_t)tensor->cols, from,
               (size_t)n * (size_t)tensor->cols * sizeof *packed);
}

void packed_take(float *to, const struct packed_layout *layout, const struct tensor *tensor,
                 int row, int n, const float *packed)
{
    const struct packed_spot at = layout->spot[tensor->layer + 1][tensor->part];
    const size_t cols = (size_t)tensor->cols;

    assert(at.store != PACKED_INT8);
    if (part_in_panels(tensor->row) && at.store == PACKED_PAIRS)
        pairs_unpack(to, cols, (const void *)(packed + at.block), at.column + row, n,
                     tensor->cols);
    else if (part_in_panels(tensor->row))
        gemm_unpack(to, cols, packed + at.block, at.column + row, n, tensor->cols);
    else
        memcpy(to, packed + at.block + at.column + (size_t)row * cols,
               (size_t)n * cols * sizeof *to);
}

void packed_fill(float *packed, const struct packed_layout *layout, const struct params *params)
{
    assert(params->data);
    /* the gaps too: the block's hash is over all of its bytes */
    memset(packed, 0, layout->size * sizeof *packed);
    for (int i = 0; i < params->n; i++) {
        const struct tensor *t = &params->tensor[i];

        packed_put(packed, layout, t, 0, t->rows, params->data + t->at);
    }
}

/* A block whose first row is `first`. */
static void whole_block(float *to, const struct packed_layout *layout, const float *packed,
                        const struct packed_layout *pairs, const struct shape *shape, int layer,
                        const struct part_row *first, int columns)
{
    int8_of_pairs((void *)(to + packed_at(layout, first->part, layer)),
                  (const void *)(packed + packed_at(pairs, first->part, layer)), columns,
                  part_dim(shape, first->cols));
}

static void whole_place(float *to, const struct packed_layout *layout, const float *packed,
                        const struct packed_layout *pairs, const struct shape *shape,
                        enum part_place place, int layer)
{
    const struct part_rows rows = part_rows(place);
    const struct part_row *first = NULL;
    int columns = 0;

    for (int i = 0; i < rows.n; i++) {
        if (!lies(&rows.row[i], shape, PACKED_BESIDE))
            continue;
        if (first && rows.row[i].group != first->group) {
            whole_block(to, layout, packed, pairs, shape, layer, first, columns);
            first = NULL;
        }
        columns = first ? columns : 0;
        first = first ? first : &rows.row[i];
        columns += part_dim(shape, rows.row[i].rows);
    }
    if (first)
        whole_block(to, layout, packed, pairs, shape, layer, first, columns);
}

void packed_whole(float *to, const struct packed_layout *layout, const float *packed,
                  const struct packed_layout *pairs, const struct shape *shape)
{
    whole_place(to, layout, packed, pairs, shape, PLACE_FRONT, -1);
    for (int layer = 0; layer < shape->layers; layer++)
        whole_place(to, layout, packed, pairs, shape, PLACE_LAYER, layer);
    whole_place(to, layout, packed, pairs, shape, PLACE_BACK, -1);
}

enum err packed_instead(float **image, struct packed_layout **layout, struct params **params)
{
    const struct shape *const shape = &(*params)->shape;
    enum err err = packed_layout_as(layout, shape, packed_store_run(shape));

    *image = NULL;
    if (!err)
        err = mem_big(image, (*layout)->size, sizeof **image, "weights");
    if (!err)
        packed_fill(*image, *layout, *params);
    params_free(*params);
    *params = NULL;
    return err;
}

/* What both have goes over, some rows at a time; what is new (a score: never in panels of pairs)
 * gets first values. */
static void rehead(float *to, const struct packed_layout *layout, const struct tensor *t,
                   const float *image, const struct packed_layout *from,
                   const struct tensor *old)
{
    float *const rows = mem_new((size_t)PIECE * (size_t)t->cols, sizeof *rows);

    for (int row = 0; row < t->rows; row += PIECE) {
        const int n = t->rows - row < PIECE ? t->rows - row : PIECE;

        packed_take(rows, from, old, row, n, image);
        packed_put(to, layout, t, row, n, rows);
    }
    free(rows);
}

static void fresh(float *to, const struct packed_layout *layout, const struct tensor *t,
                  const struct shape *shape, uint64_t seed, bool zero_head)
{
    float *const rows = mem_new((size_t)t->rows * (size_t)t->cols, sizeof *rows);

    params_init_one(rows, t, shape, seed, zero_head);
    packed_put(to, layout, t, 0, t->rows, rows);
    free(rows);
}

enum err packed_reheaded(float **image, struct packed_layout **layout,
                         const struct shape *shape, enum head head, uint64_t seed,
                         bool zero_head)
{
    struct params *was = NULL, *is = NULL;
    struct packed_layout *lay = NULL;
    struct shape other = *shape;
    float *to = NULL;
    enum err err = params_outline(&was, shape);

    other.head = head;
    if (!err)
        err = params_outline(&is, &other);
    if (!err)
        err = packed_layout_as(&lay, &other, (*layout)->store);
    if (!err)
        err = mem_big(&to, lay->size, sizeof *to, "new head");
    for (int i = 0; !err && i < is->n; i++) {
        const struct tensor *t = &is->tensor[i], *old = params_part(was, t->part, t->layer);

        if (old && old->rows == t->rows)
            rehead(to, lay, t, *image, *layout, old);
        else
            fresh(to, lay, t, &other, seed, zero_head);
    }
    params_free(was);
    params_free(is);
    if (err) {
        packed_layout_free(lay);
        return err_add("new head");
    }
    free(*image);
    packed_layout_free(*layout);
    *image = to;
    *layout = lay;
    return OK;
}

struct hash packed_hash(const void *packed, size_t bytes)
{
    const long chunks = (long)((bytes + HASH_CHUNK - 1) / HASH_CHUNK);
    struct hash *digest = mem_new((size_t)chunks, sizeof *digest);
    struct hash out;

#pragma omp parallel for schedule(static) if (chunks > 1)
    for (long i = 0; i < chunks; i++) {
        const size_t at = (size_t)i * HASH_CHUNK, left = bytes - at;

        digest[i] = hash_chunk((const uint8_t *)packed + at,
                               left < HASH_CHUNK ? left : (size_t)HASH_CHUNK);
    }
    out = hash_join(digest, (size_t)chunks);
    free(digest);
    return out;
}

void packed_unpack(struct params *params, const struct packed_layout *layout,
                   const float *packed)
{
    for (int i = 0; i < params->n; i++) {
        const struct tensor *t = &params->tensor[i];

        packed_take(params->data + t->at, layout, t, 0, t->rows, packed);
    }
}
