/* objective_cpo: contrastive preference optimisation: pairs without a reference, and a
 * likelihood beside them.
 *
 * Of a pair, C and R are the sums of log-probabilities of the two answers, or their means over
 * tokens with `mean` and with ipo; alpha a != 0 puts (1 - exp(-a x)) / a in their place
 * (AlphaPO: Gupta et al. 2025, arXiv:2501.03884, eq. 9). D = C - R, z = b D - gamma,
 * e = label_smoothing, ls = ln sigmoid:
 *
 *   sigmoid  -(1-e) ls(z) - e ls(-z)
 *            gamma 0, sums: CPO                     Xu et al. 2024, arXiv:2401.08417, eq. 5
 *            means: SimPO, TRL's loss_type simpo    Meng et al. 2024, arXiv:2405.14734, eq. 6
 *   hinge    max(0, 1 - z)
 *   ipo      (D - 1 / (2b))^2
 *
 * loss = sum over pairs / in->normaliser + cpo_alpha * mean negative log-likelihood of the
 * chosen answers' tokens (in->step_tokens). Metrics: objective_pair.h (rewards b C and b R,
 * logps as they enter the loss), nll_loss. */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_CPO_H
#define LEARNER_OBJECTIVE_OBJECTIVE_CPO_H

#include "learner/objective/objective.h"

enum objective_cpo_kind { CPO_SIGMOID, CPO_HINGE, CPO_IPO };

struct objective_cpo_conf {
    enum objective_cpo_kind kind;
    bool mean;
    double beta, label_smoothing, likelihood; /* likelihood: cpo_alpha */
    double gamma;                             /* of sigmoid and hinge */
    double alpha;                             /* AlphaPO's; 0: off */
};

/* conf: struct objective_cpo_conf. Reads logprob, seq_weight, seq_soft. */
extern const struct objective objective_cpo;

/* The same for another row; nll_loss only with a likelihood. */
void objective_cpo_pairs(const struct objective_cpo_conf *conf, const struct objective_in *in,
                         struct objective_out *out);

#endif
