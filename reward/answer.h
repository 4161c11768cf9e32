/* answer: an answer of the policy as the rewards see it. */

#ifndef REWARD_ANSWER_H
#define REWARD_ANSWER_H

#include "reward/reward.h"

struct reward_answer { /* an answer, and what the table's scorers said of it */
    uint32_t n;        /* tokens */
    bool cut;          /* it ended at the length limit */
    struct {
        const float *value; /* borrowed; NULL: it said nothing */
        uint32_t n;
    } said[REWARDS_MAX + 1]; /* in the order of rewards->table */
};

#endif
