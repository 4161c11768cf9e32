/* How: each step is the slope solved by a Cholesky factor of the information, cut to a length at
 * which the information can still be believed, and halved until the likelihood has risen by a share
 * of what the slope promises (Armijo 1966). A factor that fails, or a parameter beyond 40, means that no finite
 * maximum exists, and is said so.
 *
 * The information is singular along (1, ..., 1) of the strengths: a multiple of that direction's
 * projector is added (the lift), which leaves steps of sum 0 as they are and makes the factor
 * exist, and is taken from the inverse again. */

#include "stats/climb.h"

#include "base/mem.h"
#include "stats/cholesky.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NEWTON_MAX = 100, HALVINGS_MAX = 40 };
/* Odds of e^40: no data of people's say so, only an item that never lost. */
static const double far = 40;
/* The longest step in a parameter: far from the maximum the likelihood is nearly flat on one side,
 * and a step across it would not come back. */
static const double longest = 4, share_of_promise = 1e-4;

struct climb_work {
    double *slope, *step, *trial; /* [n] */
    double *hessian;              /* [n,n] */
    double lift;
};

/* What is climbed. */
static double penalised(const struct climb *c, const double *theta)
{
    double sum = c->value(c->self, theta);

    for (int i = 0; i < c->items && c->penalty > 0; i++)
        sum -= c->penalty * theta[i] * theta[i] / 2;
    return sum;
}

/* The penalty adds to slope and information: it is what makes a maximum finite where an item
 * never lost. The lift is as large as the information itself, for the factor's sake. */
static void measure(const struct climb *c, struct climb_work *w)
{
    const size_t n = (size_t)c->n;
    const int m = c->items;
    double trace = 0;

    memset(w->slope, 0, n * sizeof *w->slope);
    memset(w->hessian, 0, n * n * sizeof *w->hessian);
    c->measure(c->self, c->theta, w->slope, w->hessian);
    for (int i = 0; i < m; i++) {
        w->slope[i] -= c->penalty * c->theta[i];
        w->hessian[i * c->n + i] += c->penalty;
        trace += w->hessian[i * c->n + i];
    }
    w->lift = trace > 0 ? trace / ((double)m * m) : 1;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++)
            w->hessian[i * c->n + j] += w->lift;
}

static enum err no_maximum(void)
{
    return err_set(ERR_RANGE,
                   "no finite maximum: some item never lost or never won, some never "
                   "met the others, or a covariate decides every comparison; a "
                   "penalty makes it finite");
}

/* What rounding has added to their sum would stay for good: nothing pulls it back. */
static void centre(double *strength, int items)
{
    double mean = 0;

    for (int i = 0; i < items; i++)
        mean += strength[i] / items;
    for (int i = 0; i < items; i++)
        strength[i] -= mean;
}

/* One step. *moved: the largest change. A value that is not a number counts as fallen. */
static enum err step(struct climb *c, struct climb_work *w, double *moved)
{
    const double before = penalised(c, c->theta);
    double scale, promise = 0, most = 0;

    measure(c, w);
    memcpy(w->step, w->slope, (size_t)c->n * sizeof *w->step);
    if (!cholesky_factor(w->hessian, c->n))
        return no_maximum();
    cholesky_solve(w->hessian, c->n, w->step);
    for (int i = 0; i < c->n; i++) {
        promise += w->slope[i] * w->step[i];
        most = fmax(most, fabs(w->step[i]));
    }
    scale = most > longest ? longest / most : 1;
    for (int tries = 0; tries < HALVINGS_MAX; tries++, scale /= 2) {
        for (int i = 0; i < c->n; i++)
            w->trial[i] = c->theta[i] + scale * w->step[i];
        centre(w->trial, c->items);
        if (penalised(c, w->trial) >=
            before + share_of_promise * scale * promise - 1e-12 * fabs(before))
            break;
    }
    *moved = 0;
    for (int i = 0; i < c->n; i++) {
        *moved = fmax(*moved, fabs(w->trial[i] - c->theta[i]));
        c->theta[i] = w->trial[i];
        if (!(fabs(c->theta[i]) < far))
            return no_maximum();
    }
    return OK;
}

/* Along (1, ..., 1) the matrix has the eigenvalue lift m + penalty: its part of the inverse says
 * nothing of the data. */
static enum err covariance(const struct climb *c, struct climb_work *w, double *cov)
{
    const int m = c->items;
    double lifted;

    measure(c, w);
    lifted = 1 / (w->lift * m * m + c->penalty * m);
    if (!cholesky_factor(w->hessian, c->n))
        return no_maximum();
    cholesky_inverse(w->hessian, c->n);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++)
            w->hessian[i * c->n + j] -= lifted;
    memcpy(cov, w->hessian, (size_t)c->n * (size_t)c->n * sizeof *cov);
    return OK;
}

/* 1e-11 in a parameter: far below its standard error, and Newton's last step is quadratic
 * anyway. */
enum err climb_run(struct climb *c, double *cov)
{
    const size_t n = (size_t)c->n;
    struct climb_work w = {.slope = mem_new(3 * n + n * n + 1, sizeof *w.slope)};
    double moved = 1;
    enum err err = OK;

    w.step = w.slope + n;
    w.trial = w.step + n;
    w.hessian = w.trial + n;
    centre(c->theta, c->items);
    for (c->iterations = 0; !err && moved > 1e-11; c->iterations++)
        err = c->iterations < NEWTON_MAX ? step(c, &w, &moved) : no_maximum();
    if (!err && cov)
        err = covariance(c, &w, cov);
    free(w.slope);
    return err;
}
