/* Scores come from other machines, so combine_check stands first: it is asked once, when an
 * answer arrives, and what follows may trust that each scorer's values are there, as many as
 * msg_score_values says, and finite. The rest runs once an iteration for each of its answers,
 * in the trainer, and again wherever figures are shown; sums are made in the order of the
 * configuration, so that the same answers give the same bits. combine_measure runs once a run,
 * before the first iteration. */

#include "reward/combine.h"

#include "proto/msg_work.h"
#include "reward/credit.h"

#include <math.h>

enum err combine_check(const struct rewards *rewards, const struct reward_answer *answer,
                       const struct hash **scorer)
{
    for (int i = 0; i < rewards->n_table; i++) {
        const struct scorer *const s = &rewards->table[i];
        const float *const value = answer->said[i].value;
        const uint32_t want = msg_score_values(s, answer->n), n = answer->said[i].n;

        *scorer = &s->hash;
        if (!value || n != want)
            return err_set(ERR_RANGE, "scorer %s gave %u values, expected %u", s->name, n,
                           want);
        for (uint32_t k = 0; k < n; k++)
            if (!isfinite(value[k]))
                return err_set(ERR_RANGE, "scorer %s gave %g", s->name, (double)value[k]);
    }
    *scorer = NULL;
    return OK;
}

double combine_value(const struct rewards *rewards, int i, const struct reward_answer *answer)
{
    const struct reward *const r = &rewards->reward[i];

    if (r->steps != REWARDS_NO_STEPS)
        return credit_value(r->steps, answer->said[i].value, answer->said[i].n);
    return answer->said[i].n ? (double)answer->said[i].value[0] : 0;
}

double combine_score(const struct rewards *rewards, const struct reward_answer *answer)
{
    double sum = 0;

    for (int i = 0; i < rewards->n; i++) {
        const struct reward *const r = &rewards->reward[i];
        sum += r->weight * ((combine_value(rewards, i, answer) - r->mean) / r->std);
    }
    return sum;
}

double combine_raw(const struct rewards *rewards, const struct reward_answer *answer)
{
    double sum = 0;

    for (int i = 0; i < rewards->n; i++)
        sum += rewards->reward[i].weight * combine_value(rewards, i, answer);
    return sum;
}

bool combine_judged(const struct rewards *rewards, int i)
{
    return rewards->reward[i].kind == SCORER_JUDGE;
}

/* A judge's second value (msg_score_values). */
double combine_unheard(const struct rewards *rewards, int i, const struct reward_answer *answer)
{
    return combine_judged(rewards, i) && answer->said[i].n == 2
               ? (double)answer->said[i].value[1]
               : 0;
}

const float *combine_reference(const struct rewards *rewards,
                               const struct reward_answer *answer)
{
    return rewards->reference ? answer->said[rewards->n].value : NULL;
}

void combine_measure(struct rewards *rewards, const double *value, size_t n)
{
    for (int i = 0; i < rewards->n && n > 1; i++) {
        struct reward *const r = &rewards->reward[i];
        const double *const x = value + (size_t)i * n;
        double mean = 0, var = 0;
        if (!r->normalize)
            continue;
        for (size_t k = 0; k < n; k++)
            mean += x[k];
        mean /= (double)n;
        for (size_t k = 0; k < n; k++)
            var += (x[k] - mean) * (x[k] - mean);
        var /= (double)(n - 1);
        r->mean = mean;
        r->std = var > 0 ? sqrt(var) : 1;
    }
}

double combine_overlong(int n, int most, int cache)
{
    if (!cache || n <= most - cache)
        return 0;
    return n <= most ? (double)(most - cache - n) / cache : -1;
}

static bool differ(double a, double b)
{
    return a < b || a > b;
}

static double punished(const struct rewards *rewards, const struct reward_answer *answer)
{
    return combine_overlong((int)answer->n, rewards->soft_max, rewards->soft_cache);
}

/* Values are compared one by one and not their sum: two rewards may cancel, and methods that
 * scale each reward by itself would still tell the answers apart. */
bool combine_alike(const struct rewards *rewards, const struct reward_answer *a,
                   const struct reward_answer *b)
{
    if (a->cut != b->cut || differ(punished(rewards, a), punished(rewards, b)))
        return false;
    for (int k = 0; k < rewards->n; k++)
        if (differ(combine_value(rewards, k, a), combine_value(rewards, k, b)))
            return false;
    return true;
}
