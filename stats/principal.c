/* How: `most` directions, drawn at first, are turned towards the leading ones by the squares' matrix,
 * which is never made (a row's products with all directions, times the row), and made orthonormal
 * again (subspace iteration: Golub and Van Loan, Matrix Computations, 8.2.4), until they hold no
 * more of the squares than before. Which basis of that space it is does not matter to a penalty
 * that is the same for all. */

#include "stats/principal.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS_MAX = 60 };
static const double enough = 1e-5; /* of the squares held: so little more is no more */

static double dot(const double *a, const double *b, int d)
{
    double sum = 0;

    for (int j = 0; j < d; j++)
        sum += a[j] * b[j];
    return sum;
}

/* Gram and Schmidt, each twice, as once loses digits where directions are nearly the same. */
static void orthonormal(double *q, int k, int d)
{
    for (int a = 0; a < k; a++) {
        double *const row = q + (size_t)a * (size_t)d;
        double length;

        for (int b = 0; b < 2 * a; b++) {
            const double *const other = q + (size_t)(b % a) * (size_t)d;
            const double by = dot(row, other, d);
            for (int j = 0; j < d; j++)
                row[j] -= by * other[j];
        }
        length = sqrt(dot(row, row, d));
        for (int j = 0; j < d; j++)
            row[j] = length > 1e-150 ? row[j] / length : 0;
    }
}

/* next = q X' X; returns the squares that q holds. */
static double turn(double *next, const double *q, int k, const double *x, size_t n, int d)
{
    double held = 0;

    memset(next, 0, (size_t)k * (size_t)d * sizeof *next);
    for (size_t i = 0; i < n; i++)
        for (int a = 0; a < k; a++) {
            const double *const row = x + i * (size_t)d;
            const double p = dot(q + (size_t)a * (size_t)d, row, d);
            held += p * p;
            for (int j = 0; j < d; j++)
                next[(size_t)a * (size_t)d + (size_t)j] += p * row[j];
        }
    return held;
}

/* q [k,d] out. */
static void directions(double *q, double *next, int k, const double *x, size_t n, int d)
{
    double before = 0, held = 0;

    for (int i = 0; i < k * d; i++)
        q[i] = rng_normal(1, RNG_CHOICE, 0, (uint32_t)i, 0);
    orthonormal(q, k, d);
    for (int turns = 0; turns < TURNS_MAX && (!turns || held > before * (1 + enough));
         turns++) {
        before = held;
        held = turn(next, q, k, x, n, d);
        memcpy(q, next, (size_t)k * (size_t)d * sizeof *q);
        orthonormal(q, k, d);
    }
}

/* x in units of each feature's root mean square. */
static enum err level(double *out, const double *x, size_t n, size_t by, int d)
{
    for (size_t j = 0; j < (size_t)d; j++) {
        double square = 0;
        for (size_t i = 0; i < by; i++)
            square += x[i * (size_t)d + j] * x[i * (size_t)d + j] / (double)by;
        for (size_t i = 0; i < n; i++) {
            const double v = x[i * (size_t)d + j];
            if (!isfinite(v) || !isfinite(square))
                return err_set(ERR_RANGE, "row %zu: feature %zu is not a number", i, j);
            out[i * (size_t)d + j] = square > 0 ? v / sqrt(square) : 0;
        }
    }
    return OK;
}

static void lengthen(double *x, size_t n, size_t by, int k)
{
    double square = 0;

    for (size_t i = 0; i < by * (size_t)k; i++)
        square += x[i] * x[i] / (double)by;
    for (size_t i = 0; i < n * (size_t)k && square > 0; i++)
        x[i] /= sqrt(square);
}

enum err principal_reduce(double **out, int *k, const double *x, size_t n, size_t by, int d,
                          int most)
{
    double *even = NULL, *q = NULL;
    enum err err =
        by && by <= n && d > 0 && most > 0
            ? OK
            : err_set(ERR_RANGE, "%zu of %zu rows, %d of %d features", by, n, most, d);

    *out = NULL;
    *k = d < most ? d : most;
    if (!err)
        err = mem_big(&even, n * (size_t)d, sizeof *even, "features in one unit");
    if (!err)
        err = level(even, x, n, by, d);
    if (!err && d > most) {
        q = mem_new(2 * (size_t)most * (size_t)d, sizeof *q);
        directions(q, q + (size_t)most * (size_t)d, most, even, by, d);
        err = mem_big(out, n * (size_t)most, sizeof **out, "leading directions");
        for (size_t i = 0; i < n && !err; i++)
            for (int a = 0; a < most; a++)
                (*out)[i * (size_t)most + (size_t)a] =
                    dot(q + (size_t)a * (size_t)d, even + i * (size_t)d, d);
    } else if (!err) {
        *out = even;
        even = NULL;
    }
    if (!err)
        lengthen(*out, n, by, *k);
    free(even);
    free(q);
    return err;
}
