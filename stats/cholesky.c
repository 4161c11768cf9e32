/* How: row by row, in place, the lower triangle. A pivot that has lost ten digits of its
 * diagonal counts as zero: the caller's matrix is then not positive definite in any useful
 * sense. */

#include "stats/cholesky.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool cholesky_factor(double *a, int n)
{
    for (int i = 0; i < n; i++) {
        const double diagonal = a[i * n + i];
        for (int j = 0; j <= i; j++) {
            double sum = a[i * n + j];
            for (int k = 0; k < j; k++)
                sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 1e-10 * diagonal))
                return false;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
    }
    return true;
}

/* Down with L, up with its transpose. */
void cholesky_solve(const double *l, int n, double *b)
{
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++)
            b[i] -= l[i * n + k] * b[k];
        b[i] /= l[i * n + i];
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int k = i + 1; k < n; k++)
            b[i] -= l[k * n + i] * b[k];
        b[i] /= l[i * n + i];
    }
}

void cholesky_down(const double *l, int n, const double *b, double *out)
{
    for (int i = 0; i < n; i++) {
        double sum = b[i];
        for (int k = 0; k < i; k++)
            sum -= l[i * n + k] * out[k];
        out[i] = sum / l[i * n + i];
    }
}

/* A turn in each plane (column k, x) takes x's k-th number into the diagonal: n^2 of work where
 * a new factor is n^3 (Gill, Golub, Murray and Saunders 1974, method C1). */
void cholesky_raise(double *l, int n, double by, double *x)
{
    for (int i = 0; i < n; i++)
        x[i] *= sqrt(by);
    for (int k = 0; k < n; k++) {
        const double old = l[k * n + k], now = hypot(old, x[k]);
        const double c = now / old, s = x[k] / old;

        l[k * n + k] = now;
        for (int i = k + 1; i < n; i++) {
            l[i * n + k] = (l[i * n + k] + s * x[i]) / c;
            x[i] = c * x[i] - s * l[i * n + k];
        }
    }
}

/* Column by column of the identity; n is the number of parameters, a thousand at most. */
void cholesky_inverse(double *l, int n)
{
    const size_t size = (size_t)n * (size_t)n;
    double *all = mem_new(size + 1, sizeof *all);

    for (int i = 0; i < n; i++) {
        all[i * n + i] = 1;
        cholesky_solve(l, n, all + i * n);
    }
    memcpy(l, all, size * sizeof *all);
    free(all);
}
