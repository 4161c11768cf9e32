/* toy_run: any method of the fleet on a toy world (toy_world.h), as the learner runs it:
 * answers from lm/gen under the policy's own image, scores from the toy world's table,
 * iteration_run. */

#ifndef TESTS_LEARNER_TOY_RUN_H
#define TESTS_LEARNER_TOY_RUN_H

#include "tests/learner/toy_world.h"

enum { TOY_RUN_ANSWERS = 256, TOY_RUN_MOST = 4096, TOY_RUN_OLD = 8 };

struct toy_run {
    const struct toy_world *toy;
    struct iteration_conf conf;
    int samples; /* that the policy writes to a prompt */
    int answers; /* an iteration, a multiple of TOY_RUN_ANSWERS up to TOY_RUN_MOST; 0: TOY_RUN_ANSWERS */
    uint64_t seed;
    int iterations;
    double price;       /* of a nat, for the worth */
    int old;            /* overlap {free: old}: an answer is of any of so many versions back */
    bool noise;         /* scores get Gumbel noise: their order is Bradley-Terry's */
    bool frozen;        /* answers are the reference's, always: offline */
    bool no_reference;  /* bug: the reference is forgotten */
    const double *data; /* [P][n] log-probabilities that demonstrations are drawn from */
    double
        *divergence; /* [iterations+1] out, with data: KL(data || pi) before and after each */
    double *loss;    /* [iterations] out: the metric `loss`; may be NULL */
    double *logprob; /* [P][n] out: of the policy that was learnt; may be NULL */
};

/* The worth of what was learnt. */
void toy_run_run(struct toy_worth *out, const struct toy_run *toy_run);

#endif
