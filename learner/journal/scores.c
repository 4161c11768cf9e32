/* The journal keeps scores by their scorer's hash, since tables change between runs and a
 * record outlives them; the rewards know theirs by place in the table of this run. This is
 * where the one becomes the other. It is cheap (a few comparisons of hashes a sample), so
 * nobody keeps the result: what it points to is the sample's. */

#include "learner/journal/scores.h"

#include "reward/combine.h"

struct reward_answer scores_of(const struct rewards *rewards,
                               const struct record_sample *sample)
{
    struct reward_answer out = {.n = sample->n_token, .cut = sample->end == ROLLOUT_LENGTH};

    for (int i = 0; i < rewards->n_table; i++)
        out.said[i].value = record_score(sample, &rewards->table[i].hash, &out.said[i].n);
    return out;
}

enum err scores_check(const struct rewards *rewards, const struct record_sample *sample,
                      const struct hash **scorer)
{
    const struct reward_answer answer = scores_of(rewards, sample);
    const enum err err = combine_check(rewards, &answer, scorer);

    return err ? err_add("task %llu", (unsigned long long)sample->task) : OK;
}

bool scores_flat(const void *self, const struct record_sample *const *answer, uint32_t n)
{
    const struct rewards *const rewards = self;
    const struct reward_answer first = scores_of(rewards, answer[0]);

    for (uint32_t i = 1; i < n; i++) {
        const struct reward_answer other = scores_of(rewards, answer[i]);
        if (!combine_alike(rewards, &first, &other))
            return false;
    }
    return true;
}
