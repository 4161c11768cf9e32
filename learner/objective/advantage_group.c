/* How it works: the n scores stand group by group, `each` in a row, so a group is a slice.
 * Called once an iteration, before anything is trained. In and out may be the same array: a
 * group's mean and deviation are taken before the first of its scores changes. */
#include "learner/objective/advantage_group.h"

#include <math.h>

static const double small = 1e-4; /* TRL's, beside a deviation */

double advantage_group_mean(const double *score, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += score[i];
    return n ? sum / (double)n : 0;
}

/* Unbiased, and about the mean: scores of one group may be large and near to each other. */
double advantage_group_deviation(const double *score, size_t n)
{
    const double mean = advantage_group_mean(score, n);
    double square = 0;

    for (size_t i = 0; i < n; i++)
        square += (score[i] - mean) * (score[i] - mean);
    return n > 1 ? sqrt(square / (double)(n - 1)) : 0;
}

void advantage_group(double *out, const double *score, size_t n, size_t each,
                     enum advantage_group_scale scale)
{
    const double all = advantage_group_deviation(score, n);

    for (size_t g = 0; g < n; g += each) {
        const double mean = advantage_group_mean(score + g, each);
        const double own = advantage_group_deviation(score + g, each);
        const double by = scale == ADVANTAGE_GROUP_PLAIN      ? 1
                          : scale == ADVANTAGE_GROUP_BY_BATCH ? all + small
                                                              : own + small;
        for (size_t i = g; i < g + each; i++)
            out[i] = (score[i] - mean) / by;
    }
}

void advantage_group_others(double *out, const double *score, size_t n, size_t each,
                            bool normalise)
{
    for (size_t g = 0; g < n; g += each) {
        double sum = 0;
        for (size_t i = g; i < g + each; i++)
            sum += score[i];
        for (size_t i = g; i < g + each; i++)
            out[i] = each > 1 ? score[i] - (sum - score[i]) / (double)(each - 1) : 0;
    }
    if (!normalise)
        return;
    const double mean = advantage_group_mean(out, n), by = advantage_group_deviation(out, n);
    for (size_t i = 0; i < n; i++)
        out[i] = (out[i] - mean) / (by + small);
}

void advantage_group_parts(double *out, const double *score, const double *weight, size_t parts,
                           const double *price, size_t n, size_t each)
{
    for (size_t i = 0; i < n; i++)
        out[i] = 0;
    for (size_t k = 0; k < parts; k++) {
        const double *const own = score + k * n;
        for (size_t g = 0; g < n; g += each) {
            const double mean = advantage_group_mean(own + g, each);
            const double by = advantage_group_deviation(own + g, each) + small;
            for (size_t i = g; i < g + each; i++)
                out[i] += weight[k] * ((own[i] - mean) / by);
        }
    }
    for (size_t g = 0; price && g < n; g += each) {
        const double mean = advantage_group_mean(price + g, each);
        for (size_t i = g; i < g + each; i++)
            out[i] -= price[i] - mean;
    }
    const double mean = advantage_group_mean(out, n), by = advantage_group_deviation(out, n);
    for (size_t i = 0; i < n; i++)
        out[i] = (out[i] - mean) / (by + small);
}

size_t advantage_group_flat(const double *score, size_t n, size_t each)
{
    size_t flat = 0;

    for (size_t g = 0; g < n; g += each)
        flat += advantage_group_deviation(score + g, each) <= 1e-8;
    return flat;
}
