/* Some rows of a weight at a time are put before a step as floats: where they lie in one block, there; else
 * made of masters, or of moments of 8 bits, into room of the thread's own. What was moved goes back, and into
 * the compute weights, while it is in a cache: so memory is read and written once a step. Pieces are
 * of a fixed size and threads share none, so any number of threads gives the same bits. A thread has pieces that
 * lie one after the other, through all weights: no two ask the kernel for the same fresh page, which both would
 * clear, and they wait for one another once. */

#include "lm/optim/optim_target.h"

#include "base/mem.h"

#include <omp.h>
#include <stdlib.h>

enum { PIECE = 1 << 15, PANEL = 32 };

/* Rows of a piece: whole panels of the image, where there are so many. */
static int piece_rows(const struct tensor *t)
{
    const int whole = PIECE / t->cols / PANEL * PANEL, rows = whole < PANEL ? PANEL : whole;

    return rows < t->rows ? rows : t->rows;
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

/* What `walk` goes over: some weights, n values from `begin` on; a piece has at most `most`. */
struct walked {
    int first, end;
    size_t begin, n, most;
};

static struct walked walked(const struct params *params, int first, int end)
{
    struct walked w = {first, end, params->tensor[first].at, 0, 0};

    for (int i = first; i < end; i++) {
        const struct tensor *t = &params->tensor[i];
        const size_t values = (size_t)piece_rows(t) * (size_t)t->cols;

        w.most = values > w.most ? values : w.most;
        w.n += (size_t)t->rows * (size_t)t->cols;
    }
    return w;
}

/* A thread has the pieces that begin in its share of the values. */
static void walk(const struct optim_target *o, const struct walked *w,
                 void (*step)(const void *, const struct optim_piece *), const void *self)
{
    const bool makes = o->masters || o->moments->eight || o->shrink > 0.0f;

#pragma omp parallel if (w->n > w->most)
    {
        const size_t threads = (size_t)omp_get_num_threads(), me = (size_t)omp_get_thread_num();
        const size_t share = w->n / threads, from = w->begin + me * share;
        const size_t to = me + 1 < threads ? from + share : w->begin + w->n;
        float *room = makes ? mem_new(4 * w->most, sizeof *room) : NULL;

        for (int i = w->first; i < w->end; i++) {
            const struct tensor *t = &o->params->tensor[i];
            const int each = piece_rows(t);

            for (int row = 0; row < t->rows; row += each) {
                const size_t at = t->at + (size_t)row * (size_t)t->cols;

                if (at >= from && at < to)
                    one_piece(o, i, row, t->rows - row < each ? t->rows - row : each, room,
                              w->most, step, self);
            }
        }
        free(room);
    }
}

void optim_target_walk(const struct optim_target *o,
                       void (*step)(const void *self, const struct optim_piece *piece),
                       const void *self)
{
    const struct walked all = walked(o->params, 0, o->params->n);

    walk(o, &all, step, self);
}

void optim_target_walk_one(const struct optim_target *o, int i,
                           void (*step)(const void *self, const struct optim_piece *piece),
                           const void *self)
{
    const struct walked one = walked(o->params, i, i + 1);

    walk(o, &one, step, self);
}
