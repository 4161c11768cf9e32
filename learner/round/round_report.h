/* round_report: what an iteration has gathered, for the method to name. */

#ifndef LEARNER_ROUND_ROUND_REPORT_H
#define LEARNER_ROUND_ROUND_REPORT_H

#include "learner/round/round_batch.h"

struct round_report {
    const struct round_batch *batch;
    struct objective_out sums;      /* the objectives' metrics, added up by name */
    double loss;                    /* the policy's, of all optimiser steps added up */
    double ratio_sum, ratio_square; /* of the mini-batches' mean ratios (val/ratio) */
    double policy_norm, critic_norm;
    double entropy_coef;          /* after each optimiser step, added up */
    int64_t steps;                /* optimiser steps */
    double rate;                  /* the policy's, of the first of them */
    double beta;                  /* of this iteration */
    int64_t episodes, num_tokens; /* up to and with this iteration */
    struct round_first first;
};

void round_report_put(struct round_metrics *out, const char *name, double value);

#endif
