/* How: newton.h, with steps of a few units at most. A parameter beyond 40 means that no finite maximum
 * exists, and is said so.
 *
 * The information is singular along (1, ..., 1) of the strengths: a multiple of that direction's
 * projector is added (the lift), which leaves steps of sum 0 as they are and makes the factor
 * exist, and is taken from the inverse again. */

#include "stats/climb.h"

#include "base/mem.h"
#include "stats/cholesky.h"
#include "stats/newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Odds of e^40: no data of people's say so, only an item that never lost. */
static const double far = 40;
/* The longest step in a parameter: far from the maximum the likelihood is nearly flat on one side,
 * and a step across it would not come back. */
static const double longest = 4;

struct climb_work {
    struct climb *climb;
    double lift;
};

/* What is climbed. */
static double penalised(void *self, const double *theta)
{
    const struct climb *const c = ((struct climb_work *)self)->climb;
    double sum = c->value(c->self, theta);

    for (int i = 0; i < c->items && c->penalty > 0; i++)
        sum -= c->penalty * theta[i] * theta[i] / 2;
    return sum;
}

/* The penalty adds to slope and information: it is what makes a maximum finite where an item
 * never lost. The lift is as large as the information itself, for the factor's sake. */
static bool measure(void *self, const double *theta, double *slope, double *hessian)
{
    struct climb_work *const w = self;
    const struct climb *const c = w->climb;
    const int m = c->items;
    double trace = 0;

    for (int i = 0; i < c->n; i++)
        if (!(fabs(theta[i]) < far))
            return false;
    c->measure(c->self, theta, slope, hessian);
    for (int i = 0; i < m; i++) {
        slope[i] -= c->penalty * theta[i];
        hessian[i * c->n + i] += c->penalty;
        trace += hessian[i * c->n + i];
    }
    w->lift = trace > 0 ? trace / ((double)m * m) : 1;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++)
            hessian[i * c->n + j] += w->lift;
    return true;
}

/* What rounding has added to their sum would stay for good: nothing pulls it back. */
static void centre(void *self, double *strength)
{
    const int items = ((struct climb_work *)self)->climb->items;
    double mean = 0;

    for (int i = 0; i < items; i++)
        mean += strength[i] / items;
    for (int i = 0; i < items; i++)
        strength[i] -= mean;
}

/* Along (1, ..., 1) the matrix has the eigenvalue lift m + penalty: its part of the inverse says
 * nothing of the data. */
static void covariance(const struct climb_work *w, double *factor, double *cov)
{
    const struct climb *const c = w->climb;
    const int m = c->items;
    const double lifted = 1 / (w->lift * m * m + c->penalty * m);

    cholesky_inverse(factor, c->n);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++)
            factor[i * c->n + j] -= lifted;
    memcpy(cov, factor, (size_t)c->n * (size_t)c->n * sizeof *cov);
}

enum err climb_run(struct climb *c, double *cov)
{
    const size_t n = (size_t)c->n;
    struct climb_work w = {.climb = c};
    struct newton newton = {.n = c->n,
                            .theta = c->theta,
                            .curvature = mem_new(n * n + 1, sizeof *newton.curvature),
                            .longest = longest,
                            .brief = !cov,
                            .value = penalised,
                            .measure = measure,
                            .settle = centre,
                            .self = &w};
    const bool found = newton_run(&newton);

    c->iterations = newton.iterations;
    if (found && cov)
        covariance(&w, newton.curvature, cov);
    free(newton.curvature);
    return found ? OK
                 : err_set(ERR_RANGE,
                           "no finite maximum: some item never lost or never won, some never "
                           "met the others, or a covariate decides every comparison; a "
                           "penalty makes it finite");
}
