/* What the table of scorers asks of a sample: a score of each, of the right size, all numbers.
 */

#include "learner/journal/rewards.h"
#include "proto/msg_work.h"

#include <math.h>

enum err rewards_check(const struct rewards *rewards, const struct record_sample *sample,
                       const struct hash **scorer)
{
    for (int i = 0; i < rewards->scorers; i++) {
        const struct scorer *const s = &rewards->table[i];
        const uint32_t want = msg_score_values(s, sample->n_token);
        uint32_t n;
        const float *const value = record_score(sample, &s->hash, &n);

        *scorer = &s->hash;
        if (!value || n != want)
            return err_set(ERR_RANGE, "task %llu: scorer %s gave %u values, expected %u",
                           (unsigned long long)sample->task, s->name, n, want);
        for (uint32_t k = 0; k < n; k++)
            if (!isfinite(value[k]))
                return err_set(ERR_RANGE, "task %llu: scorer %s gave %g",
                               (unsigned long long)sample->task, s->name, (double)value[k]);
    }
    *scorer = NULL;
    return OK;
}

bool rewards_check_grouped(const struct rewards *rewards)
{
    for (int i = 0; i < rewards->scorers; i++)
        if (rewards->table[i].unit != UNIT_ROLLOUT)
            return true;
    return false;
}
