/* The values of a step reward lie on the answer's tokens, -1 where no step ends. Either they
 * become one number, by lm/text/steps.h, or they stay where they are: then what a token gets
 * and what combine_score counts must add up, so credit_value of such a reward is the sum of
 * what credit_dense hands out. Normalisation shifts nothing here: a step is scaled by 1 / std,
 * and the mean, which belongs to the answer, stays with its end. */

#include "reward/credit.h"

#include "base/mem.h"
#include "lm/text/steps.h"

#include <math.h>
#include <stdlib.h>

double credit_value(enum reward_steps how, const float *value, uint32_t n)
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

static bool by_step(const struct reward *r)
{
    return r->steps >= REWARDS_DENSE && r->steps < REWARDS_NO_STEPS;
}

const char *credit_any(const struct rewards *rewards)
{
    for (int i = 0; i < rewards->n; i++)
        if (by_step(&rewards->reward[i]))
            return rewards->reward[i].name;
    return NULL;
}

double credit_share(const struct rewards *rewards)
{
    double steps = 0, rest = 0;

    for (int i = 0; i < rewards->n; i++)
        *(by_step(&rewards->reward[i]) ? &steps : &rest) += fabs(rewards->reward[i].weight);
    return rest > 0 ? steps / rest : 1;
}

/* Two rewards may credit the same token; NaN until the first does. */
static void add(float *to, double value)
{
    *to = (isnan(*to) ? 0 : *to) + (float)value;
}

/* One reward's steps, `scale` times. */
static void spread(float *out, const float *value, uint32_t n, enum reward_steps how,
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
            add(&out[t], scale * ((double)value[t] - before));
        if (how == REWARDS_POTENTIAL)
            before = (double)value[t];
    }
    if (how == REWARDS_WORST && worst < n)
        add(&out[worst], scale * (double)value[worst]);
}

bool credit_dense(const struct rewards *rewards, const struct reward_answer *answer, float *out)
{
    for (uint32_t t = 0; t < answer->n; t++)
        out[t] = NAN;
    for (int i = 0; i < rewards->n; i++) {
        const struct reward *const r = &rewards->reward[i];
        if (by_step(r) && answer->said[i].n == answer->n)
            spread(out, answer->said[i].value, answer->n, r->steps, r->weight / r->std);
    }
    return credit_any(rewards) != NULL;
}
