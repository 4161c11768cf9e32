/* ppo_keys: the configuration of `drover ppo`: TRL 0.22's names, and drover's own. */

#ifndef LEARNER_PPO_KEYS_H
#define LEARNER_PPO_KEYS_H

#include "learner/keys.h"
#include "learner/ppo.h"
#include "learner/rewards.h"

struct ppo_keys {
    struct keys keys;
    char *reward_model_path, *exp_name;
    json_t *rewards;
    int total_episodes; /* INT_MIN: from the epochs */
    int num_mini_batches, num_ppo_epochs, response_length, max_prompt_length;
    char *stop_token;
    int stop_token_id;
    double temperature, missing_eos_penalty;
    double kl_coef, target_kl, kl_horizon;
    char *kl_estimator;
    bool whiten_rewards;
    double cliprange, cliprange_value, vf_coef, entropy_coef, gamma, lam;
    char *critic;
    double critic_learning_rate;
    json_t *overlap, *stop_if, *fleet;
    char *on_stale;
    char *eval_dataset;
    int eval_prompts;
    char *reference;
    char *broker, *broker_key;
    int broker_wait, parent_fd;
};

enum { PPO_KEYS_LAG = 8, PPO_KEYS_CONDITIONS = 16 };

struct ppo_keys_condition {
    const char *metric; /* the tree's */
    bool below;         /* "< x"; else "> x" */
    double limit;
};

/* What the keys mean. */
struct ppo_keys_plan {
    struct keys_plan shared;
    struct ppo_conf ppo; /* rates included */
    struct rewards rewards;
    uint64_t lag, batch, iterations;
    bool critic_zero;
    bool reference_here; /* the learner computes reference log-probabilities */
    bool stop_eos;       /* the model's end tokens; else stop_id, or -1 for none */
    int stop_id;
    struct ppo_keys_condition stop_if[PPO_KEYS_CONDITIONS];
    int conditions;
};

extern const struct conf_key *const ppo_keys_tables[];

/* Errors: ERR_PARSE, ERR_RANGE naming the key. `rows` follows later: ppo_keys_length. */
enum err ppo_keys_check(struct ppo_keys_plan *out, const struct ppo_keys *keys) MUST_CHECK;
void ppo_keys_fini(struct ppo_keys_plan *plan);

/* Iterations and learning rates once the number of training prompts is known. */
enum err ppo_keys_length(struct ppo_keys_plan *plan, const struct ppo_keys *keys,
                         size_t rows) MUST_CHECK;

#endif
