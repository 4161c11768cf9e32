/* play: any method of the fleet on a bed (bed.h), as the learner runs it: answers from lm/gen
 * under the policy's own image, scores from the bed's table, iteration_run. */

#ifndef TESTS_LEARNER_PLAY_H
#define TESTS_LEARNER_PLAY_H

#include "tests/learner/bed.h"

enum { PLAY_ANSWERS = 256, PLAY_MOST = 4096, PLAY_OLD = 8 };

struct play {
    const struct toy_world *bed;
    struct iteration_conf conf;
    int samples; /* that the policy writes to a prompt */
    int answers; /* an iteration, a multiple of PLAY_ANSWERS up to PLAY_MOST; 0: PLAY_ANSWERS */
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
void play_run(struct bed_worth *out, const struct play *play);

#endif
