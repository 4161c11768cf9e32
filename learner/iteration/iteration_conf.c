/* The numbers with which a run over a fleet begins where nobody says otherwise: TRL's. A method's
 * own defaults, and what the keys say, are laid over them (learner/methods). */
#include "learner/iteration/iteration_conf.h"

#include <math.h>

struct iteration_conf iteration_conf_defaults(int64_t iterations)
{
    return (struct iteration_conf){
        .unit = 1,
        .samples = 1,
        .epochs = 1,
        .mini_batches = 1,
        .per_device_train_batch_size = 8,
        .kl_estimator = KL_K1,
        .kl_horizon = 10000,
        .temperature = 1,
        .rates = optim_plan(SCHEDULE_LINEAR, 3e-6, 0, iterations),
        .critic_learning_rate = 3e-6,
        .adamw = {.beta1 = .9, .beta2 = .999, .epsilon = 1e-8},
        .max_grad_norm = 1,
        .gradient_checkpointing = true,
        .stale = {.mode = IMPORTANCE_NONE, .high = INFINITY},
        .seed = 42,
    };
}
