/* How it works: one pass over an answer's tokens from the last to the first, so that each finds
 * what its follower expects. Called once an iteration by the methods that have token rewards, on
 * arrays of the whole batch, answer by answer. Sums are in double and in order of the tokens:
 * the numbers of a run then do not depend on how the batch was gathered. A token that the policy
 * did not write passes the value and the advantage on as they are. */
#include "learner/objective/advantage.h"

#include <math.h>

static bool learnt(const uint8_t *learn, int t)
{
    return !learn || learn[t];
}

void advantage_gae(const float *reward, const float *value, const uint8_t *learn, int n,
                   double gamma, double lambda, float *advantage, float *target)
{
    double next_value = 0, next_advantage = 0;

    for (int t = n - 1; t >= 0; t--) {
        advantage[t] = target[t] = 0;
        if (!learnt(learn, t))
            continue;
        const double delta = (double)reward[t] + gamma * next_value - (double)value[t];
        next_advantage = delta + gamma * lambda * next_advantage;
        next_value = (double)value[t];
        advantage[t] = (float)next_advantage;
        target[t] = (float)(next_advantage + next_value);
    }
}

void advantage_vtrace(const float *reward, const float *value, const double *ratio,
                      const uint8_t *learn, int n, double gamma, double lambda, double rho_bar,
                      float *advantage, float *target)
{
    double next_value = 0, next_target = 0;

    for (int t = n - 1; t >= 0; t--) {
        advantage[t] = target[t] = 0;
        if (!learnt(learn, t))
            continue;
        const double v = (double)value[t], r = (double)reward[t];
        const double rho = fmin(rho_bar, ratio[t]), c = lambda * fmin(1, ratio[t]);
        const double at =
            v + rho * (r + gamma * next_value - v) + gamma * c * (next_target - next_value);
        advantage[t] = (float)(rho * (r + gamma * next_target - v));
        target[t] = (float)at;
        next_value = v;
        next_target = at;
    }
}

/* Two passes: the variance is about the mean, not a difference of large sums. */
void advantage_whiten(float *x, const uint8_t *learn, int n, enum advantage_mean mean)
{
    double sum = 0, square = 0;
    long count = 0;

    for (int t = 0; t < n; t++) {
        if (learnt(learn, t)) {
            sum += (double)x[t];
            count++;
        }
    }
    if (count < 2)
        return;
    const double centre = sum / (double)count;
    for (int t = 0; t < n; t++) {
        if (learnt(learn, t))
            square += ((double)x[t] - centre) * ((double)x[t] - centre);
    }
    const double scale = 1.0 / sqrt(square / (double)(count - 1) + 1e-8);
    for (int t = 0; t < n; t++) {
        if (learnt(learn, t))
            x[t] = (float)(((double)x[t] - centre) * scale +
                           (mean == ADVANTAGE_KEEP_MEAN ? centre : 0.0));
    }
}
