/* iteration_rollout: a finished answer as an iteration reads it. Everything that it points at is
 * borrowed until iteration_run returns. */

#ifndef LEARNER_ITERATION_ITERATION_ROLLOUT_H
#define LEARNER_ITERATION_ITERATION_ROLLOUT_H

#include "proto/noun.h"

struct iteration_rollout {
    uint64_t task;
    uint32_t sample;
    const int *prompt; /* [n_prompt], at least one token */
    int n_prompt;
    const int *token; /* [n_token], the answer, its stop token included; at least one */
    int n_token;
    const uint8_t *mask;    /* [n_token] 1 where the policy wrote; NULL: everywhere */
    const float *behaviour; /* [n_token] nats at conf.temperature, under the weights that wrote;
                               NULL: nobody's, a demonstration */
    const float *reference; /* [n_token] likewise, under the frozen one; NULL: none is read */
    double score;           /* the weighted sum of its rewards */
    const float *dense; /* [n_token] of score, at ends of steps, elsewhere NaN; NULL: none is */
    const double *part; /* [conf.parts] each reward; NULL unless assign reads them */
    const struct span *span; /* [n_span] which weights wrote from where on; 0: the present */
    uint32_t n_span;
    bool ended; /* by a stop token: without, missing_eos_penalty is subtracted */
};

#endif
