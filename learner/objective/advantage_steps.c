/* How it works: first the mean of all steps of a group (not of its answers: an answer of many
 * steps counts more), then the scale, then for each answer a sum from the last token to the
 * first, which is what the steps still to come are worth. NaN marks tokens where no step ends.
 * Called once an iteration by grpo and reinforce++. */
#include "learner/objective/advantage_steps.h"

#include <math.h>

static const double small = 1e-4; /* as advantage_group's */

struct spread {
    double square;
    size_t n;
};

/* Sum of squares about zero of what is there. */
static struct spread spread_of(const double *step, size_t from, size_t to)
{
    struct spread s = {0};

    for (size_t t = from; t < to; t++)
        if (!isnan(step[t])) {
            s.square += step[t] * step[t];
            s.n++;
        }
    return s;
}

static double deviation(struct spread s)
{
    return s.n > 1 ? sqrt(s.square / (double)(s.n - 1)) : 0;
}

/* For reinforce++, whose steps are discounted afterwards and whitened with everything else. */
void advantage_steps_centre(double *step, const size_t *at, size_t n, size_t each)
{
    for (size_t g = 0; g < n; g += each) {
        double sum = 0;
        size_t steps = 0;
        for (size_t t = at[g]; t < at[g + each]; t++)
            if (!isnan(step[t])) {
                sum += step[t];
                steps++;
            }
        for (size_t t = at[g]; t < at[g + each]; t++)
            step[t] -= sum / (double)(steps ? steps : 1);
    }
}

void advantage_steps(double *out, const double *step, const size_t *at, size_t n, size_t each,
                     enum advantage_group_scale scale)
{
    for (size_t t = 0; t < at[n]; t++)
        out[t] = step[t];
    advantage_steps_centre(out, at, n, each);
    const double all = deviation(spread_of(out, 0, at[n]));
    for (size_t g = 0; g < n; g += each) {
        const double own = deviation(spread_of(out, at[g], at[g + each]));
        const double by = scale == ADVANTAGE_GROUP_PLAIN      ? 1
                          : scale == ADVANTAGE_GROUP_BY_BATCH ? all + small
                                                              : own + small;
        for (size_t i = g; i < g + each; i++) {
            double to_come = 0;
            for (size_t t = at[i + 1]; t-- > at[i];)
                out[t] = to_come += isnan(out[t]) ? 0 : out[t] / by;
        }
    }
}
