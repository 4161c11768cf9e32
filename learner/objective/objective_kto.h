/* objective_kto: answers that somebody called good or not, one by one.
 *
 * Ethayarajh et al. 2024, arXiv:2402.01306, eq. 7-8. x = ln pi/ref of an answer (a sum),
 * z = max(0, mean of ln pi/ref over the micro-batch's mismatched answers), without a slope:
 *
 *   kto                good: 1 - sigmoid(b (x - z))    not: 1 - sigmoid(b (z - x))
 *   apo_zero_unpaired  good: 1 - sigmoid(b x)          not: sigmoid(b x)
 *                      (D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7)
 *
 * loss = sum of seq_weight * (desirable or undesirable weight) * the above / in->normaliser,
 * the sum of seq_weight over the step. z belongs to the micro-batch, as in TRL, so kto depends
 * on its size; apo_zero_unpaired does not. Metrics are TRL's: kl, rewards/{chosen,rejected,
 * margins}, logps/..., logits/..., entropy. */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_KTO_H
#define LEARNER_OBJECTIVE_OBJECTIVE_KTO_H

#include "learner/objective/objective.h"

struct objective_kto_conf {
    double beta, desirable, undesirable;
    bool anchored; /* false: z = 0, seq_kl_baseline is not read */
};

/* conf: struct objective_kto_conf. Reads logprob, reference, seq_label, seq_kl_baseline, seq_weight.
 */
extern const struct objective objective_kto;

#endif
