/* All walks go: is there enough for this shape, then tensor after tensor, then whether
 * anything is left over. A hash takes the tensors by name, as params_hash does, in pieces of
 * about a quarter of a million floats; weights.c and ggufmodel.c bring their file's way to
 * read some rows. */

#include "lm/file/tensor_walk.h"

#include "base/mem.h"
#include "base/say.h"

#include <stdlib.h>

enum { PIECE = 1 << 18 /* floats */ };

/* Before memory is taken, a small file with a large config.json is refused. In doubles: the
 * count of a hostile shape fits no integer. */
static enum err check_values(const struct tensor_walk *walk, const struct shape *shape)
{
    const double wanted = part_count(shape);

    if (wanted <= walk->values)
        return OK;
    return err_set(ERR_RANGE,
                   "%s: the configuration makes a model of %.0f weights, %.0f are here",
                   walk->name, wanted, walk->values);
}

/* Whether every matrix is bfloat16 in the file. */
static bool all_half(const struct tensor_walk *walk, const struct params *outline)
{
    for (int i = 0; i < outline->n; i++)
        if (part_in_panels(outline->tensor[i].row) &&
            !walk->half(walk->self, &outline->tensor[i]))
            return false;
    return true;
}

/* Rows as a model of this shape has them. */
static enum err take(const struct tensor_walk *walk, const struct shape *shape,
                     const struct tensor *t, int row, int n, float *to)
{
    const enum err err = walk->rows(walk->self, t, row, n, to);

    if (!err)
        params_round(to, t, row, n, shape->compute);
    return err;
}

/* A run computes in them from now on, so whoever compares with another program's figures should know
 * that they are not the file's. */
static void tell_rounded(const struct tensor_walk *walk, const struct params *outline)
{
    const enum precision compute = outline->shape.compute;

    if (precision_halves(compute) && !all_half(walk, outline))
        say(stderr, "%s: its matrices are no bfloat16: rounded, for compute is %s\n",
            walk->name, precision_name(compute));
}

enum err tensor_walk_read(struct params **out, const struct tensor_walk *walk,
                          const struct shape *shape)
{
    struct params *params = NULL;
    enum err err = check_values(walk, shape);

    *out = NULL;
    if (!err)
        err = params_new(&params, shape);
    for (int i = 0; !err && i < params->n; i++) {
        const struct tensor *t = &params->tensor[i];

        err = take(walk, shape, t, 0, t->rows, params->data + t->at);
    }
    if (!err)
        tell_rounded(walk, params);
    if (!err) /* last: a missing tensor's name says more than a strange one's */
        err = walk->others(walk->self, params);
    if (err)
        params_free(params);
    else
        *out = params;
    return err;
}

/* Rows of a piece: whole steps, as rows that belong together are read together. */
static int rows_of(const struct tensor_walk *walk, const struct tensor *t)
{
    const int least = walk->step(walk->self, t), few = PIECE / t->cols + 1;
    const int wanted = (few + least - 1) / least * least;

    return wanted < t->rows ? wanted : t->rows;
}

/* One matrix of another kind, and all are f32: a second kind of block for a few would be a second
 * kind of everything. */
static enum packed_store store_of(const struct tensor_walk *walk, const struct params *outline)
{
    return all_half(walk, outline) ? PACKED_PAIRS : packed_store_of(&outline->shape);
}

static enum err pack_tensor(float *image, const struct packed_layout *layout,
                            const struct tensor_walk *walk, const struct tensor *t)
{
    const int step = rows_of(walk, t);
    float *piece = NULL;
    enum err err = mem_big(&piece, (size_t)step * (size_t)t->cols, sizeof *piece, t->name);

    for (int row = 0; !err && row < t->rows; row += step) {
        const int n = t->rows - row < step ? t->rows - row : step;

        err = walk->rows(walk->self, t, row, n, piece);
        if (!err)
            packed_put(image, layout, t, row, n, piece);
    }
    free(piece);
    return err;
}

enum err tensor_walk_pack(float **image, struct packed_layout **layout,
                          const struct tensor_walk *walk, const struct shape *shape, bool run)
{
    const bool whole = run && packed_store_run(shape) == PACKED_INT8;
    struct params *outline = NULL;
    enum err err = check_values(walk, shape);

    *image = NULL;
    *layout = NULL;
    if (!err)
        err = params_outline(&outline, shape);
    if (!err)
        err = packed_layout_as(layout, shape, whole ? PACKED_INT8 : store_of(walk, outline));
    mem_trim(); /* a tokenizer's file was read before */
    if (!err)
        err = mem_big(image, (*layout)->size, sizeof **image, "weights");
    for (int i = 0; !err && i < outline->n; i++)
        err = pack_tensor(*image, *layout, walk, &outline->tensor[i]);
    if (!err)
        tell_rounded(walk, outline);
    if (!err)
        err = walk->others(walk->self, outline);
    params_free(outline);
    if (!err)
        return OK;
    free(*image);
    packed_layout_free(*layout);
    *image = NULL;
    *layout = NULL;
    return err;
}

enum err tensor_walk_store(enum packed_store *out, const struct tensor_walk *walk,
                           const struct shape *shape)
{
    struct params *outline;
    const enum err err = params_outline(&outline, shape);

    *out = PACKED_F32;
    if (!err)
        *out = store_of(walk, outline);
    params_free(outline);
    return err;
}

/* In the order of rows: the pieces' bytes one after another are those of the whole. */
static enum err hash_tensor(struct hash_sha256 *state, const struct tensor_walk *walk,
                            const struct shape *shape, const struct tensor *t)
{
    const int step = rows_of(walk, t);
    float *piece = mem_new((size_t)step * (size_t)t->cols, sizeof *piece);
    enum err err = OK;

    for (int row = 0; !err && row < t->rows; row += step) {
        const int n = t->rows - row < step ? t->rows - row : step;

        err = take(walk, shape, t, row, n, piece);
        if (!err)
            hash_sha256_add(state, piece, (size_t)n * (size_t)t->cols * sizeof *piece);
    }
    free(piece);
    return err;
}

enum err tensor_walk_hash(struct hash *out, const struct tensor_walk *walk,
                          const struct shape *shape)
{
    const struct tensor **order = NULL;
    struct params *outline = NULL;
    struct hash_sha256 state;
    enum err err = check_values(walk, shape);

    hash_sha256_init(&state);
    if (!err)
        err = params_outline(&outline, shape);
    if (!err) {
        order = mem_new((size_t)outline->n, sizeof *order);
        params_order(outline, order);
    }
    for (int i = 0; !err && i < outline->n; i++)
        err = hash_tensor(&state, walk, shape, order[i]);
    if (!err)
        err = walk->others(walk->self, outline);
    *out = hash_sha256_end(&state);
    params_free(outline);
    free(order);
    return err;
}
