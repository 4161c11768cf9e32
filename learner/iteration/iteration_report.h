/* iteration_report: what an iteration has gathered, for the method to name. */

#ifndef LEARNER_ITERATION_ITERATION_REPORT_H
#define LEARNER_ITERATION_ITERATION_REPORT_H

#include "learner/iteration/iteration_batch.h"
#include "learner/step/optimizer_step.h"

struct iteration_report {
    const struct iteration_batch *batch;
    struct optimizer_step_sums sums; /* of all optimiser steps; loss[0] is the policy's */
    double ratio_sum, ratio_square;  /* of the mini-batches' mean ratios (val/ratio) */
    double policy_norm, critic_norm;
    double entropy_coef;          /* after each optimiser step, added up */
    int64_t steps;                /* optimiser steps */
    double rate;                  /* the policy's, of the first of them */
    double beta;                  /* of this iteration */
    int64_t episodes, num_tokens; /* up to and with this iteration */
    struct iteration_first first;
};

void iteration_report_put(struct iteration_metrics *out, const char *name, double value);

#endif
