/* Some rows of a weight at a time are put before a step as floats: where they lie in one block, there; else
 * made of masters, or of moments of 8 bits, into room of the thread's own. What was moved goes back, and into
 * the compute weights, while it is in a cache: so memory is read and written once a step. Pieces are
 * of a fixed size and threads share none, so any number of threads gives the same bits. */

#include "lm/optim/optim_target.h"

#include "base/mem.h"

#include <stdlib.h>

enum { PIECE = 1 << 15, PANEL = 32 };

/* Rows of a piece: whole panels of the image, where there are so many. */
static int piece_rows(const struct tensor *t)
{
    const int rows = PIECE / t->cols / PANEL * PANEL;

    return rows < PANEL ? PANEL : rows;
}

static void put_image(const struct optim_target *o, const struct tensor *t, int row, int n,
                      const float *p)
{
    if (o->masters)
        masters_put(o->masters, t, row, n, p);
    else if (o->image)
        packed_put(o->image, o->layout, t, row, n, p);
}

/* The gradient as the step takes it: where it lies, or multiplied in `room`. */
static const float *take_grad(const struct optim_target *o, size_t at, size_t n, float *room)
{
    if (!(o->shrink > 0.0f))
        return o->grad + at;
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        room[i] = o->grad[at + i] * o->shrink;
    return room;
}

/* room [4][values] if something has to be made. */
static void one_piece(const struct optim_target *o, int i, int row, int n, float *room,
                      size_t values, void (*step)(const void *, const struct optim_piece *),
                      const void *self)
{
    const struct tensor *t = &o->params->tensor[i];
    const size_t at = t->at + (size_t)row * (size_t)t->cols;
    const struct moments_rows mv = moments_take(o->moments, o->params, i, row, n,
                                                (struct moments_rows){room, room + values});
    struct optim_piece piece = {
        .tensor = t, .row = row, .m = mv.m, .v = mv.v, .n = (size_t)n * (size_t)t->cols};

    piece.g = take_grad(o, at, piece.n, room ? room + 3 * values : NULL);

    if (o->masters) {
        piece.p = room + 2 * values;
        masters_take(o->masters, t, row, n, piece.p);
    } else {
        piece.p = o->params->data + at;
    }
    step(self, &piece);
    moments_put(o->moments, o->params, i, row, n, mv);
    put_image(o, t, row, n, piece.p);
}

void optim_target_walk(const struct optim_target *o, int i,
                       void (*step)(const void *self, const struct optim_piece *piece),
                       const void *self)
{
    const struct tensor *t = &o->params->tensor[i];
    const int each = piece_rows(t) < t->rows ? piece_rows(t) : t->rows;
    const size_t values = (size_t)each * (size_t)t->cols;
    const bool makes = o->masters || o->moments->eight || o->shrink > 0.0f;

#pragma omp parallel if (each < t->rows)
    {
        float *room = makes ? mem_new(4 * values, sizeof *room) : NULL;

#pragma omp for schedule(static)
        for (int row = 0; row < t->rows; row += each)
            one_piece(o, i, row, t->rows - row < each ? t->rows - row : each, room, values,
                      step, self);
        free(room);
    }
}
