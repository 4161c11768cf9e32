/* ppo: the row of PPO with a KL penalty and a critic (round.h runs it).
 *
 * Formulas: advantage_ppo.h, advantage.h, kl.h, objective_ppo.h. Each iteration's epochs are
 * num_ppo_epochs; its schedule counts iterations, as TRL 0.22's. */

#ifndef LEARNER_METHODS_PPO_H
#define LEARNER_METHODS_PPO_H

#include "learner/iteration/iteration.h"
#include "learner/objective/objective_ppo.h"

/* TRL's keys by TRL's names (0.22 PPOConfig). */
struct ppo_conf {
    struct objective_ppo_conf loss; /* first: what the objectives take */
    bool whiten_rewards;
    double gamma, lam;
    struct {
        bool is;
        double cliprange_value;
    } kept;                      /* the round's own: what holds beyond critic_warmup */
    bool vtrace;                 /* advantages by V-trace, in place of GAE */
    double rho_bar;              /* its bound of the ratio */
    struct iteration_conf round; /* num_ppo_epochs is round.epochs; its method is left out */
};

/* TRL's defaults, for a run of `iterations`. */
struct ppo_conf ppo_defaults(int64_t iterations);

/* While the critic learns alone (round.critic_warmup) its targets are the rewards that came,
 * lambda 1, and its change is not clipped: Yuan et al. 2025, arXiv:2503.01491, section 4.1.
 *
 * val/explained_variance is 1 - Var(G - V) / Var(G) over learnt tokens, V what the critic says
 * before the iteration, G the discounted rewards to come; left out where G does not vary.
 *
 * What iteration_new takes; `conf` is borrowed until then. Metrics are TRL's, over learnt tokens
 * only, and sums over tokens are means over answers: lr, episode, objective/{kl,entropy,
 * non_score_reward,rlhf_reward,scores}, policy/{approxkl,clipfrac,entropy}_avg,
 * loss/{policy,value}_avg, val/{clipfrac_avg,ratio,ratio_var,num_eos_tokens,
 * explained_variance} (eps is the
 * caller's: it has the clock); and drover_kl_coef, drover_{policy,critic}_grad_norm. */
struct iteration_conf ppo_round(const struct ppo_conf *conf);

#endif
