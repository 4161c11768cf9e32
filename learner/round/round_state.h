/* round_state: what the files of round share; for round*.c only. */

#ifndef LEARNER_ROUND_ROUND_STATE_H
#define LEARNER_ROUND_ROUND_STATE_H

#include "learner/round/round_pass.h"

struct round {
    struct round_conf conf;
    void *own;                    /* conf.own */
    struct step *policy, *critic; /* critic: NULL without one */
    struct follow *reference;     /* NULL where it does not move */
    struct kl_control kl;
    struct entropy_control entropy;
    struct round_pass pass;
    int64_t iteration, episodes, num_tokens;
};

#endif
