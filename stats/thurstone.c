/* How: the normal equations are the graph's Laplacian; along (1, ..., 1), where it is singular,
 * it is lifted by 1, and the right side has sum 0. */

#include "stats/thurstone.h"

#include "base/mem.h"
#include "stats/cholesky.h"
#include "stats/normal.h"

#include <math.h>
#include <stdlib.h>

enum err thurstone_least_squares(double *strength, const double *wins, int n)
{
    double *laplacian = mem_new((size_t)n * (size_t)n + 1, sizeof *laplacian);
    bool solved;

    for (int i = 0; i < n; i++) {
        strength[i] = 0;
        for (int j = 0; j < n; j++) {
            const double met = wins[i * n + j] + wins[j * n + i], edge = 0.5 / met;
            laplacian[i * n + j] += 1. / n;
            if (i == j || !(met > 0))
                continue;
            laplacian[i * n + i] += 1;
            laplacian[i * n + j] -= 1;
            strength[i] += normal_quantile(
                fmin(fmax(wins[i * n + j] / met, fmin(edge, 0.5)), fmax(1 - edge, 0.5)));
        }
    }
    solved = cholesky_factor(laplacian, n);
    if (solved)
        cholesky_solve(laplacian, n, strength);
    free(laplacian);
    return solved ? OK : err_set(ERR_RANGE, "Thurstone: some items never met the others");
}
