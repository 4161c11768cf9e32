/* How it works: tensor by tensor, since an update is clipped by the root mean square of the whole
 * tensor's. First what is remembered: squares by row and by column (a vector: each), in double;
 * from these a factor for each row and each column, whose product with the gradient is the
 * update. Then its square is summed, row by row in rows' order, and the weights move. Rows and
 * columns are spread over threads, and each sum belongs to one of them: the same bits always.
 *
 * A gradient of a whole row may be zero (a token that no batch had): the 10^-30 that is added to
 * each square keeps its factor finite, and zero times it is no step. */
#include "lm/optim/optim_adafactor.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

/* Columns that one thread sums down: rows are then read in pieces of whole cache lines. */
enum { LANES = 16, STRIPE = 256 };

static const double tiny = 1e-30; /* transformers' eps[0] */

/* One tensor's step. */
struct optim_factors {
    const float *g;
    float *row, *col; /* row, col: what is remembered; a vector's squares are in `row` */
    float *by_row, *by_col;
    double *sum; /* [rows] */
    long rows, cols;
    double keep, rest; /* of what is remembered, of what is new */
    float decay, rate; /* of the weights what stays, of the update what is taken */
};

/* x^0.8 for x in (0,1] by the binary digits of .8, each a square root: no libm. */
static double power_08(double x)
{
    double part = 0.8, root = x, y = 1.0;

    for (int i = 0; i < 52; i++) {
        root = sqrt(root);
        part *= 2;
        if (part >= 1) {
            part -= 1;
            y *= root;
        }
    }
    return y;
}

/* Element j in lane j mod 16, one tree. */
static double tree(double lane[LANES])
{
    for (int half = LANES / 2; half; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

/* Sum of (by[j] g[j])^2 + more; by NULL: 1. */
static double sum_row(const float *g, const float *by, float row, long n, double more)
{
    double lane[LANES] = {0};

    for (long at = 0; at < n; at += LANES) {
        const long end = n - at < LANES ? n - at : LANES;
#pragma omp simd
        for (long j = 0; j < end; j++) {
            const double u = (double)(by ? row * by[at + j] * g[at + j] : g[at + j]);
            lane[j] += u * u + more;
        }
    }
    return tree(lane);
}

/* Below this many weights threads cost more than they save. */
static bool worth(const struct optim_factors *f)
{
    return f->rows * f->cols >= 1 << 15;
}

/* Means of the squares by row, then by column; the mean of all rows' is the caller's divisor. */
static double remember(const struct optim_factors *f)
{
    const long stripes = (f->cols + STRIPE - 1) / STRIPE;
    double mean = 0;

#pragma omp parallel for schedule(static) if (worth(f))
    for (long i = 0; i < f->rows; i++) {
        const double now =
            sum_row(f->g + i * f->cols, NULL, 1, f->cols, tiny) / (double)f->cols;
        f->row[i] = (float)((double)f->row[i] * f->keep + now * f->rest);
    }
#pragma omp parallel for schedule(static) if (worth(f))
    for (long s = 0; s < stripes; s++) {
        const long from = s * STRIPE;
        const long n = f->cols - from < STRIPE ? f->cols - from : STRIPE;
        double sum[STRIPE] = {0};

        for (long i = 0; i < f->rows; i++)
            for (long j = 0; j < n; j++) {
                const double g = (double)f->g[i * f->cols + from + j];
                sum[j] += g * g + tiny;
            }
        for (long j = 0; j < n; j++) {
            float *to = &f->col[from + j];
            *to = (float)((double)*to * f->keep + sum[j] / (double)f->rows * f->rest);
        }
    }
    for (long i = 0; i < f->rows; i++) /* in order: one chain for any number of threads */
        mean += (double)f->row[i];
    return mean / (double)f->rows;
}

/* v ~ row x col / mean(row), of which the gradient is divided by the root. */
static void factors(const struct optim_factors *f)
{
    const double mean = remember(f);

    for (long i = 0; i < f->rows; i++)
        f->by_row[i] = (float)(1 / sqrt((double)f->row[i] / mean));
    for (long j = 0; j < f->cols; j++)
        f->by_col[j] = (float)(1 / sqrt((double)f->col[j]));
}

/* A vector's squares are remembered one by one: its `row` factor is 1. */
static void singles(const struct optim_factors *f)
{
    f->by_row[0] = 1;
    for (long j = 0; j < f->cols; j++) {
        const double square = (double)f->g[j] * (double)f->g[j] + tiny;
        f->row[j] = (float)((double)f->row[j] * f->keep + square * f->rest);
        f->by_col[j] = (float)(1 / sqrt((double)f->row[j]));
    }
}

/* The root mean square of the update. */
static double size_of(const struct optim_factors *f)
{
    double sum = 0;

#pragma omp parallel for schedule(static) if (worth(f))
    for (long i = 0; i < f->rows; i++)
        f->sum[i] = sum_row(f->g + i * f->cols, f->by_col, f->by_row[i], f->cols, 0);
    for (long i = 0; i < f->rows; i++)
        sum += f->sum[i];
    return sqrt(sum / ((double)f->rows * (double)f->cols));
}

/* optim_target_walk_one's step. */
static void move(const void *self, const struct optim_piece *piece)
{
    const struct optim_factors *f = self;

    for (long i = 0; i < (long)piece->n / f->cols; i++) {
        const float *g = piece->g + i * f->cols;
        const float row = f->by_row[piece->row + i];
        float *p = piece->p + i * f->cols;

        for (long j = 0; j < f->cols; j++)
            p[j] = p[j] * f->decay - f->rate * (row * f->by_col[j] * g[j]);
    }
}

void optim_adafactor(const struct adamw *conf, const struct optim_target *target, int64_t t,
                     double rate)
{
    const double rest = power_08(1.0 / (double)t);
    struct optim_target scaled = *target;

    /* A tensor's gradient is read more than once: it is multiplied where it lies. */
    scaled.shrink = 0;
    for (int i = 0; i < target->params->n; i++) {
        const struct tensor *tensor = &target->params->tensor[i];
        const size_t rows = (size_t)tensor->rows, cols = (size_t)tensor->cols;
        const struct moments_rows is = moments_take(target->moments, target->params, i, 0, 0,
                                                    (struct moments_rows){NULL, NULL});
        float *by = mem_new(rows + cols, sizeof *by);
        double *sum = mem_new(rows, sizeof *sum);
        struct optim_factors f = {.g = target->grad + tensor->at,
                                  .row = is.v,
                                  .col = is.m,
                                  .by_row = by,
                                  .by_col = by + rows,
                                  .sum = sum,
                                  .rows = tensor->rows,
                                  .cols = tensor->cols,
                                  .keep = 1 - rest,
                                  .rest = rest};
        double size;

        if (target->shrink > 0.0f)
            optim_scale(target->grad + tensor->at, rows * cols, target->shrink);
        /* What decays is what torch holds with two dimensions, though one of them be 1. */
        if (tensor->decay)
            factors(&f);
        else
            singles(&f);
        size = size_of(&f);
        f.decay = (float)(1 - (tensor->decay ? rate * conf->weight_decay : 0));
        f.rate = (float)(rate / (size > 1 ? size : 1));
        optim_target_walk_one(&scaled, i, move, &f);
        free(sum);
        free(by);
    }
}
