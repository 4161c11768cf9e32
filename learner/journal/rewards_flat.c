/* Whether answers differ in anything that a method makes an advantage of: each reward, how they
 * ended, how their length is punished. */

#include "learner/journal/rewards.h"

static double punished(const struct rewards *rewards, const struct record_sample *answer)
{
    return rewards_overlong((int)answer->n_token, rewards->soft_max, rewards->soft_cache);
}

static bool differ(double a, double b)
{
    return a < b || a > b;
}

bool rewards_flat(const void *self, const struct record_sample *const *answer, uint32_t n)
{
    const struct rewards *const rewards = self;

    for (uint32_t i = 1; i < n; i++) {
        if ((answer[i]->end == ROLLOUT_LENGTH) != (answer[0]->end == ROLLOUT_LENGTH) ||
            differ(punished(rewards, answer[i]), punished(rewards, answer[0])))
            return false;
        for (int k = 0; k < rewards->n; k++)
            if (differ(rewards_value(rewards, k, answer[0]),
                       rewards_value(rewards, k, answer[i])))
                return false;
    }
    return true;
}
