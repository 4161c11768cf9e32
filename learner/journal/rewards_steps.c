/* What a process reward model's values at step ends become. */
#include "learner/journal/rewards.h"

#include "base/mem.h"
#include "lm/text/steps.h"

#include <stdlib.h>
#include <string.h>

double rewards_steps_value(enum rewards_steps how, const float *value, uint32_t n)
{
    double *p = mem_new((size_t)n + 1, sizeof *p), out;
    int count = 0;

    for (uint32_t t = 0; t < n; t++)
        if (value[t] >= 0)
            p[count++] = (double)value[t];
    out = how == REWARDS_DENSE       ? steps_sum(STEPS_MEAN, p, count) * count
          : how == REWARDS_POTENTIAL ? steps_sum(STEPS_LAST, p, count)
          : how == REWARDS_WORST     ? steps_sum(STEPS_MIN, p, count)
                                     : steps_sum((enum steps_how)how, p, count);
    free(p);
    return out;
}

bool rewards_steps_any(const struct rewards *rewards)
{
    bool any = false;

    for (int i = 0; i < rewards->n; i++)
        any = any || (rewards->reward[i].steps >= REWARDS_DENSE &&
                      rewards->reward[i].steps < REWARDS_NO_STEPS);
    return any;
}

/* One reward's steps, `scale` times. */
static void spread(float *out, const float *value, uint32_t n, enum rewards_steps how,
                   double scale)
{
    double before = 0;
    uint32_t worst = n;

    for (uint32_t t = 0; t < n; t++) {
        if (!(value[t] >= 0))
            continue;
        if (worst == n || value[t] < value[worst])
            worst = t;
        if (how != REWARDS_WORST)
            out[t] += (float)(scale * ((double)value[t] - before));
        if (how == REWARDS_POTENTIAL)
            before = (double)value[t];
    }
    if (how == REWARDS_WORST && worst < n)
        out[worst] += (float)(scale * (double)value[worst]);
}

bool rewards_steps_dense(const struct rewards *rewards, const struct record_sample *sample,
                         float *out)
{
    memset(out, 0, sample->n * sizeof *out);
    for (int i = 0; i < rewards->n; i++) {
        const struct reward *const r = &rewards->reward[i];
        uint32_t n;
        const float *const value = record_score(sample, &r->scorer, &n);
        if (r->steps >= REWARDS_DENSE && r->steps < REWARDS_NO_STEPS && n == sample->n)
            spread(out, value, n, r->steps, r->weight / r->std);
    }
    return rewards_steps_any(rewards);
}
