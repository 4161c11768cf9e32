/* objective_dpo: preference without a reward model: DPO and its kin.
 *
 * Of a pair, sums over answers of log-probabilities: c = ln pi/ref of the chosen, r of the
 * rejected (a reference-free run has ref = 1), L_c, L_r their tokens; s_c = f(c), s_r = f(r) by
 * the divergence, D = s_c - s_r; ls = ln sigmoid, e = label_smoothing. Losses of a pair:
 *
 *   sigmoid       -ls(b D)                                   Rafailov et al. 2023, 2305.18290
 *   cdpo          -(1-e) ls(b D) - e ls(-b D)                Mitchell 2023, "cDPO"
 *   robust        (-(1-e) ls(b D) + e ls(-b D)) / (1 - 2e)   Chowdhury et al. 2024, 2403.00409
 *   hinge         max(0, 1 - b D)                            Zhao et al. 2023, 2305.10425
 *   ipo           (s_c/L_c - s_r/L_r - 1/(2b))^2             Azar et al. 2023, 2310.12036
 *   ipo_sum       (D - 1/(2b))^2                             the same over sums, as TRL online
 *   sigmoid_norm  -ls(b (s_c/L_c - s_r/L_r))                 Lambert et al. 2024, 2411.15124
 *   exo_pair      q (ln q - ln(1-e)) + (1-q)(ln(1-q) - ln e), q = sigmoid(b D)
 *                                                            Ji et al. 2024, 2402.00856
 *   nca_pair      -ls(b c) - ls(-b c)/2 - ls(-b r)/2         Chen et al. 2024, 2402.05369
 *   bco_pair      -ls(b c) - ls(-b r)                        Jung et al. 2024, 2404.04656
 *   sppo_hard     (c - 1/(2b))^2 + (r + 1/(2b))^2            Wu et al. 2024, 2405.00675
 *   apo_zero      1 - sigmoid(b c) + sigmoid(b r)            D'Oosterlinck et al., 2408.06266
 *   apo_down      sigmoid(b c) + 1 - sigmoid(b (c - r))      the same
 *   discopop      -ls(b D)(1 - m) + exp(-b D) m, m = sigmoid(b D / tau)   Lu, 2406.08414
 *   aot           d = sorted(ln pi_c - ln pi_r) - sorted(ln ref_c - ln ref_r), then as cdpo
 *   aot_unpaired  d = sorted(c) - sorted(r)                  Melnyk et al. 2024, 2406.05882
 *   sft           the mean negative log-likelihood of chosen tokens
 *
 * The two aot forms sort over the micro-batch and so depend on its size; they take no
 * soft labels and no weights. Divergences (Wang et al. 2023, 2309.16240; TRL 1.16's constants):
 * reverse_kl x, forward_kl 1 - exp(-x), js ln 2 + ls(x), alpha (exp(min((a-1)x, 80)) -
 * 1)/(a-1). use_weighting multiplies a pair by w_c w_r, w = exp(mean(logprob - ln sum p^2)),
 * without a slope of its own (Zhou et al. 2024, 2406.11827).
 *
 * loss = sum of weight_k loss_k over pairs / in->normaliser (pairs of the whole step); sft is
 * over in->step_tokens. Metrics: objective_pair.h, rewards are b c and b r. */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_DPO_H
#define LEARNER_OBJECTIVE_OBJECTIVE_DPO_H

#include "learner/objective/objective.h"

enum objective_dpo_kind {
    DPO_SIGMOID,
    DPO_CDPO,
    DPO_ROBUST,
    DPO_HINGE,
    DPO_IPO,
    DPO_IPO_SUM,
    DPO_SIGMOID_NORM,
    DPO_EXO,
    DPO_NCA,
    DPO_BCO,
    DPO_SPPO,
    DPO_APO_ZERO,
    DPO_APO_DOWN,
    DPO_DISCOPOP,
    DPO_AOT,
    DPO_AOT_UNPAIRED,
    DPO_SFT,
    DPO_KINDS
};

enum objective_dpo_divergence { DPO_REVERSE_KL, DPO_FORWARD_KL, DPO_JS, DPO_ALPHA };

struct objective_dpo_conf {
    int terms;
    struct {
        enum objective_dpo_kind kind;
        double weight;
    } term[DPO_KINDS];
    double beta, label_smoothing;
    enum objective_dpo_divergence divergence;
    double alpha;    /* f_alpha_divergence_coef */
    double ld_alpha; /* weight of tokens beyond the shorter answer; 1: off */
    double tau;      /* discopop */
    bool use_weighting;
};

/* TRL's name of a kind ("exo_pair") and back; -1: none such. */
const char *objective_dpo_name(enum objective_dpo_kind kind);
int objective_dpo_kind(const char *name);

/* May another divergence than reverse_kl go with it? */
bool objective_dpo_bends(enum objective_dpo_kind kind);

/* conf: struct objective_dpo_conf. Reads logprob, reference (NULL: reference-free), seq_weight,
 * seq_soft, square with use_weighting. */
extern const struct objective objective_dpo;

#endif
