/* objective_cpo: contrastive preference optimisation: pairs without a reference, and a
 * likelihood beside them.
 *
 * Of a pair, C and R are the sums of log-probabilities of the two answers, or their means over
 * tokens with ipo and simpo; alpha a != 0 puts (1 - exp(-a x)) / a in their place (AlphaPO:
 * Gupta et al. 2025, arXiv:2501.03884, eq. 9). D = C - R, e = label_smoothing, ls = ln sigmoid:
 *
 *   sigmoid  -(1-e) ls(b D) - e ls(-b D)            Xu et al. 2024, arXiv:2401.08417, eq. 5
 *   simpo    the same of D - gamma / b              Meng et al. 2024, arXiv:2405.14734, eq. 6
 *   hinge    max(0, 1 - b D)
 *   ipo      (D - 1 / (2b))^2
 *
 * loss = sum over pairs / in->normaliser + cpo_alpha * mean negative log-likelihood of the
 * chosen answers' tokens (in->step_tokens). Metrics: objective_pair.h (rewards b C and b R,
 * logps as they enter the loss), nll_loss. */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_CPO_H
#define LEARNER_OBJECTIVE_OBJECTIVE_CPO_H

#include "learner/objective/objective.h"

enum objective_cpo_kind { CPO_SIGMOID, CPO_HINGE, CPO_IPO, CPO_SIMPO };

struct objective_cpo_conf {
    enum objective_cpo_kind kind;
    double beta, label_smoothing, likelihood; /* likelihood: cpo_alpha */
    double gamma;                             /* simpo_gamma */
    double alpha;                             /* AlphaPO's; 0: off */
};

/* conf: struct objective_cpo_conf. Reads logprob, seq_weight, seq_soft. */
extern const struct objective objective_cpo;

#endif
