/* How: each step is the slope solved by a Cholesky factor of the curvature, cut to a length at which
 * the curvature can still be believed, and halved until the value has risen by a share of what the
 * slope promises (Armijo 1966), or no digit of it can rise any more. The end is where the slope
 * promises next to nothing, or the parameters stand still: near the maximum the error is squared
 * each time, so what is left is below rounding. */

#include "stats/newton.h"

#include "base/mem.h"
#include "stats/cholesky.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 100, HALVINGS_MAX = 40 };
/* A promise of so much of a nat: parameters are good to its root, in units of their own error. */
static const double enough = 1e-20, still = 1e-12, share_of_promise = 1e-4, rounding = 1e-12;

struct newton_work {
    double *slope, *step, *trial; /* [n] */
};

/* The factor and the slope at theta. */
static bool look(struct newton *t, struct newton_work *w)
{
    const size_t n = (size_t)t->n;

    memset(w->slope, 0, n * sizeof *w->slope);
    memset(t->curvature, 0, n * n * sizeof *t->curvature);
    return t->measure(t->self, t->theta, w->slope, t->curvature) &&
           cholesky_factor(t->curvature, t->n);
}

/* The first of the steps, each half of the one before, that brings what it should. A value that is
 * not a number counts as fallen. */
static void search(struct newton *t, struct newton_work *w, double scale, double promise)
{
    const double before = t->reached;

    for (int tries = 0; tries < HALVINGS_MAX; tries++, scale /= 2) {
        for (int i = 0; i < t->n; i++)
            w->trial[i] = t->theta[i] + scale * w->step[i];
        if (t->settle)
            t->settle(t->self, w->trial);
        t->reached = t->value(t->self, w->trial);
        if (t->reached >=
            before + share_of_promise * scale * promise - rounding * (1 + fabs(before)))
            return;
    }
}

/* *done: there is nothing more to gain. */
static bool step(struct newton *t, struct newton_work *w, bool *done)
{
    double promise = 0, most = 0, moved = 0;

    if (!look(t, w))
        return false;
    memcpy(w->step, w->slope, (size_t)t->n * sizeof *w->step);
    cholesky_solve(t->curvature, t->n, w->step);
    for (int i = 0; i < t->n; i++) {
        promise += w->slope[i] * w->step[i];
        most = fmax(most, fabs(w->step[i]));
    }
    search(t, w, t->longest > 0 && most > t->longest ? t->longest / most : 1, promise);
    for (int i = 0; i < t->n; i++)
        moved = fmax(moved, fabs(w->trial[i] - t->theta[i]) / (1 + fabs(w->trial[i])));
    memcpy(t->theta, w->trial, (size_t)t->n * sizeof *w->trial);
    *done = promise <= enough || moved <= still;
    return true;
}

bool newton_run(struct newton *t)
{
    const size_t n = (size_t)t->n;
    struct newton_work w = {.slope = mem_new(3 * n + 1, sizeof *w.slope)};
    bool good = true, done = false;

    w.step = w.slope + n;
    w.trial = w.step + n;
    if (t->settle)
        t->settle(t->self, t->theta);
    t->reached = t->value(t->self, t->theta);
    for (t->iterations = 0; good && !done; t->iterations++)
        good = t->iterations < STEPS_MAX && step(t, &w, &done);
    if (good && !t->brief)
        good = look(t, &w);
    free(w.slope);
    return good;
}
