/* ppo_keys: the configuration of `drover ppo`: TRL 0.22's names, and drover's own. */

#ifndef LEARNER_METHODS_PPO_KEYS_H
#define LEARNER_METHODS_PPO_KEYS_H

#include "learner/methods/fleet_keys.h"
#include "learner/methods/ppo.h"

struct ppo_keys {
    struct fleet_keys fleet;
    char *exp_name;
    int total_episodes; /* INT_MIN: from the epochs */
    int critic_warmup;  /* INT_MIN: by how the critic begins */
    int num_mini_batches, num_ppo_epochs;
    double kl_coef, target_kl, kl_horizon;
    char *kl_estimator;
    bool whiten_rewards;
    double cliprange, cliprange_value, vf_coef, entropy_coef, gamma, lam;
    char *critic, *advantage;
    double rho_bar;
    double critic_learning_rate;
};

#endif
